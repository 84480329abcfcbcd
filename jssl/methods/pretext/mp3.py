"""MP3: predict the position of every patch from patches without position embeddings.

Zhai et al., "Position Prediction as an Effective Pretraining Strategy", 2022.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax.numpy as jnp

from jssl.errors import UserError
from jssl.methods.base import Outputs, Spec, Step, Views, the_input
from jssl.methods.classifier import Classifier
from jssl.nn import module as nn
from jssl.nn.decoder import TokenPredictor


@dataclasses.dataclass(frozen=True)
class MP3(Classifier):
    """Cross-entropy of each token's position among all N (section 3).

    In every layer all tokens attend only to the context tokens, so most patches are localised
    without information from their neighbours. The encoder must have no position embeddings; a
    linear layer classifies the position.

    Equation: L = mean over tokens i of -log softmax(h(f(x)_i))[i], where f is the encoder and h the
    linear head.

    Views: one input [B, ...], and `mask` {"mask" bool [B, N]}, False for the context.

    Remembers: nothing.

    Collapse: impossible, because a constant feature costs ln N.

    Defaults: a linear head as in the paper. The fraction of context tokens is set in the views;
    that fraction, the optimizer and the schedule are unverified.

    Differs from the paper: frozen features are evaluated without position embeddings; the paper
    adds them for fine-tuning.

    Attributes:
      dtype: dtype in which the head computes.
    """

    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.single() + Spec.mask()
    paper: ClassVar[str] = "Position Prediction as an Effective Pretraining Strategy"

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and linear head; positions in the encoder would reveal the answer."""
        if getattr(encoder, "positions", "none") != "none":
            raise UserError(
                "MP3 needs an encoder without positions: set positions='none', not "
                f"{encoder.positions!r}"
            )
        return TokenPredictor(encoder, "positions", dtype=self.dtype)

    def forward(self, step: Step, views: Views) -> Outputs:
        """`logits` [B, N, N], the positions as `label` [B, N] and the pooled `embedding`."""
        context = ~views["mask"]["mask"]
        (pooled, logits) = step.student(the_input(views), context=context)
        places = jnp.broadcast_to(jnp.arange(logits.shape[1]), logits.shape[:2])
        return {"logits": logits, "label": places, "embedding": pooled}
