"""Prediction of masked symbols of a sequence: the shared part of masked and swapped LM."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp

from jssl.methods.base import Method, Metrics, Outputs, Step
from jssl.nn import module as nn
from jssl.nn.decoder import TokenPredictor
from jssl.objectives.classification import cross_entropy
from jssl.objectives.masked import masked_mean


@dataclasses.dataclass(frozen=True)
class MaskedSymbols(Method):
    """Cross-entropy of the masked symbols, predicted by a linear head on the tokens.

    `forward` returns `logits` [B, N, V], `symbol` int [B, N], `mask` [B, N] and the pooled
    `embedding`.

    Attributes:
      dtype: dtype in which the head computes.
    """

    dtype: str = "float32"

    couples_batch: ClassVar[bool] = False

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and linear head."""
        return TokenPredictor(encoder, encoder.vocabulary, dtype=self.dtype)

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Cross-entropy of the masked symbols, averaged over the batch."""
        error = cross_entropy(outputs["logits"], outputs["symbol"])
        return jnp.mean(masked_mean(error, outputs["mask"])), {}
