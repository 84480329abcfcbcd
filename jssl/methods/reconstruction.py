"""Shared part of methods that predict masked patches: the loss, and pictures for reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Step
from jssl.nn import module as nn
from jssl.nn.decoder import real_tokens


def picture(
    encoder: nn.Module, x: jax.Array, prediction: jax.Array, hidden: jax.Array
) -> Mapping[str, jax.Array]:
    """Input, reconstruction and original; visible patches are copied.

    Args:
      encoder: module that divides its input into patches and reassembles them.
      x: the original, [B, ...].
      prediction: [B, N, P] patches.
      hidden: bool [B, N], True where a patch was hidden.

    Returns:
      {"input", "reconstruction", "original"}, each of the shape of `x`.
    """
    patches, hidden = encoder.patches(x), hidden[..., None]
    return {
        "input": encoder.assemble(jnp.where(hidden, jnp.mean(patches), patches), x.shape),
        "reconstruction": encoder.assemble(jnp.where(hidden, prediction, patches), x.shape),
        "original": x,
    }


def counted(encoder: nn.Module, x: Any, mask: jax.Array) -> jax.Array:
    """True where a token is masked and not padding: bool [B, N].

    Args:
      encoder: module that knows which tokens of its input are padding.
      x: input of the encoder, [B, ...].
      mask: bool [B, N], True where masked.
    """
    real = real_tokens(encoder, x)
    return mask if real is None else mask & real


class HiddenPatches(Method):
    """A method whose loss is the prediction error of the masked tokens.

    `forward` returns `prediction` and `target` [B, N, P] and `mask` bool [B, N]. The loss is the
    error of the masked tokens, averaged over the batch.

    Class attributes:
      error: function that maps (prediction, target, mask) to an error for each example, [B].
      predicted: name of the prediction in reports.
    """

    couples_batch: ClassVar[bool] = False
    targets: ClassVar[tuple[str, ...]] = ("target",)
    error: ClassVar[Callable[[jax.Array, jax.Array, jax.Array], jax.Array]]
    predicted: ClassVar[str] = "reconstruction"

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Error of the masked tokens, averaged over the batch."""
        error = self.error(outputs["prediction"], outputs["target"], outputs["mask"])
        return jnp.mean(error), {}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """The prediction of the masked tokens."""
        parts = (outputs["prediction"], outputs["target"], outputs["mask"])
        return Monitored(predictions={self.predicted: parts})
