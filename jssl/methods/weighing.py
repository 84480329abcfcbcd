"""Combination of named losses by fixed, scheduled or learned weights, or by gradient balancing.

Balancing works on the gradients with respect to the outputs of `forward`, not on those of the
parameters: the cheap objective is differentiated once for each loss, and the combined gradient is
pulled back through the networks once. This is exact for micro-batches and for any mesh.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from chex import ArrayTree

from jssl.core.progress import Progress, cosine, linear
from jssl.errors import UserError

Losses = Mapping[str, jax.Array]

_EPSILON = 1e-12


class Weighing:
    """Base class of the ways to combine losses.

    Class attributes:
      balances: whether `combine` is called with the gradients of each loss.
    """

    balances = False

    def init(self) -> ArrayTree:
        """Learned weights, stored in the parameters under `PARAMS`; none by default."""
        return {}

    def total(self, losses: Losses, learned: ArrayTree, progress: Progress) -> jax.Array:
        """The loss that is differentiated, or that is reported where gradients are balanced.

        Args:
          losses: name -> float32 scalar.
          learned: current values of the weights returned by `init`.
          progress: position in the run.

        Returns:
          float32 scalar.
        """
        del learned, progress
        return sum(losses.values())

    def combine(self, gradients: Mapping[str, ArrayTree], key: jax.Array) -> ArrayTree:
        """Combines the gradients of the losses; called only if `balances` is True."""
        raise NotImplementedError


PARAMS = "loss_weights"
"""Name of the learned weights among the parameters."""


@dataclasses.dataclass(frozen=True)
class Sum(Weighing):
    """The plain sum."""


@dataclasses.dataclass(frozen=True)
class Fixed(Weighing):
    """A weighted sum.

    Attributes:
      weights: (name, weight) pairs; a loss that is not named has weight 1.
    """

    weights: tuple[tuple[str, float], ...] = ()

    def total(self, losses: Losses, learned: ArrayTree, progress: Progress) -> jax.Array:
        """The weighted sum."""
        weights = dict(self.weights)
        _known(weights, losses)
        return sum(weights.get(name, 1.0) * loss for name, loss in losses.items())


@dataclasses.dataclass(frozen=True)
class Scheduled(Weighing):
    """A weighted sum whose weights change during the run.

    Attributes:
      weights: (name, initial weight, final weight) triples; a loss that is not named has weight 1.
      schedule: "linear" or "cosine", over the whole run.
    """

    weights: tuple[tuple[str, float, float], ...] = ()
    schedule: str = "linear"

    def total(self, losses: Losses, learned: ArrayTree, progress: Progress) -> jax.Array:
        """The weighted sum at this step."""
        if self.schedule not in ("linear", "cosine"):
            raise UserError(f"schedule is {self.schedule!r}; it is 'linear' or 'cosine'")
        move = {"linear": linear, "cosine": cosine}[self.schedule]
        weights = {name: move(a, b, progress.fraction) for name, a, b in self.weights}
        _known(weights, losses)
        return sum(weights.get(name, 1.0) * loss for name, loss in losses.items())


@dataclasses.dataclass(frozen=True)
class Uncertainty(Weighing):
    """Weights learned as homoscedastic uncertainties, sum of exp(-s) L + s / 2 with s a parameter.

    Attributes:
      names: names of the losses.

    Source: Kendall, Gal and Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses for
    Scene Geometry and Semantics", 2018, eq. 7, with s = log sigma^2 and exp(-s) / 2 written
    exp(-s), which changes the weights by a constant.
    """

    names: tuple[str, ...] = ()

    def init(self) -> ArrayTree:
        """s = 0 for each loss, which gives weight 1."""
        return {name: jnp.zeros(()) for name in self.names}

    def total(self, losses: Losses, learned: ArrayTree, progress: Progress) -> jax.Array:
        """The weighted sum and the penalty of large uncertainties."""
        _known(losses, self.names)
        return sum(jnp.exp(-learned[n]) * loss + 0.5 * learned[n] for n, loss in losses.items())


@dataclasses.dataclass(frozen=True)
class PCGrad(Weighing):
    """Projects conflicting gradients onto each other's normal planes.

    Source: Yu et al., "Gradient Surgery for Multi-Task Learning", 2020, algorithm 1, on the
    gradients with respect to the outputs.
    """

    balances = True

    def combine(self, gradients: Mapping[str, ArrayTree], key: jax.Array) -> ArrayTree:
        """The sum of the projected gradients; the order of projections is random."""
        names = list(gradients)
        rows = jnp.stack([_flat(gradients[name]) for name in names])

        def project(i: jax.Array, key: jax.Array) -> jax.Array:
            def one(g: jax.Array, j: jax.Array) -> tuple[jax.Array, None]:
                other = rows[j]
                size = jnp.maximum(jnp.vdot(other, other), _EPSILON)
                conflict = jnp.where(j == i, 0.0, jnp.minimum(jnp.vdot(g, other), 0.0))
                return g - conflict / size * other, None

            order = jax.random.permutation(key, len(names))
            return jax.lax.scan(one, rows[i], order)[0]

        keys = jax.random.split(key, len(names))
        total = sum(project(jnp.int32(i), keys[i]) for i in range(len(names)))
        return _unflat(total, gradients[names[0]])


@dataclasses.dataclass(frozen=True)
class MGDA(Weighing):
    """The convex combination of the gradients with the least norm.

    Attributes:
      iterations: number of Frank-Wolfe iterations.

    Source: Sener and Koltun, "Multi-Task Learning as Multi-Objective Optimization", 2018,
    algorithm 2 and its upper bound by the gradients of the shared representation (MGDA-UB).
    """

    iterations: int = 50

    balances = True

    def combine(self, gradients: Mapping[str, ArrayTree], key: jax.Array) -> ArrayTree:
        """The combined gradient."""
        del key
        names = list(gradients)
        rows = jnp.stack([_flat(gradients[name]) for name in names])
        weights = least_norm(rows @ rows.T, self.iterations)
        return _unflat(weights @ rows, gradients[names[0]])


def least_norm(gram: jax.Array, iterations: int) -> jax.Array:
    """Weights on the simplex that minimise w' M w, by Frank-Wolfe with exact line search.

    Args:
      gram: float32 [K, K], inner products of K gradients.
      iterations: number of iterations; for two gradients the first is exact.

    Returns:
      float32 [K], not negative, with sum 1.
    """
    count = len(gram)

    def one(_: int, w: jax.Array) -> jax.Array:
        towards = jax.nn.one_hot(jnp.argmin(gram @ w), count)
        d = towards - w
        curvature = jnp.maximum(d @ gram @ d, _EPSILON)
        return w + jnp.clip(-(w @ gram @ d) / curvature, 0.0, 1.0) * d

    return jax.lax.fori_loop(0, iterations, one, jnp.full((count,), 1.0 / count))


def _known(names: Mapping[str, Any] | Sequence[str], among: Mapping | Sequence) -> None:
    for name in names:
        if name not in among:
            raise UserError(f"a weight is for the loss {name!r}; there are {', '.join(among)}")


def _flat(tree: ArrayTree) -> jax.Array:
    return jnp.concatenate([x.astype(jnp.float32).ravel() for x in jax.tree.leaves(tree)])


def _unflat(row: jax.Array, like: ArrayTree) -> ArrayTree:
    leaves, structure = jax.tree.flatten(like)
    found, start = [], 0
    for leaf in leaves:
        found.append(row[start : start + leaf.size].reshape(leaf.shape).astype(leaf.dtype))
        start += leaf.size
    return jax.tree.unflatten(structure, found)
