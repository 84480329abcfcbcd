"""Logistic regression trained to convergence, the classifier of all linear probes."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import chex
import numpy as np

SMALL = 1 << 20  # elements of a feature matrix


class Scaler(NamedTuple):
    """Standardises features with the statistics of a given split."""

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, features: np.ndarray) -> Scaler:
        """Computes mean and standard deviation of every dimension of features [N, D].

        A dimension that is constant up to rounding is only centred, so that it becomes zero
        instead of amplified noise.
        """
        mean = features.mean(axis=0, dtype=np.float64)
        std = features.std(axis=0, dtype=np.float64)
        constant = std <= 1e-6 * np.maximum(np.abs(mean), std.max(initial=0.0))
        return cls(mean, np.where(constant, 1.0, std))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Standardises features [N, D]; returns float32 [N, D]."""
        shifted = features - self.mean.astype(np.float32)
        return shifted * (1 / self.scale).astype(np.float32)


class Fit(NamedTuple):
    """A fitted logistic regression.

    Attributes:
      strength: C, the inverse of the L2 penalty, as in scikit-learn: it multiplies the *sum* of
        the examples' losses.
      weights: float [D, K].
      bias: float [K].
      converged: whether the solver met its tolerance within its iteration limit.
      iterations: number of iterations.
    """

    strength: float
    weights: np.ndarray
    bias: np.ndarray
    converged: bool
    iterations: int

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Logits [N, K] of features [N, D]."""
        return features @ self.weights + self.bias

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predicted class indices int64 [N] of features [N, D]."""
        return self.scores(features).argmax(axis=1)

    def accuracy(self, features: np.ndarray, labels: np.ndarray) -> float:
        """Top-1 accuracy in [0, 1] on features [N, D] with class indices [N]."""
        return float((self.predict(features) == labels).mean())


def fit_standardised(
    features: np.ndarray, labels: np.ndarray, strength: float
) -> tuple[Scaler, Fit]:
    """Fits one logistic regression on standardised features for a given C.

    Args:
      features: float [N, D].
      labels: class indices int [N].
      strength: C.

    Returns:
      The scaler, which must be applied to all features, and the fit.
    """
    chex.assert_rank([features, labels], [2, 1])
    scaler = Scaler.fit(features)
    limits = {"max_iterations": 1000, "tolerance": 1e-4}
    (fit,) = fit_path(scaler(features), labels, [strength], **limits)
    return scaler, fit


class LogisticPath:
    """The solutions of one logistic regression for any C, each warm-started from the nearest one.

    Minimises C sum_i loss_i + |W|^2 / 2 over W and b: the objective, and hence the minimum, of
    scikit-learn's multinomial `LogisticRegression`. With labels [N, K] it is that of K binary ones
    (`OneVsRestClassifier`).
    Three exact reformulations make it fast. With more dimensions than examples, the solver works in
    the span of the examples, which contains the optimum (representer theorem). L-BFGS is
    preconditioned with the coordinates V = L^T W, where L L^T is the Hessian at W = 0 averaged over
    classes, so that correlated features, such as pixels, need about as few iterations as
    independent ones. Each fit starts from the one whose C is nearest, and is computed when asked
    for.
    """

    def __init__(
        self, features: np.ndarray, labels: np.ndarray, *, max_iterations: int, tolerance: float
    ) -> None:
        """Prepares the problem.

        Args:
          features: standardised, float32 [N, D].
          labels: class indices [N], each of 0..K-1 occurs; or 0 and 1 of K labels [N, K], which
            are fitted one against the rest: K binary problems with the same C, solved together.
          max_iterations: largest number of L-BFGS iterations per C.
          tolerance: largest entry of the gradient of the objective / (C N) with respect to W and b,
            at which a fit counts as converged.
        """
        from threadpoolctl import ThreadpoolController

        chex.assert_rank([features, labels], [2, {1, 2}])
        chex.assert_equal_shape_prefix([features, labels], 1)
        # Small problems are solved in float64, which costs little, and on one thread: more threads
        # are slower, many times so on a loaded machine.
        small = features.size < SMALL
        self._limits = max_iterations, tolerance
        self._threads = functools.partial(ThreadpoolController().limit, limits=1 if small else None)
        self._basis = None
        if features.shape[1] > features.shape[0]:
            self._basis = np.linalg.qr(features.T)[0]
            features = features @ self._basis
        features = features.astype(np.float64 if small else np.float32, copy=False)
        with self._threads():
            self._problem = _Problem(features, labels)
        self._solved: dict[float, Fit] = {}

    def fit(self, strength: float) -> Fit:
        """The solution for a value of C."""
        if strength not in self._solved:
            start = self._start(strength)
            with self._threads():
                self._solved[strength] = self._problem.solve(strength, start, *self._limits)
        found = self._solved[strength]
        return found if self._basis is None else found._replace(weights=self._basis @ found.weights)

    def _start(self, strength: float) -> np.ndarray:
        if not self._solved:
            return np.zeros((self._problem.features.shape[1] + 1, self._problem.classes))
        nearest = min(self._solved, key=lambda other: abs(math.log(other / strength)))
        return np.concatenate([self._solved[nearest].weights, self._solved[nearest].bias[None]])


