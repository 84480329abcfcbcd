"""Optimizers as frozen dataclasses that can be overridden, printed and saved; built on Optax."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax

from jssl.core import layers
from jssl.core.ranges import AboveZero, BelowOne, Count, NonNegative, Positive, Ranged, Unit
from jssl.errors import nearest
from jssl.training import transforms

_SCALING = {
    "none": lambda batch, reference: 1.0,
    "linear": lambda batch, reference: batch / reference,
    "sqrt": lambda batch, reference: (batch / reference) ** 0.5,
}
_OPTIMIZERS = ("adam", "adamw", "lars", "sgd")
_CLIPS = {
    "global": optax.clip_by_global_norm,
    "module": transforms.clip_modules,
    "parameter": transforms.clip_each,
}
# A field that came later: it is written down only where it is set, so that runs and records made
# before it keep their fingerprint.
_LATER = {"later": True}


@dataclasses.dataclass(frozen=True)
class Optimizer(Ranged):
    """An optimizer with its learning-rate rule: linear warm-up, then half a cosine.

    Attributes:
      name: "sgd", "lars", "adam" or "adamw".
      learning_rate: the base rate, before scaling.
      scaling: how the base rate scales with the global batch: "none", "linear" (`base * batch /
        reference_batch`) or "sqrt" (`base * sqrt(batch / reference_batch)`).
      reference_batch: global batch at which the base rate holds.
      warmup_epochs: epochs of linear growth from `warmup_start` to the peak.
      warmup_start: learning rate at which the warm-up begins, as a share of the peak. The first
        step is already one increment above it, so that no step has rate 0.
      end: learning rate at the end, as a share of the peak.
      weight_decay: added to the gradient for "sgd", "lars" and "adam", decoupled for "adamw".
      decay_vectors: whether biases and normalisation scales (rank 0 and 1 in their layer, whether
        or not the blocks run as a loop) decay as well.
      momentum: of "sgd" and "lars".
      nesterov: Nesterov's form of the momentum.
      trust_coefficient: of "lars"; parameters of rank 0 and 1 are not rescaled.
      beta1: of "adam" and "adamw".
      beta2: of "adam" and "adamw".
      clip_norm: norm above which gradients are scaled down; 0 for never.
      multipliers: (regular expression, factor) pairs; the updates of a parameter, including weight
        decay, are multiplied by the factor of the first pattern that matches its path. BYOL (Grill
        et al., 2020, appendix F) trains its predictor at a higher rate: `(("predictor", 10.0),)`.
      clip: which norm `clip_norm` bounds: "global", that of all gradients; "module", that of the
        encoder and of each head separately, as in DINOv2; "parameter", that of every array
        separately, as in DINO and iBOT.
      weight_decay_end: weight decay at the end of the run, reached from `weight_decay` by half a
        cosine without warm-up (Caron et al., 2021); None for a constant weight decay.
      layer_decay: factor on the learning rate from each block of the encoder to the one below;
        patch embedding, positions and tokens come last, heads keep the whole rate (Bao et al.,
        "BEiT", 2022).
      trained: what of the encoder is trained, for runs that start from weights: "all"; "adapters",
        its low-rank additions alone (`encoder.lora`; Hu et al., "LoRA", 2022); "last_blocks", its
        `last_blocks` last blocks and the final norm; "none". Heads and mask tokens always are.
      last_blocks: how many blocks "last_blocks" trains.
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
    clip: Literal["global", "module", "parameter"] = dataclasses.field(
        default="global", metadata=_LATER
    )
    weight_decay_end: NonNegative | None = dataclasses.field(default=None, metadata=_LATER)
    layer_decay: AboveZero = dataclasses.field(default=1.0, metadata=_LATER)
    trained: Literal["all", "adapters", "last_blocks", "none"] = dataclasses.field(
        default="all", metadata=_LATER
    )
    last_blocks: Count = dataclasses.field(default=2, metadata=_LATER)

    def conflict(self) -> str | None:
        """Describes an unknown name or an invalid pattern."""
        if self.name not in _OPTIMIZERS:
            return f"unknown name {self.name!r}: {nearest(self.name, _OPTIMIZERS)}"
        if self.scaling not in _SCALING:
            return f"unknown scaling {self.scaling!r}: {nearest(self.scaling, _SCALING)}"
        if self.trained not in transforms.TRAINED:
            return f"unknown trained {self.trained!r}: {nearest(self.trained, transforms.TRAINED)}"
        if self.clip not in _CLIPS:
            return f"unknown clip {self.clip!r}: {nearest(self.clip, _CLIPS)}"
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
        decay = self._decay(steps)
        decayed = _everything if self.decay_vectors else layers.matrices
        if self.name == "adamw":
            tx = optax.adamw(
                rate,
                b1=self.beta1,
                b2=self.beta2,
                weight_decay=decay,
                mask=decayed,
                mu_dtype=jnp.float32,
            )
        elif self.name == "adam":
            tx = optax.chain(
                optax.add_decayed_weights(decay, mask=decayed),
                optax.adam(rate, b1=self.beta1, b2=self.beta2, mu_dtype=jnp.float32),
            )
        elif self.name == "lars":  # that of Optax, with a trust ratio for each layer of a stack
            tx = optax.chain(
                optax.add_decayed_weights(decay, mask=decayed),
                transforms.scale_by_trust_ratio(self.trust_coefficient, layers.matrices),
                optax.scale_by_learning_rate(rate),
                optax.trace(decay=self.momentum, nesterov=self.nesterov),
            )
        else:
            tx = optax.chain(
                optax.add_decayed_weights(decay, mask=decayed),
                optax.sgd(rate, momentum=self.momentum or None, nesterov=self.nesterov),
            )
        if self.multipliers:
            tx = optax.chain(tx, transforms.multiply_named(self.multipliers))
        if self.layer_decay != 1:
            tx = optax.chain(tx, transforms.by_layer(self.layer_decay))
        if self.clip_norm:
            tx = optax.chain(_CLIPS[self.clip](self.clip_norm), tx)
        if self.trained == "all":
            return tx
        # Before, so that frozen parameters do not count in norms; after, so that decay spares them.
        freeze = transforms.only_trained(self.trained, self.last_blocks)
        return optax.chain(freeze, tx, freeze)

    def _decay(self, steps: int) -> float | optax.Schedule:
        """The weight decay, or the weight decay as a function of the step."""
        start, end = self.weight_decay, self.weight_decay_end
        if end is None:
            return start

        def schedule(step: jax.Array) -> jax.Array:
            done = jnp.minimum(jnp.asarray(step, jnp.float32) / steps, 1.0)
            return end + 0.5 * (start - end) * (1.0 + jnp.cos(jnp.pi * done))

        return schedule


def _everything(params: Any) -> Any:
    return jax.tree.map(lambda leaf: True, params)
