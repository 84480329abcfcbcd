"""Prediction of masked symbols of a sequence: the shared part of masked and swapped LM."""

from __future__ import annotations

import dataclasses

import jax

from jssl.methods.base import Method
from jssl.methods.masked_parts import Symbols
from jssl.methods.masked_prediction import MaskedPrediction
from jssl.nn import module as nn
from jssl.nn.decoder import TokenPredictor
from jssl.objectives.classification import cross_entropy
from jssl.objectives.masked import masked_mean


@dataclasses.dataclass(frozen=True)
class MaskedSymbols(MaskedPrediction):
    """Cross-entropy of the masked symbols, predicted by a linear head on the tokens.

    `forward` returns the logits `prediction` [B, N, V], the symbols `target` int [B, N], `mask`
    [B, N] and the pooled `embedding`.

    Attributes:
      dtype: dtype in which the head computes.
    """

    dtype: str = "float32"

    target = Symbols()
    monitor = Method.monitor  # the pooled features: symbols have no distance to compare

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and linear head."""
        return TokenPredictor(encoder, encoder.vocabulary, dtype=self.dtype)

    def error(self, prediction: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
        """Cross-entropy of each example's masked symbols: [B]."""
        return masked_mean(cross_entropy(prediction, target), mask)
