"""What methods of many crops share: crops of several sizes through one encoder and one head."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jssl.methods.base import Views

Crops = tuple[jax.Array, ...]


def global_crops(views: Views) -> jax.Array:
    """The two large views side by side: `a` and `b`, each [B, ...] -> [B, 2, ...]."""
    return jnp.stack([views["a"], views["b"]], axis=1)


def all_crops(views: Views) -> Crops:
    """Crops by size: ([B, 2, ...],) and, where there is a view `local`, its [B, V, ...]."""
    return (global_crops(views), *((views["local"],) if "local" in views else ()))


class PrototypeHead(nn.Module):
    """A projector and scores against prototypes.

    Attributes:
      projector: module [..., D] -> [..., P].
      prototypes: module [..., P] -> [..., K].
    """

    projector: nn.Module
    prototypes: nn.Module

    def __call__(self, x: jax.Array, *, train: bool) -> tuple[jax.Array, jax.Array]:
        """Maps [..., D] to (projection [..., P], scores [..., K])."""
        projection = self.projector(x, train=train)
        return projection, self.prototypes(projection)


class MultiCrop(nn.Module):
    """An encoder that sees crops of one size at a time, and a head that sees all of them together.

    BatchNorm in the encoder therefore normalises each size by itself, and BatchNorm in the head
    all crops at once, as in the code of SwAV and DINO.

    Attributes:
      encoder: module `x -> Features`.
      head: a `PrototypeHead`.
    """

    encoder: nn.Module
    head: nn.Module

    def __call__(self, crops: Crops, *, train: bool) -> tuple[jax.Array, jax.Array]:
        """Maps crops ([B, V, ...], ...) to (projections [B, sum V, P], scores [B, sum V, K])."""
        pooled = [encode_crops(self.encoder, group, train=train).pooled for group in crops]
        return self.head(jnp.concatenate(pooled, axis=1), train=train)


def encode_crops(encoder: nn.Module, crops: Any, **kwargs: Any) -> Any:
    """Features of crops of one size: [B, V, ...] -> `Features` with leading axes [B, V].

    Args:
      encoder: module `x -> Features`.
      crops: [B, V, ...], or a tree of such arrays.
      **kwargs: further inputs of the encoder; arrays [B, V, ...] as well.

    Returns:
      The encoder's features, leading axes [B, V].
    """
    shape = jax.tree.leaves(crops)[0].shape[:2]

    def flat(x: Any) -> Any:
        return x.reshape(-1, *x.shape[2:]) if isinstance(x, jax.Array) else x

    options = {name: flat(value) for name, value in kwargs.items()}
    features = encoder(jax.tree.map(flat, crops), **options)
    return jax.tree.map(lambda x: x.reshape(*shape, *x.shape[1:]), features)
