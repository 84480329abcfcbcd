"""The moving-average teacher, one implementation for every method that has one."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp

from jssl.clock import Clock, cosine, linear
from jssl.methods.base import Memory, Method, Tree, apply, encoder_part


class Taught(Method):
    """A method that remembers a moving average of its net, and what that takes.

    A subclass has the fields `momentum` (at the first step) and `momentum_end` (at the last).

    Class attributes:
      average_of: "net", or "encoder" for a teacher without heads.
      rise: how the momentum goes from one to the other: "cosine" or "linear".
      evaluated: "student" or "teacher": whose encoder evaluation sees.
    """

    average_of: ClassVar[Literal["net", "encoder"]] = "net"
    rise: ClassVar[Literal["cosine", "linear"]] = "cosine"
    evaluated: ClassVar[Literal["student", "teacher"]] = "student"

    def init_memory(self, rng: jax.Array, params: Tree, stats: Tree) -> Memory:
        """The teacher, equal to the student."""
        return {"teacher": new_teacher(*self._part(params, stats))}

    def after_update(self, params: Tree, stats: Tree, memory: Memory, *, clock: Clock) -> Memory:
        """Moves the teacher towards the student."""
        part, momentum = self._part(params, stats), self.teacher_momentum(clock)
        return {**memory, "teacher": update_teacher(memory["teacher"], *part, momentum)}

    def encoder_state(self, params: Tree, stats: Tree, memory: Memory) -> tuple[Tree, Tree]:
        """The encoder of the student or of the teacher."""
        if self.evaluated == "student":
            return encoder_part(params, stats)
        params, stats = memory["teacher"]["params"], memory["teacher"]["stats"]
        return encoder_part(params, stats) if self.average_of == "net" else (params, stats)

    def teacher_momentum(self, clock: Clock) -> jax.Array:
        """Share of the old teacher that is kept in a step, a scalar."""
        rise = {"cosine": cosine, "linear": linear}[self.rise]
        return rise(self.momentum, self.momentum_end, clock.fraction)

    def distance(self, params: Tree, memory: Memory) -> dict[str, tuple[Tree, Tree]]:
        """For `Monitored.teachers`: the student's part and the teacher's."""
        return {"teacher": (self._part(params, {})[0], memory["teacher"]["params"])}

    def _part(self, params: Tree, stats: Tree) -> tuple[Tree, Tree]:
        return (params, stats) if self.average_of == "net" else encoder_part(params, stats)


def new_teacher(params: Tree, stats: Tree) -> dict[str, Tree]:
    """A teacher equal to the student, in buffers of its own.

    The copy matters: the train step donates its state, and one buffer cannot be donated twice.
    """
    return jax.tree.map(jnp.copy, {"params": params, "stats": stats})


def update_teacher(
    teacher: dict[str, Tree], params: Tree, stats: Tree, momentum: float | jax.Array
) -> dict[str, Tree]:
    """Exponential moving average of the student, `m * teacher + (1 - m) * student`.

    BatchNorm running statistics are averaged like parameters. They play no part in training, where
    the teacher normalises with the statistics of its own batch; they make the teacher usable as an
    encoder.

    Args:
      teacher: what `new_teacher` returned.
      params: the student's parameters after the update.
      stats: the student's mutable collections.
      momentum: scalar in [0, 1]; 1 keeps the teacher as it is.

    Returns:
      The new teacher, in the dtype of the old one.

    Source: Grill et al., "Bootstrap Your Own Latent", 2020, eq. 1.
    """

    def average(old: jax.Array, new: jax.Array) -> jax.Array:
        return (momentum * old + (1.0 - momentum) * new).astype(old.dtype)

    return jax.tree.map(average, teacher, {"params": params, "stats": stats})


def run_teacher(
    net: Any, teacher: dict[str, Tree], *args: Any, rng: jax.Array, **kwargs: Any
) -> Any:
    """The teacher's output in training mode, cut off from gradients.

    Training mode is for BatchNorm; an encoder's stochastic depth and dropout are left out.

    Args:
      net: the student's Linen module, or its encoder for a teacher without heads.
      teacher: `{"params", "stats"}`.
      *args: inputs of the module.
      rng: key for dropout and stochastic depth.
      **kwargs: further inputs of the module.

    Returns:
      The module's output under `stop_gradient`.
    """
    encoder = getattr(net, "encoder", net)
    noise = [
        name
        for name in ("drop_path", "dropout", "attention_dropout")
        if getattr(encoder, name, 0.0)
    ]
    if noise:
        still = encoder.clone(**dict.fromkeys(noise, 0.0))
        net = still if encoder is net else net.clone(encoder=still)
    output, _ = apply(net, teacher["params"], teacher["stats"], *args, rng=rng, **kwargs)
    return jax.lax.stop_gradient(output)
