"""Augmentations of one point cloud: f(key, cloud, ...) -> cloud, and the mask of its patches.

A cloud is {"xyz": float32 [P, 3], "valid": bool [P]}; where `valid` is False there is padding,
whose coordinates are zero. Padding does not change the result: random draws for a point depend on
its index, not on the length of the array.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jssl.augmentations.compose import Pipeline, Views, pipeline, sometimes
from jssl.augmentations.masks import Mask, from_scores, hidden_count
from jssl.core.ranges import Axis, BelowOne, Count, Inside, NonNegative, Spread
from jssl.data.source import entry
from jssl.errors import UserError

FIELD = "points"
RADII = ("largest", "rms")
Cloud = Mapping[str, jax.Array]


def _moved(cloud: Cloud, xyz: jax.Array, valid: jax.Array | None = None) -> dict[str, jax.Array]:
    valid = cloud["valid"] if valid is None else valid
    return {**cloud, "xyz": jnp.where(valid[:, None], xyz, 0.0), "valid": valid}


def rotation(key: jax.Array, axis: Axis | None = None) -> jax.Array:
    """A random rotation, float32 [3, 3].

    Args:
      key: PRNG key.
      axis: 0, 1 or 2, to turn about by any angle; None for a uniformly distributed rotation,
        obtained from a normal quaternion.
    """
    if axis is None:
        w, x, y, z = (q := jax.random.normal(key, (4,))) / jnp.linalg.norm(q)
    else:
        half = jnp.pi * jax.random.uniform(key)
        w = jnp.cos(half)
        x, y, z = jnp.sin(half) * jnp.eye(3)[axis]
    return jnp.asarray(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def rotate(key: jax.Array, cloud: Cloud, *, axis: Axis | None = None) -> dict[str, jax.Array]:
    """Turns a cloud by a random `rotation`; see there for `axis`.

    Args:
      key: PRNG key.
      cloud: points [N, 3] and what belongs to them.
      axis: the axis to turn about; None for any rotation.
    """
    turn = rotation(key, axis)
    return _moved(cloud, jnp.matmul(cloud["xyz"], turn.T, precision=jax.lax.Precision.HIGHEST))


def rescale(
    key: jax.Array,
    cloud: Cloud,
    *,
    scale: Spread = (2 / 3, 3 / 2),
    each: bool = False,
) -> dict[str, jax.Array]:
    """Multiplies a cloud, or each axis (`each`), by a factor drawn uniformly from a range.

    Args:
      key: PRNG key.
      cloud: see the module.
      scale: the range.
      each: whether each axis has its own factor.

    Returns:
      The cloud.
    """
    factor = jax.random.uniform(key, (3 if each else 1,), minval=scale[0], maxval=scale[1])
    return _moved(cloud, cloud["xyz"] * factor)


def translate(key: jax.Array, cloud: Cloud, *, reach: NonNegative = 0.2) -> dict[str, jax.Array]:
    """Moves a cloud by up to `reach` along each axis, in the cloud's unit of length."""
    return _moved(cloud, cloud["xyz"] + jax.random.uniform(key, (3,), minval=-reach, maxval=reach))


def jitter(
    key: jax.Array, cloud: Cloud, *, sigma: NonNegative = 0.01, clip: NonNegative = 0.05
) -> dict[str, jax.Array]:
    """Adds normal noise to each coordinate, cut off at `clip` (Qi et al., "PointNet", 2017).

    Args:
      key: PRNG key.
      cloud: points [N, 3] and what belongs to them.
      sigma: standard deviation of the noise.
      clip: largest size of the noise in a coordinate.
    """
    noise = jnp.clip(sigma * jax.random.normal(key, cloud["xyz"].shape), -clip, clip)
    return _moved(cloud, cloud["xyz"] + noise)


def drop_points(key: jax.Array, cloud: Cloud, *, most: BelowOne = 0.5) -> dict[str, jax.Array]:
    """Removes each point with a probability drawn from 0 to `most`, but never all.

    Qi et al., "PointNet++", 2017, section 3.3 (random input dropout).

    Args:
      key: PRNG key.
      cloud: points [N, 3] and what belongs to them.
      most: largest probability with which a point is removed.
    """
    rate, draw = jax.random.split(key)
    rate = most * jax.random.uniform(rate)
    score = jnp.where(cloud["valid"], jax.random.uniform(draw, cloud["valid"].shape), -1.0)
    kept = cloud["valid"] & ((score >= rate) | (score == jnp.max(score)))
    return _moved(cloud, cloud["xyz"], kept)


def occlude(key: jax.Array, cloud: Cloud, *, most: BelowOne = 0.4) -> dict[str, jax.Array]:
    """Removes the points farthest along a random direction: a share drawn from 0 to `most`.

    Args:
      key: PRNG key.
      cloud: see the module.
      most: largest share, below 1.

    Returns:
      The cloud, with at least one point.
    """
    towards, share = jax.random.split(key)
    depth = cloud["xyz"] @ jax.random.normal(towards, (3,))
    rank = jnp.argsort(jnp.argsort(jnp.where(cloud["valid"], depth, jnp.inf)))
    kept = 1.0 - most * jax.random.uniform(share)
    count = jnp.maximum(jnp.round(kept * jnp.sum(cloud["valid"])), 1)
    return _moved(cloud, cloud["xyz"], cloud["valid"] & (rank < count))


