"""Optimizers as data: what is swept, printed and saved; Optax does the work."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax

from jssl.errors import UserError, nearest
from jssl.ranges import BelowOne, Count, NonNegative, Positive, Ranged, Unit
from jssl.state import path_name

_SCALING = {
    "none": lambda batch, reference: 1.0,
    "linear": lambda batch, reference: batch / reference,
    "sqrt": lambda batch, reference: (batch / reference) ** 0.5,
}
_OPTIMIZERS = ("adam", "adamw", "lars", "sgd")


@dataclasses.dataclass(frozen=True)
class Optimizer(Ranged):
    """An optimizer with its learning-rate rule: linear warm-up, then half a cosine.

    Attributes:
      name: "sgd", "lars", "adam" or "adamw".
      learning_rate: the base rate, before scaling.
      scaling: how the base rate grows with the global batch: "none", "linear"
        (`base * batch / reference_batch`) or "sqrt" (`base * sqrt(batch / reference_batch)`).
      reference_batch: global batch at which the base rate holds.
      warmup_epochs: epochs of linear growth from `warmup_start` to the peak.
      warmup_start: learning rate that the warm-up grows from, as a share of the peak. The first
        step is already one part in `warmup` above it, so that none is taken at a rate of 0.
      end: learning rate at the end, as a share of the peak.
      weight_decay: added to the gradient for "sgd", "lars" and "adam", decoupled for "adamw".
      decay_vectors: whether biases and normalisation scales (rank 0 and 1) decay as well.
      momentum: of "sgd" and "lars".
      nesterov: Nesterov's form of the momentum.
      trust_coefficient: of "lars"; rank 0 and 1 parameters are never rescaled.
      beta1: of "adam" and "adamw".
      beta2: of "adam" and "adamw".
      clip_norm: global gradient norm above which gradients are scaled down; 0 for never.
      multipliers: (regular expression, factor) pairs; the steps of a parameter, decay included, are
        multiplied by the factor of the first expression that its path holds. BYOL (Grill et al.,
        2020, appendix F) lets the predictor learn faster so: `(("predictor", 10.0),)`.
    """

    name: Literal["sgd", "lars", "adam", "adamw"] = "sgd"
    learning_rate: NonNegative = 0.03
    scaling: Literal["none", "linear", "sqrt"] = "linear"
    reference_batch: Count = 256
    warmup_epochs: NonNegative = 0.0
    warmup_start: Unit = 0.0
    end: Unit = 0.0
    weight_decay: NonNegative = 0.0
    decay_vectors: bool = False
    momentum: BelowOne = 0.9
    nesterov: bool = False
    trust_coefficient: Positive = 1e-3
    beta1: BelowOne = 0.9
    beta2: BelowOne = 0.999
    clip_norm: NonNegative = 0.0
    multipliers: tuple[tuple[str, NonNegative], ...] = ()

    def conflict(self) -> str | None:
        """What is wrong with a name, or with a pattern."""
        if self.name not in _OPTIMIZERS:
            return f"unknown name {self.name!r}: {nearest(self.name, _OPTIMIZERS)}"
        if self.scaling not in _SCALING:
            return f"unknown scaling {self.scaling!r}: {nearest(self.scaling, _SCALING)}"
        for pattern, _ in self.multipliers:
            try:
                re.compile(pattern)
            except re.error as error:
                return f"multipliers: {pattern!r} is no regular expression ({error})"
        return None

    def peak(self, batch_size: int) -> float:
        """The learning rate after warm-up, for a global batch of `batch_size`."""
        return self.learning_rate * _SCALING[self.scaling](batch_size, self.reference_batch)

    def schedule(self, batch_size: int, steps: int, steps_per_epoch: int) -> optax.Schedule:
        """Learning rate as a function of the step.

        Args:
          batch_size: global batch size.
          steps: optimizer steps of the whole run.
          steps_per_epoch: optimizer steps in an epoch.

        Returns:
          step -> float32 scalar.
        """
        peak = self.peak(batch_size)
        warmup = min(round(self.warmup_epochs * steps_per_epoch), max(steps - 1, 0))
        decay = optax.cosine_decay_schedule(peak, max(steps - warmup, 1), alpha=self.end)
        if not warmup:
            return decay
        # The +1 keeps the first step from being wasted at a learning rate of zero.
        first = peak * (self.warmup_start + (1.0 - self.warmup_start) / warmup)
        rise = optax.linear_schedule(first, peak, max(warmup - 1, 1))
        return optax.join_schedules([rise, decay], [warmup])

    def build(
        self, batch_size: int, steps: int, steps_per_epoch: int
    ) -> optax.GradientTransformation:
        """The Optax transformation for a run of `steps` steps at a global batch of `batch_size`."""
        rate = self.schedule(batch_size, steps, steps_per_epoch)
        decayed = _everything if self.decay_vectors else _matrices
        if self.name == "adamw":
            tx = optax.adamw(
                rate,
                b1=self.beta1,
                b2=self.beta2,
                weight_decay=self.weight_decay,
                mask=decayed,
                mu_dtype=jnp.float32,
            )
        elif self.name == "adam":
            tx = optax.chain(
                optax.add_decayed_weights(self.weight_decay, mask=decayed),
                optax.adam(rate, b1=self.beta1, b2=self.beta2, mu_dtype=jnp.float32),
            )
        elif self.name == "lars":
            tx = optax.lars(
                rate,
                weight_decay=self.weight_decay,
                weight_decay_mask=decayed,
                trust_coefficient=self.trust_coefficient,
                trust_ratio_mask=_matrices,
                momentum=self.momentum,
                nesterov=self.nesterov,
            )
        else:
            tx = optax.chain(
                optax.add_decayed_weights(self.weight_decay, mask=decayed),
                optax.sgd(rate, momentum=self.momentum or None, nesterov=self.nesterov),
            )
        if self.multipliers:
            tx = optax.chain(tx, _multiplied(self.multipliers))
        return optax.chain(optax.clip_by_global_norm(self.clip_norm), tx) if self.clip_norm else tx


def _multiplied(multipliers: Sequence[tuple[str, float]]) -> optax.GradientTransformation:
    def multiply(updates: Any, params: Any = None) -> Any:
        unused = {pattern for pattern, _ in multipliers}

        def one(path: tuple[Any, ...], update: jax.Array) -> jax.Array:
            for pattern, factor in multipliers:
                if re.search(pattern, path_name(path)):
                    unused.discard(pattern)
                    return update * factor
            return update

        multiplied = jax.tree_util.tree_map_with_path(one, updates)
        if unused:
            raise UserError(
                f"optimizer.multipliers: no parameter's path holds {' or '.join(sorted(unused))}"
            )
        return multiplied

    return optax.stateless(multiply)


def _matrices(params: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)


def _everything(params: Any) -> Any:
    return jax.tree.map(lambda leaf: True, params)
