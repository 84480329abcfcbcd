"""The progress of a run, from which every schedule is computed."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Progress(NamedTuple):
    """Progress of a run.

    Attributes:
      step: int32 scalar, optimizer steps already taken (0 in the first step). May be traced.
      steps: total optimizer steps of the run.
      steps_per_epoch: optimizer steps in one pass over the training split.
      rate: the learning rate of this step as a share of its peak. May be traced.
    """

    step: jax.Array | int
    steps: int
    steps_per_epoch: int
    rate: jax.Array | float = 1.0

    @property
    def fraction(self) -> jax.Array:
        """Share of the run that is done, float32 scalar in [0, 1]."""
        return jnp.asarray(self.step, jnp.float32) / max(self.steps, 1)

    @property
    def epoch(self) -> jax.Array:
        """Epochs done, float32 scalar, fractional inside an epoch."""
        return jnp.asarray(self.step, jnp.float32) / max(self.steps_per_epoch, 1)


Clock = Progress  # its former name, which methods of users import


def cosine(start: float, end: float, fraction: jax.Array | float) -> jax.Array:
    """Half a cosine from `start` (fraction 0) to `end` (fraction 1).

    Args:
      start: value at fraction 0.
      end: value at fraction 1.
      fraction: float scalar; clipped to [0, 1].

    Returns:
      float32 scalar.
    """
    fraction = jnp.clip(jnp.asarray(fraction, jnp.float32), 0.0, 1.0)
    return end + (start - end) * 0.5 * (1.0 + jnp.cos(jnp.pi * fraction))


def linear(start: float, end: float, fraction: jax.Array | float) -> jax.Array:
    """A straight line from `start` (fraction 0) to `end` (fraction 1), clipped outside."""
    fraction = jnp.clip(jnp.asarray(fraction, jnp.float32), 0.0, 1.0)
    return start + (end - start) * fraction
