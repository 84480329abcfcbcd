"""The net of two-view methods: encoder, projector and an optional predictor."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jssl.errors import UserError
from jssl.nn import module as nn


class Siamese(nn.Module):
    """Encoder, projector and optional predictor on the pooled features.

    Attributes:
      encoder: module that maps x to `Features`.
      projector: module that maps [B, D] to [B, P].
      predictor: module that maps [B, P] to [B, P], or None.
    """

    encoder: nn.Module
    projector: nn.Module
    predictor: nn.Module | None = None

    def __call__(self, x: jax.Array, *, train: bool) -> tuple[jax.Array, jax.Array]:
        """Maps x [B, ...] to (projection [B, P], prediction [B, P]).

        Without a predictor the prediction is the projection.
        """
        projection = self.projector(self.encoder(x, train=train).pooled, train=train)
        if self.predictor is None:
            return projection, projection
        return projection, self.predictor(projection, train=train)


def interleave_views(*views: Any) -> Any:
    """Interleaves views into one batch with shared BatchNorm: V x [B, ...] -> [B * V, ...].

    The views of one example are adjacent and therefore on one device. A view may be a pytree.

    Raises:
      UserError: if the views differ in shape.
    """

    def beside(*parts: jax.Array) -> jax.Array:
        sizes = [list(part.shape[1:]) for part in parts]
        if any(size != sizes[0] for size in sizes):
            raise UserError(
                "views that pass through the net as one batch have the same size and channels, and "
                f"these have {', '.join(map(str, sizes))}"
            )
        return jnp.stack(parts, axis=1).reshape(-1, *parts[0].shape[1:])

    return jax.tree.map(beside, *views)


def split_views(x: jax.Array, count: int) -> tuple[jax.Array, ...]:
    """Inverse of `interleave_views`: [B * V, ...] -> V x [B, ...]."""
    x = x.reshape(-1, count, *x.shape[1:])
    return tuple(x[:, i] for i in range(count))
