"""Helpers shared by image operations: conversion, channel planes, luma."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax.experimental.xla_metadata import set_xla_metadata

from jssl.errors import UserError

# ITU-R 601-2 luma, the weights of Pillow's "L" and of torchvision's greyscale.
LUMA = (0.299, 0.587, 0.114)


def as_float(image: jax.Array) -> jax.Array:
    """Gives an image as float32 in [0, 1].

    Args:
      image: [H, W, C]; uint8 is divided by 255, a float image is taken as it is.

    Returns:
      float32 [H, W, C].

    Raises:
      UserError: the array is not [H, W, C], or is of a type that has no agreed scale.
    """
    image = jnp.asarray(image)
    if image.ndim != 3:
        raise UserError(
            f"an image operation takes one image [height, width, channels], not an array of "
            f"shape {tuple(image.shape)}; a batch goes through Views or jax.vmap"
        )
    if image.dtype == jnp.uint8:
        return image.astype(jnp.float32) / 255.0
    if not jnp.issubdtype(image.dtype, jnp.floating):
        raise UserError(f"an image is uint8 or floating point, not {image.dtype}")
    return image.astype(jnp.float32)


def as_input(value: jax.Array) -> jax.Array:
    """The input of a pipeline: images as converted by `as_float`, other arrays by their dtype.

    Args:
      value: uint8 or [H, W, C] is an image, and uint8 with axes before these are several, such as
        the frames of a clip; other floats become float32, and integers (tokens, categories, edges)
        and bools stay as they are.

    Returns:
      The array.

    Raises:
      UserError: see `as_float`.
    """
    value = jnp.asarray(value)
    if value.dtype == jnp.uint8 and value.ndim > 3:
        return value.astype(jnp.float32) / 255.0
    if value.dtype == jnp.uint8 or value.ndim == 3:
        return as_float(value)
    return value.astype(jnp.float32) if jnp.issubdtype(value.dtype, jnp.floating) else value


def planar(image: jax.Array) -> jax.Array:
    """[H, W, C] -> [C, H, W]: elementwise maths vectorises over planes, not over 3 channels.

    Inside one jit the transpositions of a chain of operations cancel.
    """
    return jnp.moveaxis(image, -1, 0)


def unplanar(channels: jax.Array) -> jax.Array:
    """[C, H, W] -> [H, W, C]."""
    return jnp.moveaxis(channels, 0, -1)


def stage(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """Prevents XLA from fusing a pixel-wise function with others on the CPU.

    XLA's CPU back end fuses a chain in which every channel depends on all channels of the step
    before by computing the step before again for each of them, and so on back: 3^n work (measured:
    a colour jitter of 281 ms for an image of 224 pixels, 1.2 ms with stages). A call that is not
    inlined ends the fusion. `function` uses jax.lax only: jnp functions are jits of their own and
    would each become a call too.

    Args:
      function: arrays -> array, pure.

    Returns:
      The same function.
    """

    def call(*arrays: jax.Array) -> jax.Array:
        with set_xla_metadata(inlineable="false"):
            return jax.jit(function)(*arrays)

    def staged(*arrays: jax.Array) -> jax.Array:
        return jax.lax.platform_dependent(*arrays, cpu=call, default=function)

    return staged


def clip01(x: jax.Array) -> jax.Array:
    """Limits values to [0, 1]."""
    return jax.lax.max(jax.lax.min(x, jax.lax.full_like(x, 1.0)), jax.lax.full_like(x, 0.0))


def luma(channels: jax.Array) -> jax.Array:
    """The luma of [C, ...]: ITU-R 601-2 for 3 channels, the mean of the channels otherwise."""
    count = channels.shape[0]
    weights = LUMA if count == 3 else (1.0 / count,) * count
    grey = channels[0] * weights[0]
    for weight, channel in zip(weights[1:], channels[1:], strict=True):
        grey = grey + channel * weight
    return grey


def require_rgb(channels: int, operation: str) -> None:
    """Refuses a colour operation on an image that is not RGB.

    Raises:
      UserError: `channels` is not 3.
    """
    if channels != 3:
        raise UserError(
            f"{operation} needs red, green and blue, and the image has {channels} channels; "
            "leave it out of the pipeline, or give 3 channels"
        )


def pair(value: float | Sequence[float], name: str) -> tuple[float, float]:
    """Converts a range: (low, high) is unchanged, a single number becomes (number, number).

    Raises:
      UserError: not one or two numbers, or low above high.
    """
    low, high = (value, value) if isinstance(value, (int, float)) else tuple(value)
    if low > high:
        raise UserError(f"{name} is a range (low, high) and {low} is above {high}")
    return low, high
