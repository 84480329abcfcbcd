"""Runs whose parameters do not move, runs on few examples, and healthy counterparts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
from chex import ArrayTree

from jssl.augmentations.compose import Views, field, pipeline
from jssl.config.experiment import Experiment
from jssl.data import Arrays, Digits
from jssl.evaluation.finetuning import Tuned
from jssl.methods.contrastive.simclr import SimCLR
from jssl.methods.distillation.byol import BYOL
from jssl.methods.distillation.random_teacher import RandomTeacher
from jssl.methods.masked.mae import MAE
from jssl.methods.step import Step
from jssl.training.optim import Optimizer

_STILL, _FEW, _HELD = (
    "parameters do not move",
    "few distinct examples",
    "the encoder does not move",
)


@dataclasses.dataclass(frozen=True)
class EndsAtOnce(Optimizer):
    """A learning-rate schedule that ends after twelve steps."""

    def schedule(self, batch_size: int, steps: int, steps_per_epoch: int) -> optax.Schedule:
        """The regular rate for the first steps, then 0."""
        whole = super().schedule(batch_size, steps, steps_per_epoch)
        return lambda step: jnp.where(step < 12, whole(step), 0.0)


class HeldBack(SimCLR):
    """SimCLR that discards all updates."""

    def scale_updates(self, step: Step, updates: ArrayTree) -> ArrayTree:
        """Zeros."""
        return optax.tree.scale(0.0, updates)


def still_cases(
    build: Callable[..., Experiment], masked: Callable[..., Experiment], adamw: Callable
) -> list[tuple[str, Experiment, str, int]]:
    """Name, experiment, expected diagnosis ("" for none) and the steps within which it is due.

    Args:
      build: creates an experiment from a method with two views and overrides.
      masked: creates an experiment from a masked autoencoder.
      adamw: creates the default optimizer with overrides.
    """
    head = {"temperature": 0.2, "hidden": (128,), "out": 64}
    simclr, byol = SimCLR(**head), BYOL(momentum=0.98, hidden=128, out=64)
    mae = MAE(decoder_width=32, decoder_depth=1, decoder_heads=2, normalize_target=False)
    teacher = RandomTeacher(hidden=(128,), bottleneck=32, prototypes=32, kernel_init="lecun")
    labelled = {"views": Views(image=pipeline(), label=field("label"), batch=(one_hot,))}
    ended = EndsAtOnce(**{f.name: getattr(adamw(), f.name) for f in dataclasses.fields(Optimizer)})
    few, off = {"data": copied(20)}, adamw(learning_rate=0.0)
    frozen = adamw(multipliers=(("encoder", 0.0),))
    return [
        ("learning rate 0", build(simclr, optimizer=off), _STILL, 20),
        ("learning rate 1e-9", build(simclr, optimizer=adamw(learning_rate=1e-9)), _STILL, 150),
        ("schedule ends at once", build(simclr, optimizer=ended), _STILL, 80),
        ("updates held back", build(HeldBack(**head)), _STILL, 20),
        ("encoder frozen", build(simclr, optimizer=frozen), _HELD, 20),
        ("20 images, 90 times each", build(simclr, **few), _FEW, 20),
        ("learning rate 0", build(byol, optimizer=off), _STILL, 20),
        ("20 images, 90 times each", build(byol, batch_size=16, **few), _FEW, 30),
        (
            "SGD at 1e-9",
            masked(mae, optimizer=adamw(name="sgd", learning_rate=1e-9)),
            _STILL,
            150,
        ),
        ("20 images, 90 times each", masked(mae, **few), _FEW, 20),
        (
            "healthy, warm-up of 40 epochs",
            build(simclr, optimizer=adamw(warmup_epochs=40)),
            "",
            300,
        ),
        ("healthy, 300 images 6 times each", build(simclr, data=copied(300, 6)), "", 300),
        ("healthy, RandomTeacher", build(teacher, views=Views(image=pipeline())), "", 300),
        (
            "healthy, encoder frozen by the method",
            build(Tuned(classes=10, last_blocks=0), **labelled),
            "",
            300,
        ),
    ]


def copied(count: int, times: int = 90) -> Arrays:
    """The first `count` digits, each repeated `times` times with a different label."""
    source = Digits().load().train
    image = np.stack([np.asarray(source[i]["image"]) for i in range(count)])
    total = count * times
    labels = np.arange(total, dtype=np.int32) % 10
    return Arrays({"image": np.tile(image, (times, 1, 1, 1)), "label": labels})


def one_hot(key: Any, views: dict[str, Any]) -> dict[str, Any]:
    """Adds one-hot labels as `target`, float32 [B, 10]."""
    del key
    return views | {"target": jnp.eye(10)[views["label"]]}
