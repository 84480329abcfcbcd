"""Shared part of methods that derive a classification task from the data."""

from __future__ import annotations

import math
from typing import ClassVar

import jax
import jax.numpy as jnp

from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Step
from jssl.objectives.classification import accuracy, cross_entropy


class Classifier(Method):
    """Cross-entropy of `logits` [B, ..., C] with `label` int [B, ...], averaged.

    If the method has a field `smoothing`, it is the fraction of the target spread over all classes.
    """

    couples_batch: ClassVar[bool] = False

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Cross-entropy averaged over all labels; ln C for a constant feature."""
        logits, label = outputs["logits"], outputs["label"]
        smoothing = getattr(self, "smoothing", 0.0)
        loss = jnp.mean(cross_entropy(logits, label, smoothing=smoothing))
        return loss, {"accuracy": jnp.mean(accuracy(logits, label))}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """The features, if any, the loss ln C of a constant feature, and the lowest loss."""
        features = {k: outputs[k] for k in ("embedding",) if k in outputs}
        classes = outputs["logits"].shape[-1]
        lowest = _entropy(getattr(self, "smoothing", 0.0), classes)
        return Monitored(features=features, trivial_loss=math.log(classes), lowest_loss=lowest)


def _entropy(smoothing: float, classes: int) -> float:
    """Entropy of a smoothed target, in nats."""
    other = smoothing / classes
    own = 1.0 - smoothing + other
    return -sum(n * p * math.log(p) for n, p in ((1, own), (classes - 1, other)) if n * p > 0)
