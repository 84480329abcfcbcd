"""Shared part of multi-crop methods: crops of several sizes through one encoder and head."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jssl.methods.base import Outputs, Step, Views
from jssl.nn import module as nn

Crops = tuple[jax.Array, ...]


def global_crops(views: Views) -> jax.Array:
    """The two large views side by side: `a` and `b`, each [B, ...] -> [B, 2, ...]."""
    return jnp.stack([views["a"], views["b"]], axis=1)


def all_crops(views: Views) -> Crops:
    """Crops by size: ([B, 2, ...],) and, where there is a view `local`, its [B, V, ...]."""
    return (global_crops(views), *((views["local"],) if "local" in views else ()))


class PrototypeHead(nn.Module):
    """A projector, and scores of its output against prototypes.

    Attributes:
      projector: module that maps [..., D] to [..., P].
      prototypes: module that maps [..., P] to scores [..., K].
    """

    projector: nn.Module
    prototypes: nn.Module

    def __call__(self, x: jax.Array, *, train: bool) -> tuple[jax.Array, jax.Array]:
        """Maps [..., D] to (projection [..., P], scores [..., K])."""
        projection = self.projector(x, train=train)
        return projection, self.prototypes(projection)


class MultiCrop(nn.Module):
    """An encoder of crops of one size at a time, and a head for all crops together.

    BatchNorm in the encoder therefore normalises each size separately, and BatchNorm in the head
    normalises all crops together, as in the code of SwAV and DINO.

    Attributes:
      encoder: module that maps x to `Features`.
      head: the `PrototypeHead`.
    """

    encoder: nn.Module
    head: nn.Module

    def __call__(self, crops: Crops, *, train: bool) -> tuple[jax.Array, jax.Array]:
        """Maps crops ([B, V, ...], ...) to (projections [B, sum V, P], scores [B, sum V, K])."""
        pooled = [encode_crops(self.encoder, group, train=train).pooled for group in crops]
        return self.head(jnp.concatenate(pooled, axis=1), train=train)


class MaskedMultiCrop(nn.Module):
    """An encoder of crops with optional masks, a head for images and a head for patches.

    Attributes:
      encoder: module that maps x and a mask to `Features` with tokens.
      head: `PrototypeHead` of the pooled features.
      patch_head: `PrototypeHead` of the tokens; None shares `head`.
    """

    encoder: nn.Module
    head: nn.Module
    patch_head: nn.Module | None = None

    def __call__(
        self, crops: Crops, indices: jax.Array, mask: jax.Array | None = None, *, train: bool
    ) -> dict[str, jax.Array]:
        """Encodes the crops and scores images and patches.

        Args:
          crops: ([B, 2, ...], [B, V, ...] or nothing).
          indices: int [B, 2, M], positions of the large crops' tokens that the patch head scores.
          mask: bool [B, 2, N], masked tokens of the large crops; None for no mask.
          train: whether to run in training mode.

        Returns:
          "pooled" [B, sum V, D], "scores" [B, sum V, K], "patches" [B, 2, M, K].
        """
        masking = {} if mask is None else {"mask": mask}
        features = [encode_crops(self.encoder, crops[0], train=train, **masking)]
        features += [encode_crops(self.encoder, group, train=train) for group in crops[1:]]
        pooled = jnp.concatenate([found.pooled for found in features], axis=1)
        _, scores = self.head(pooled, train=train)
        tokens = jnp.take_along_axis(features[0].tokens, indices[..., None], axis=2)
        head = self.head if self.patch_head is None else self.patch_head
        _, patches = head(tokens, train=train)
        return {"pooled": pooled, "scores": scores, "patches": patches}


def encode_crops(encoder: nn.Module, crops: Any, **kwargs: Any) -> Any:
    """Features of crops of one size: [B, V, ...] -> `Features` with leading axes [B, V].

    Args:
      encoder: module that maps x to `Features`.
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


def distilled_crops(step: Step, views: Views) -> Outputs:
    """Student and teacher of a `MaskedMultiCrop` on crops; the student's are masked.

    Args:
      step: step whose net and teacher are run.
      views: `a` and `b`, optionally `local`, and `mask` with "mask" [B, 2, N], "masked" [B, 2, M].

    Returns:
      Scores "student" [B, V, K] and "teacher" [B, 2, K], those of patches "student_patches" and
      "teacher_patches" [B, 2, M, K'], "masked" bool [B, 2, M] and "pooled" [B, 2, D].
    """
    mask, indices = views["mask"]["mask"], views["mask"]["masked"]
    student = step.student(all_crops(views), indices, mask)
    teacher = step.teacher((global_crops(views),), indices)
    return {
        "student": student["scores"],
        "teacher": teacher["scores"],
        "student_patches": student["patches"],
        "teacher_patches": teacher["patches"],
        "masked": jnp.take_along_axis(mask, indices, axis=2),
        "pooled": student["pooled"][:, :2],
    }
