"""Augmentations of one time series: f(key, x, ...) -> x, x float [T, C]."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp

from jssl.augmentations.compose import Pipeline, Views, pipeline, sometimes
from jssl.augmentations.points import rotation
from jssl.core.ranges import Count, NonNegative, Positive, Shares, Unit
from jssl.errors import UserError

FIELD = "series"


def resample(
    x: jax.Array, length: int, start: jax.Array | float, span: jax.Array | float
) -> jax.Array:
    """Resamples a section of a series at evenly spaced points by linear interpolation.

    Args:
      x: [T, C].
      length: number of points.
      start: of the stretch, in steps; the first step's centre is at 0.
      span: from the first point to the last, in steps.

    Returns:
      [length, C].
    """
    last = x.shape[0] - 1
    points = start + span * jnp.linspace(0.0, 1.0, length)
    points = jnp.clip(points, 0.0, last)
    low = jnp.clip(jnp.floor(points).astype(jnp.int32), 0, max(last - 1, 0))
    share = (points - low)[:, None]
    high = jnp.minimum(low + 1, last)
    return x[low] * (1.0 - share) + x[high] * share


def resize(key: jax.Array | None, x: jax.Array, *, length: Count) -> jax.Array:
    """The whole series at `length` points; [T, C] -> [length, C], the same where T is `length`.

    Args:
      key: not used.
      x: float [T, C].
      length: points of the result.
    """
    del key
    return x if x.shape[0] == length else resample(x, length, 0.0, x.shape[0] - 1)


def crop(key: jax.Array, x: jax.Array, *, length: Count, scale: Shares = (0.5, 1.0)) -> jax.Array:
    """A random stretch, brought to `length` points.

    Args:
      key: PRNG key.
      x: [T, C].
      length: points of the result.
      scale: range of the stretch's share of the whole.

    Returns:
      [length, C].
    """
    whole = x.shape[0] - 1
    share, place = jax.random.uniform(key, (2,))
    span = (scale[0] + (scale[1] - scale[0]) * share) * whole
    return resample(x, length, place * (whole - span), span)


def jitter(key: jax.Array, x: jax.Array, *, sigma: NonNegative = 0.1) -> jax.Array:
    """Adds white noise of a standard deviation in units of each channel's own.

    Um et al., "Data Augmentation of Wearable Sensor Data", 2017.

    Args:
      key: PRNG key.
      x: float [T, C].
      sigma: standard deviation of the noise, in units of each channel's own.
    """
    return x + sigma * jnp.std(x, axis=0, keepdims=True) * jax.random.normal(key, x.shape)


def rescale(key: jax.Array, x: jax.Array, *, sigma: NonNegative = 0.2) -> jax.Array:
    """Multiplies each channel by a factor of mean 1 and a standard deviation (Um et al., 2017).

    Args:
      key: PRNG key.
      x: float [T, C].
      sigma: standard deviation of the factors.
    """
    return x * (1.0 + sigma * jax.random.normal(key, (1, x.shape[1])))


def rotate_sensors(key: jax.Array, x: jax.Array) -> jax.Array:
    """Rotates the sensor device: all triples of channels by one random rotation.

    Um et al., "Data Augmentation of Wearable Sensor Data", 2017, who also rotate by any angle,
    since a phone may have any orientation in a pocket.

    Args:
      key: PRNG key.
      x: [T, 3 S], the three axes of each of S sensors side by side.

    Returns:
      [T, 3 S].

    Raises:
      UserError: channels are not in threes.
    """
    if x.shape[1] % 3:
        raise UserError(f"sensors of three axes have 3, 6, ... channels, not {x.shape[1]}")
    turned = jnp.matmul(
        x.reshape(x.shape[0], -1, 3), rotation(key).T, precision=jax.lax.Precision.HIGHEST
    )
    return turned.reshape(x.shape)


def permute(key: jax.Array, x: jax.Array, *, segments: Count = 4) -> jax.Array:
    """Cuts a series into equal segments and puts them in another order (Um et al., 2017).

    Remaining steps stay at the end.
    """
    size = x.shape[0] // segments
    parts = x[: size * segments].reshape(segments, size, -1)
    mixed = jax.random.permutation(key, parts).reshape(segments * size, -1)
    return jnp.concatenate([mixed, x[size * segments :]])


def drop_stretch(key: jax.Array, x: jax.Array, *, share: Unit = 0.2) -> jax.Array:
    """Replaces a random stretch by the mean of each channel (a cut-out in time).

    Args:
      key: PRNG key.
      x: float [T, C].
      share: length of the stretch as a share of the series.
    """
    size = max(1, round(share * x.shape[0]))
    start = jax.random.randint(key, (), 0, x.shape[0] - size + 1)
    steps = jnp.arange(x.shape[0])
    hidden = (steps >= start) & (steps < start + size)
    return jnp.where(hidden[:, None], jnp.mean(x, axis=0, keepdims=True), x)


def standardise(key: jax.Array | None, x: jax.Array, *, epsilon: Positive = 1e-5) -> jax.Array:
    """Each channel of the series to mean 0 and variance 1 over time (instance normalisation).

    Kim et al., "Reversible Instance Normalization for Accurate Time-Series Forecasting", 2022.

    Args:
      key: not used.
      x: float [T, C].
      epsilon: added to the variance.
    """
    del key
    mean, variance = jnp.mean(x, axis=0, keepdims=True), jnp.var(x, axis=0, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + epsilon)


def extend(key: jax.Array | None, x: jax.Array, *, steps: Count) -> jax.Array:
    """Appends zeros for future steps, as PatchTST masks patches: [T, C] -> [T + steps, C].

    Args:
      key: not used.
      x: float [T, C].
      steps: points added at the end.
    """
    del key
    return jnp.pad(x, ((0, steps), (0, 0)))


def whole_window(key: jax.Array | None, example: Mapping[str, jax.Array]) -> jax.Array:
    """An entry of Views: past and future of a window as one series, normalised.

    Args:
      key: not used; may be None.
      example: with `series` [T, C] and what follows it, `future` [H, C].

    Returns:
      [T + H, C].
    """
    return standardise(key, jnp.concatenate([example[FIELD], example["future"]]))


def series_views(
    length: int, *, scale: tuple[float, float] = (0.5, 1.0), normalised: bool = True
) -> Views:
    """Two views `a` and `b`, drawn alike: crop, change of scale, noise, a hole; normalised.

    This project's own recipe, of the operations of Um et al. (2017).

    Args:
      length: points of a view.
      scale: range of the crop's share of the series.
      normalised: whether a view ends with `standardise`; not where the level tells classes apart.

    Returns:
      Views a, b: float32 [B, length, C].
    """
    one = pipeline(
        partial(crop, length=length, scale=scale),
        rescale,
        partial(jitter, sigma=0.1),
        sometimes(drop_stretch, 0.5),
        standardise if normalised else None,
        field=FIELD,
    )
    return Views(a=one, b=one)


def series_evaluation(length: int, *, normalised: bool = True) -> Pipeline:
    """The evaluation input: the whole series at `length` points, normalised or as it is stored."""
    ending = standardise if normalised else None
    return pipeline(partial(resize, length=length), ending, field=FIELD)