def subsample(key: jax.Array | None, cloud: Cloud, *, count: Count) -> dict[str, jax.Array]:
    """A random choice of `count` points (without a key, the first ones), padded if there are fewer.

    Args:
      key: PRNG key, or None.
      cloud: see the module.
      count: number of points of the result.

    Returns:
      The cloud, [count, 3] and [count]; real points first.
    """
    valid = cloud["valid"]
    order = jnp.arange(len(valid)) if key is None else jax.random.uniform(key, valid.shape)
    order = jnp.argsort(jnp.where(valid, order, jnp.inf), stable=True)
    short = max(0, count - len(valid))
    order = order[:count]
    xyz = jnp.pad(cloud["xyz"][order], ((0, short), (0, 0)))
    return _moved(cloud, xyz, jnp.pad(valid[order], (0, short)))


def normalise(
    key: jax.Array | None, cloud: Cloud, *, radius: str = "largest"
) -> dict[str, jax.Array]:
    """Moves the mean to the origin and divides by a radius.

    Args:
      key: not used.
      cloud: see the module.
      radius: "largest" (the cloud fits into the unit ball) or "rms" (mean square distance 1; one
        stray point does not shrink all others).

    Returns:
      The cloud.

    Raises:
      UserError: for another radius.
    """
    del key
    if radius not in RADII:
        raise UserError(f"a cloud is divided by its radius {' or '.join(RADII)}, not {radius!r}")
    valid = cloud["valid"][:, None]
    count = jnp.maximum(jnp.sum(valid), 1)
    mean = jnp.sum(jnp.where(valid, cloud["xyz"], 0.0), axis=0) / count
    xyz = jnp.where(valid, cloud["xyz"] - mean, 0.0)
    square = jnp.sum(jnp.square(xyz), axis=1)
    size = jnp.max(square) if radius == "largest" else jnp.sum(square) / count
    return _moved(cloud, xyz * jax.lax.rsqrt(jnp.maximum(size, 1e-12)))


def patch_mask(
    key: jax.Array,
    example: Mapping[str, Any],
    *,
    tokens: Count,
    ratio: Inside,
    field: str = FIELD,
) -> Mask:
    """Masks a share of a cloud's patches, chosen uniformly among the real ones.

    Args:
      key: PRNG key.
      example: has the cloud.
      tokens: N, the encoder's number of patches; as many of them are real as the cloud has points,
        the first ones.
      ratio: share to hide.
      field: name of the cloud.

    Returns:
      dict(mask bool [N], keep int32 [K], masked int32 [N - K]), K = int(N (1 - ratio)). Padding is
      never True in the mask; it pads `keep` and `masked`.
    """
    count = hidden_count(tokens, ratio)
    real = jnp.arange(tokens) < jnp.sum(entry(example, field)["valid"])
    rank = jnp.argsort(jnp.argsort(jnp.where(real, jax.random.uniform(key, (tokens,)), 2.0)))
    shown = jnp.maximum(jnp.round(jnp.sum(real) * ((tokens - count) / tokens)), 1)
    # First what is shown, then padding, then what is hidden.
    found = from_scores(jnp.where(real, jnp.where(rank < shown, 0, 2), 1), count)
    return {**found, "mask": found["mask"] & real}


def points_view(
    count: int,
    *,
    axis: int | None = None,
    radius: str = "largest",
    occlusion: float = 0.4,
    dropout: float = 0.3,
) -> Pipeline:
    """One view of a cloud: subsampled, rotated, scaled, noisy, partly occluded and normalised.

    This project's own recipe, of the operations of PointNet and PointNet++.

    Args:
      count: points of the result, padding included.
      axis: of the rotation; None for any.
      radius: see `normalise`.
      occlusion: see `occlude`.
      dropout: see `drop_points`.

    Returns:
      Pipeline, example -> {"xyz" float32 [count, 3], "valid" bool [count]}.
    """
    return pipeline(
        partial(subsample, count=count),
        partial(normalise, radius=radius),
        partial(occlude, most=occlusion),
        partial(drop_points, most=dropout),
        partial(rescale, scale=(0.8, 1.25), each=True),
        partial(rotate, axis=axis),
        sometimes(jitter, 0.8),
        partial(normalise, radius=radius),
        field=FIELD,
    )


def points_views(count: int, **options: Any) -> Views:
    """Two views `a` and `b` of a cloud, drawn alike; arguments as in `points_view`."""
    one = points_view(count, **options)
    return Views(a=one, b=one)


def points_evaluation(count: int, *, radius: str = "largest") -> Pipeline:
    """The evaluation input: the first `count` points, normalised."""
    steps = (partial(subsample, count=count), partial(normalise, radius=radius))
    return pipeline(*steps, field=FIELD)
