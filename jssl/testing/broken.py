"""Methods with one deliberate fault each, with which `jssl.testing.faults` tests the alarm."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jssl.methods.base import Outputs, Step
from jssl.methods.contrastive.simclr import SimCLR
from jssl.methods.distillation.byol import BYOL
from jssl.methods.masked.mae import MAE
from jssl.methods.siamese import Siamese

Array = jax.Array
Pair = tuple[jax.Array, jax.Array]


class NoStopGradient(BYOL):
    """BYOL whose target is the student's own projection, without a stopped gradient."""

    def forward(self, step: Step, views: Any) -> Outputs:
        outputs = {}
        for name in ("a", "b"):
            target, _ = step.student(views[name])
            outputs[f"prediction_{name}"] = outputs[f"target_{name}"] = target
        return outputs


class NoPredictor(BYOL):
    """BYOL without a predictor: the student's projection is regressed onto the teacher's."""

    def net(self, encoder: Any) -> Siamese:
        return super().net(encoder).clone(predictor=None)


class _Changed(SimCLR):
    def change(self, a: Array, b: Array) -> Pair:
        raise NotImplementedError

    def forward(self, step: Step, views: Any) -> Outputs:
        outputs = super().forward(step, views)
        a, b = self.change(outputs["a"], outputs["b"])
        return {"a": a, "b": b}


class ZeroProjector(_Changed):
    """SimCLR whose projection head outputs zeros."""

    def change(self, a: Array, b: Array) -> Pair:
        return 0.0 * a, 0.0 * b


class OneDimension(_Changed):
    """SimCLR whose projection repeats its first dimension (dimensional collapse)."""

    def change(self, a: Array, b: Array) -> Pair:
        return jnp.broadcast_to(a[:, :1], a.shape), jnp.broadcast_to(b[:, :1], b.shape)


class Detached(_Changed):
    """SimCLR with a superfluous stopped gradient."""

    def change(self, a: Array, b: Array) -> Pair:
        return jax.lax.stop_gradient(a), jax.lax.stop_gradient(b)


class WrongPairs(_Changed):
    """SimCLR whose positives are views of different examples."""

    def change(self, a: Array, b: Array) -> Pair:
        return a, jnp.roll(b, 1, axis=0)


class DeadDecoder(MAE):
    """MAE whose decoder outputs zeros."""

    def forward(self, step: Step, views: Any) -> Outputs:
        outputs = super().forward(step, views)
        return {**outputs, "prediction": 0.0 * outputs["prediction"]}
