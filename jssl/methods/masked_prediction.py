"""Masked prediction: the shared part of MAE, SimMIM, MaskFeat, data2vec, masked LM and others.

A masked method hides some tokens of an input and predicts something about them. It combines four
plug-ins, each of which can be exchanged alone:

- the policy says which tokens of each example are masked;
- the corruption says what the network sees of the input;
- the target says what is predicted at each token;
- the decoder is added to the encoder and makes the predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from chex import ArrayTree

from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Step, Views, the_input
from jssl.methods.masked_parts import (
    Corruption,
    LinearDecoder,
    Mask,
    MaskToken,
    Patches,
    Seen,
    Target,
    TransformerDecoder,
    ViewMask,
    counted,
    picture,
)
from jssl.nn import module as nn


class MaskedPrediction(Method):
    """A method whose loss is the prediction error at the masked tokens, averaged over the batch.

    A subclass sets the plug-ins as class attributes, or as properties where they depend on its
    fields; a policy, a corruption, a decoder or an error may also be a method of the class with
    that signature. The defaults are SimMIM's: a mask token in the encoder, and patches predicted by
    a linear layer. Only `error` has none.

    `forward` returns `prediction` and `target` [B, N, P], `mask` bool [B, N], True where a token is
    masked and not padding, and the pooled `embedding` [B, D].

    Class attributes:
      policy: function (step, views) -> mask, a mapping with at least `mask` bool [B, N]. By default
        the view `mask`, which a sampler of `jssl.augmentations` makes. While parameters are
        initialised `step.params` is None.
      corruption: function (encoder, x, mask) -> `Seen`, the network's arguments.
      target: function (step, views, x) -> [B, N, P], or int [B, N] for classes.
      decoder: function (encoder, dtype=...) -> network that returns the pooled features and one
        array for each name in `heads`.
      error: function (prediction, target, mask) -> float32 [B], the error of each example.
      heads: names of the network's outputs beside the pooled features.
      predicted: name of the prediction in reports and in the alarm.
      dtype: dtype in which the decoder computes.
    """

    couples_batch: ClassVar[bool] = False
    targets: ClassVar[tuple[str, ...]] = ("target",)
    heads: ClassVar[tuple[str, ...]] = ("prediction",)
    predicted: ClassVar[str] = "reconstruction"

    policy: Callable[[Step, Views], Mask] = ViewMask()
    corruption: Corruption = MaskToken()
    target: Target = Patches()
    decoder: LinearDecoder | TransformerDecoder | Callable[..., nn.Module] = LinearDecoder()
    error: Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
    dtype: str = "float32"

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and decoder."""
        return self.decoder(encoder, dtype=self.dtype)

    def read(self, views: Views) -> tuple[Any, Any]:
        """The input that is corrupted and the original that is predicted.

        By default both are the experiment's only input; a view `original` [B, ...] is the second if
        there is one.
        """
        x = the_input(views)
        return x, views.get("original", x)

    def seen(self, step: Step, views: Views, mask: Mask) -> Seen:
        """The network's arguments: the corrupted input."""
        return self.corruption(step.net.encoder, self.read(views)[0], mask)

    def init(self, net: nn.Module, key: jax.Array, views: Views) -> ArrayTree:
        """Initial variables of `net`, including those of the corruption and the decoder."""
        step = Step(net, key=key)
        inputs, options = self.seen(step, views, self.policy(step, views))
        return net.init({"params": key, "dropout": key}, *inputs, train=True, **options)

    def forward(self, step: Step, views: Views) -> Outputs:
        """Outputs of the heads, `target`, `mask` [B, N] and the pooled `embedding` [B, D]."""
        mask = self.policy(step, views)
        inputs, options = self.seen(step, views, mask)
        pooled, *predictions = step.student(*inputs, **options)
        _, original = self.read(views)
        return {
            **dict(zip(self.heads, predictions, strict=True)),
            "target": self.target(step, views, original),
            "mask": counted(step.net.encoder, original, mask["mask"]),
            "embedding": pooled,
        }

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Error of the masked tokens, averaged over the batch."""
        error = self.error(outputs["prediction"], outputs["target"], outputs["mask"])
        return jnp.mean(error), {}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """The prediction of the masked tokens."""
        parts = (outputs["prediction"], outputs["target"], outputs["mask"])
        return Monitored(predictions={self.predicted: parts})

    def reconstruct(self, step: Step, views: Views) -> Mapping[str, jax.Array] | None:
        """Input, reconstruction and original; None if the target or the input cannot be shown."""
        if not (self.target.shown and hasattr(step.net.encoder, "assemble")):
            return None
        mask = self.policy(step, views)
        inputs, options = self.seen(step, views, mask)
        predictions = dict(zip(self.heads, step.predict(*inputs, **options)[1:], strict=True))
        x, original = self.read(views)
        encoder = step.net.encoder
        prediction = self.target.restore(encoder, original, predictions["prediction"])
        parts = picture(encoder, original, prediction, mask["mask"])
        # A corruption that changes the input itself is shown as the network sees it.
        changed = inputs[0] is not x or x is not original
        return {**parts, "input": inputs[0]} if changed else parts