def fit_path(
    features: np.ndarray,
    labels: np.ndarray,
    strengths: Sequence[float],
    *,
    max_iterations: int,
    tolerance: float,
) -> Iterator[Fit]:
    """The solutions of a `LogisticPath` for several C, from strong to weak regularisation.

    Args:
      features: standardised, float32 [N, D].
      labels: class indices [N] or labels [N, K]; see `LogisticPath`.
      strengths: values of C.
      max_iterations: see `LogisticPath`.
      tolerance: see `LogisticPath`.

    Yields:
      One `Fit` per C, in ascending order of C.
    """
    path = LogisticPath(features, labels, max_iterations=max_iterations, tolerance=tolerance)
    for strength in sorted(strengths):
        yield path.fit(float(strength))


class _Problem:
    """The logistic regression problem of one data set, for any C."""

    def __init__(self, features: np.ndarray, labels: np.ndarray) -> None:
        self.features = features
        self.several = labels.ndim == 2
        if self.several:
            self.classes = labels.shape[1]
            self.targets = labels.astype(features.dtype)
            scale = 1 / 4 / len(features)  # at W = 0 every label has probability 1 / 2
        else:
            self.classes = int(labels.max()) + 1
            self.targets = np.eye(self.classes, dtype=features.dtype)[labels]
            # At W = 0 every class has probability p = 1 / K, and the Hessian p (1 - p) X^T X / N.
            scale = (self.classes - 1) / self.classes**2 / len(features)
        self.curvature = scale * (features.T @ features)

    def losses(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Loss of each example [N], summed over labels, and probabilities [N, K]."""
        if self.several:
            losses = np.logaddexp(0, logits) - logits * self.targets
            return losses.sum(axis=1), 0.5 + 0.5 * np.tanh(0.5 * logits)
        logits = logits - logits.max(axis=1, keepdims=True)
        exponentials = np.exp(logits)
        total = exponentials.sum(axis=1, keepdims=True)
        return np.log(total[:, 0]) - (logits * self.targets).sum(axis=1), exponentials / total

    def solve(
        self, strength: float, start: np.ndarray, max_iterations: int, tolerance: float
    ) -> Fit:
        from scipy.linalg import solve_triangular
        from scipy.optimize import minimize

        x, kind = self.features, self.features.dtype
        shape = x.shape[1], self.classes
        penalty = 1 / (strength * len(x))
        # The preconditioner changes no minimum. Rounding may make the curvature indefinite, by
        # about its trace times epsilon, where the penalty is too weak to hide it.
        floor = 4 * np.finfo(kind).eps * np.trace(self.curvature)
        ridge = max(penalty, floor) * np.eye(shape[0], dtype=kind)
        root = np.linalg.cholesky(self.curvature + ridge)
        seen: dict[str, float] = {}

        def unpack(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            inner, bias = flat[: -self.classes].reshape(shape), flat[-self.classes :]
            weights = solve_triangular(root, inner.astype(kind), lower=True, trans=1)
            return weights, bias.astype(kind)

        def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
            weights, bias = unpack(flat)
            losses, probabilities = self.losses(x @ weights + bias)
            value = losses.mean(dtype=np.float64)
            value += penalty / 2 * np.square(weights, dtype=np.float64).sum()
            residual = (probabilities - self.targets) / len(x)
            slope, slope_bias = x.T @ residual + penalty * weights, residual.sum(axis=0)
            seen["gradient"] = max(np.abs(slope).max(), np.abs(slope_bias).max())
            inner = solve_triangular(root, slope, lower=True)
            return float(value), np.concatenate([inner.ravel(), slope_bias]).astype(np.float64)

        def stop(_: np.ndarray) -> None:
            if seen["gradient"] <= tolerance:
                raise StopIteration

        solution = minimize(
            objective,
            np.concatenate([(root.T @ start[:-1].astype(kind)).ravel(), start[-1]]),
            jac=True,
            method="L-BFGS-B",
            callback=stop,
            # Convergence is judged by the gradient with respect to W, not V.
            options={"maxiter": max_iterations, "ftol": 0.0, "gtol": 0.0, "maxls": 50},
        )
        weights, bias = unpack(solution.x)
        converged = bool(seen["gradient"] <= tolerance)
        return Fit(strength, weights, bias, converged, int(solution.nit))
