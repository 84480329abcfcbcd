"""Momentum teachers: exponential moving averages of the student."""

from __future__ import annotations

import dataclasses
from typing import Literal

import jax
import jax.numpy as jnp
from chex import ArrayTree

from jssl.core.progress import Progress, cosine, linear
from jssl.methods.step import Step


@dataclasses.dataclass(frozen=True)
class MomentumTeacher:
    """An exponential moving average of the student (Grill et al., 2020, eq. 1).

    A method declares it in `Method.teachers`; the base class then stores it in `memory` under its
    name and updates it after every step. `Step.teacher` runs it.

    Attributes:
      momentum: fraction of the old teacher that is kept in the first step.
      momentum_end: fraction of the old teacher that is kept in the last step.
      schedule: schedule from `momentum` to `momentum_end`, "cosine" or "linear".
      epochs: number of epochs of the schedule; 0 for the whole run.
      of: part of the net that is averaged: "net", "encoder" for a teacher without heads, or names
        of parts.
      evaluated: whether evaluation uses the teacher's encoder instead of the student's.
    """

    momentum: float
    momentum_end: float
    schedule: Literal["cosine", "linear"] = "cosine"
    epochs: float = 0.0
    of: Literal["net", "encoder"] | tuple[str, ...] = "net"
    evaluated: bool = False

    def new(self, step: Step) -> dict[str, ArrayTree]:
        """A teacher equal to the student: `{"params", "stats"}`."""
        return new_teacher(*self.source(step))

    def update(self, step: Step, teacher: dict[str, ArrayTree]) -> dict[str, ArrayTree]:
        """The teacher after an update of the student, whose parameters are `step.params`."""
        return update_teacher(teacher, *self.source(step), self.momentum_at(step.progress))

    def momentum_at(self, progress: Progress) -> jax.Array:
        """Fraction of the old teacher that is kept in a step, float32 scalar."""
        schedule = {"cosine": cosine, "linear": linear}[self.schedule]
        done = progress.epoch / self.epochs if self.epochs else progress.fraction
        return schedule(self.momentum, self.momentum_end, done)

    def source(self, step: Step) -> tuple[ArrayTree, ArrayTree]:
        """The part of the student that the teacher averages: (params, collections)."""
        params, stats = step.params, step.batch_stats
        if self.of == "net":
            return params, stats
        if self.of == "encoder":
            return encoder_part(params, stats)

        def parts(tree: ArrayTree) -> ArrayTree:
            return {name: tree[name] for name in self.of if name in tree}

        return parts(params), {kind: parts(tree) for kind, tree in stats.items()}

    def encoder_state(self, teacher: dict[str, ArrayTree]) -> tuple[ArrayTree, ArrayTree]:
        """Parameters and collections of the teacher's encoder."""
        params, stats = teacher["params"], teacher["stats"]
        return (params, stats) if self.of == "encoder" else encoder_part(params, stats)


def encoder_part(params: ArrayTree, stats: ArrayTree) -> tuple[ArrayTree, ArrayTree]:
    """The encoder's part of a net's parameters and collections."""
    return params["encoder"], {k: v["encoder"] for k, v in stats.items() if "encoder" in v}


def new_teacher(params: ArrayTree, stats: ArrayTree) -> dict[str, ArrayTree]:
    """A teacher equal to the student, in separate buffers.

    The copy is needed because the train step donates its state, and a buffer cannot be donated
    twice.
    """
    return jax.tree.map(jnp.copy, {"params": params, "stats": stats})


def update_teacher(
    teacher: dict[str, ArrayTree], params: ArrayTree, stats: ArrayTree, momentum: float | jax.Array
) -> dict[str, ArrayTree]:
    """Exponential moving average of the student, `m * teacher + (1 - m) * student`.

    BatchNorm running statistics are averaged like parameters. Training does not use them, because
    the teacher then normalises with the statistics of its own batch; evaluation of the teacher's
    encoder does.

    Args:
      teacher: teacher returned by `new_teacher` or this function.
      params: the student's parameters after the update.
      stats: the student's mutable collections.
      momentum: scalar in [0, 1]; 1 leaves the teacher unchanged.

    Returns:
      The new teacher, in the dtype of the old one.

    Source: Grill et al., "Bootstrap Your Own Latent", 2020, eq. 1.
    """

    def average(old: jax.Array, new: jax.Array) -> jax.Array:
        return (momentum * old + (1.0 - momentum) * new).astype(old.dtype)

    return jax.tree.map(average, teacher, {"params": params, "stats": stats})
