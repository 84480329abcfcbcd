"""Layer-weighted probe: a linear head on a learned weighted average of frozen layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import chex
import numpy as np

from jssl.errors import UserError
from jssl.evaluation.arrays import class_indices, finite
from jssl.evaluation.linear import check_selection
from jssl.evaluation.logistic import LogisticPath, Scaler
from jssl.evaluation.strengths import BOUNDS, STRENGTHS, search

Part = tuple[np.ndarray, np.ndarray]


class Weighted(NamedTuple):
    """A fitted probe.

    Attributes:
      strength: C, as in `logistic.Fit`.
      scores: float64 [L]; their softmax gives the layer weights.
      weights: float64 [D, K].
      bias: float64 [K].
      converged: whether the solver met its tolerance within its iteration limit.
    """

    strength: float
    scores: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    converged: bool

    def accuracy(self, layers: np.ndarray, labels: np.ndarray) -> float:
        """Top-1 accuracy in [0, 1] on standardised layers [N, L, D] with class indices [N]."""
        logits = average(layers, self.scores) @ self.weights + self.bias
        return float((logits.argmax(axis=1) == labels).mean())


class LayerWeightedResult(NamedTuple):
    """Result of a layer-weighted probe.

    Attributes:
      top1: accuracy on test, in [0, 1].
      validation_top1: accuracy on validation with the selected C.
      strength: the selected C.
      layers: weights of the layers, which sum to one.
      converged: whether the selected fit converged.
      path: (C, validation accuracy) of every candidate, in the order of the attempts.
      at_edge: whether the search for C ended at its bound; a better C may lie beyond.
    """

    top1: float
    validation_top1: float
    strength: float
    layers: tuple[float, ...]
    converged: bool
    path: tuple[tuple[float, float], ...]
    at_edge: bool


def softmax(scores: np.ndarray) -> np.ndarray:
    """Softmax of float [L]."""
    chex.assert_rank(scores, 1)
    shares = np.exp(scores - scores.max())
    return shares / shares.sum()


def average(layers: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Averages layers [N, L, D] with the softmax of scores [L] as weights: [N, D]."""
    chex.assert_rank([layers, scores], [3, 1])
    return np.einsum("nld,l->nd", layers, softmax(scores))


def layer_weighted_probe(
    train: Part,
    validation: Part,
    test: Part,
    *,
    strengths: Sequence[float] = STRENGTHS,
    bounds: tuple[float, float] = BOUNDS,
    select_on: str = "validation",
    max_iterations: int = 1000,
    tolerance: float = 1e-4,
) -> LayerWeightedResult:
    """Logistic regression on a weighted sum of layers whose weights are learned jointly.

    Each dimension of each layer is standardised with the training statistics; with a single layer
    this is `linear.linear_probe`. Yang et al., "SUPERB: Speech processing Universal PERformance
    Benchmark", 2021, section 3. Their head receives the weighted sum averaged over time, which
    equals the weighted sum of the averages passed here.

    Args:
      train: layers averaged over token positions, float [N, L, D], and labels int [N].
      validation: the same; used to select C.
      test: the same; used once, with the selected fit.
      strengths: candidate values of C (see `strengths.search`).
      bounds: smallest and largest C that are tried while the best one is at an end.
      select_on: "validation"; any other value is an error.
      max_iterations: largest number of L-BFGS iterations per C.
      tolerance: largest gradient entry of the mean loss at convergence.

    Returns:
      The result.

    Raises:
      UserError: invalid arrays or settings.
    """
    check_selection(select_on)
    parts = []
    for name, (layers, labels) in zip(
        ("train", "validation", "test"), (train, validation, test), strict=True
    ):
        layers = np.asarray(layers)
        if layers.ndim != 3 or len(layers) != len(labels) or not layers.size:
            raise UserError(
                f"the {name} split needs layers [N, L, D] and labels [N], but has "
                f"{list(layers.shape)} and {list(np.shape(labels))}"
            )
        parts.append(finite(layers.reshape(len(layers), -1), f"the {name} split"))
    shape = np.shape(train[0])[1:]
    scaler = Scaler.fit(parts[0])
    parts = [scaler(part).reshape(-1, *shape).astype(np.float64) for part in parts]
    _, *targets = class_indices(train[1], validation[1], test[1])
    solver = layer_solver(parts[0], targets[0], max_iterations=max_iterations, tolerance=tolerance)
    fits: dict[float, Weighted] = {}

    def score(strength: float) -> float:
        fits[strength] = solver(strength)
        return fits[strength].accuracy(parts[1], targets[1])

    choice = search(score, strengths, bounds)
    best = fits[choice.value]
    return LayerWeightedResult(
        top1=best.accuracy(parts[2], targets[2]),
        validation_top1=choice.score,
        strength=choice.value,
        layers=tuple(float(share) for share in softmax(best.scores)),
        converged=best.converged,
        path=tuple(choice.scores.items()),
        at_edge=choice.at_edge,
    )


def layer_solver(
    layers: np.ndarray,
    labels: np.ndarray,
    *,
    max_iterations: int = 1000,
    tolerance: float = 1e-4,
) -> Callable[[float], Weighted]:
    """Minimises the mean loss + |W|^2 / (2 C N) over the layer scores, W and b.

    For each C the solver starts from equal layer weights and the optimal regression for them, which
    is a convex problem.

    Args:
      layers: standardised, float64 [N, L, D].
      labels: class indices [N]; each of 0..K-1 occurs.
      max_iterations: largest number of L-BFGS iterations per C.
      tolerance: largest gradient entry at convergence.

    Returns:
      A function that solves the problem for a value of C.
    """
    from scipy.optimize import minimize

    chex.assert_rank([layers, labels], [3, 1])
    chex.assert_equal_shape_prefix([layers, labels], 1)
    count, depth, width = layers.shape
    classes = int(labels.max()) + 1
    targets = np.eye(classes)[labels]

    def unpack(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        scores, rest = flat[:depth], flat[depth:]
        return scores, rest[: width * classes].reshape(width, classes), rest[width * classes :]

    def objective(flat: np.ndarray, penalty: float) -> tuple[float, np.ndarray]:
        scores, weights, bias = unpack(flat)
        shares, mixed = softmax(scores), average(layers, scores)
        logits = mixed @ weights + bias
        logits -= logits.max(axis=1, keepdims=True)
        exponentials = np.exp(logits)
        total = exponentials.sum(axis=1, keepdims=True)
        losses = np.log(total[:, 0]) - (logits * targets).sum(axis=1)
        residual = (exponentials / total - targets) / count
        slope = mixed.T @ residual + penalty * weights
        each = np.einsum("nld,nd->l", layers, residual @ weights.T)
        slopes = shares * (each - shares @ each)
        value = losses.mean() + penalty / 2 * np.square(weights).sum()
        return value, np.concatenate([slopes, slope.ravel(), residual.sum(axis=0)])

    equal = LogisticPath(
        average(layers, np.zeros(depth)),
        labels,
        max_iterations=max_iterations,
        tolerance=tolerance,
    )

    def solve(strength: float) -> Weighted:
        fit, penalty = equal.fit(strength), 1 / (strength * count)
        solution = minimize(
            objective,
            np.concatenate([np.zeros(depth), fit.weights.ravel(), fit.bias]),
            args=(penalty,),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": max_iterations, "ftol": 0.0, "gtol": tolerance, "maxls": 50},
        )
        converged = bool(np.abs(solution.jac).max() <= tolerance)
        return Weighted(strength, *unpack(solution.x), converged)

    return solve
