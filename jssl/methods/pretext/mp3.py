"""MP3: tell the position of every patch, from patches without positions of which few are context.

Zhai et al., "Position Prediction as an Effective Pretraining Strategy", 2022.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp

from jssl.errors import UserError
from jssl.methods.base import Outputs, Spec, Step, Views, the_input
from jssl.methods.classifier import Classifier
from jssl.nn.decoder import TokenPredictor


@dataclasses.dataclass(frozen=True)
class MP3(Classifier):
    """Cross-entropy of each token's position among all N (section 3).

    In every layer all tokens attend, but to the context alone, so most patches are placed without
    the help of their neighbours. The encoder must have no position embeddings; a linear layer
    classifies.

    Equation: L = mean over tokens i of -log softmax(h(f(x)_i))[i].

    Views: one input [B, ...], and `mask` {"mask" bool [B, N]}, False for the context.

    Remembers: nothing.

    Collapse: impossible, since a constant feature costs ln N.

    Defaults: a linear head as in the paper; the share of context is set in the views and it, the
    optimizer and the schedule are unverified.

    Differs from the paper: frozen features are evaluated without position embeddings, where the
    paper adds them for fine-tuning.

    Attributes:
      dtype: dtype in which the head computes.
    """

    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.single() + Spec.mask()
    paper: ClassVar[str] = "Position Prediction as an Effective Pretraining Strategy"

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and linear head; positions in the encoder would give the answer away."""
        if getattr(encoder, "positions", "none") != "none":
            raise UserError(
                "MP3 needs an encoder without positions: set positions='none', not "
                f"{encoder.positions!r}"
            )
        return TokenPredictor(encoder, "positions", dtype=self.dtype)

    def forward(self, step: Step, views: Views) -> Outputs:
        """`logits` [B, N, N], the places as `label` [B, N] and the pooled `embedding`."""
        context = ~views["mask"]["mask"]
        (pooled, logits) = step.student(the_input(views), context=context)
        places = jnp.broadcast_to(jnp.arange(logits.shape[1]), logits.shape[:2])
        return {"logits": logits, "label": places, "embedding": pooled}
