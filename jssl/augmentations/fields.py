"""Random field augmentations: affine and colour parameters that vary over the image.

(Mansfield et al., 2023.) Each parameter is a Gaussian random field with mean zero, unit variance
and correlation exp(-d² / 2 l²) at distance d, times a strength.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jssl.augmentations.colour import shift_hue
from jssl.augmentations.image import as_float, clip01, luma, planar, require_rgb, unplanar
from jssl.augmentations.warp import pixel_centres, sample
from jssl.core.ranges import BelowOne, Count, NonNegative, Positive, Real, Turn
from jssl.errors import UserError


def gaussian_field(key: jax.Array, height: Count, width: Count, *, length: Positive) -> jax.Array:
    """A Gaussian random field of unit variance, by filtering white noise in the Fourier domain.

    Args:
      key: PRNG key.
      height: pixels.
      width: pixels.
      length: correlation length l as a share of the shorter side; the field is periodic, so keep
        it under about a quarter.

    Returns:
      float32 [height, width].

    Raises:
      UserError: a length that is not positive.
    """
    if length <= 0:
        raise UserError(f"a correlation length is a share of the side above zero, not {length}")
    reach = length * min(height, width)
    fy = jnp.fft.fftfreq(height).astype(jnp.float32)[:, None]
    fx = jnp.fft.rfftfreq(width).astype(jnp.float32)[None, :]
    # The square of the filter is the transform of the correlation.
    gain = jnp.exp(-jnp.square(jnp.pi * reach) * (fy**2 + fx**2))
    full = jnp.exp(
        -2 * jnp.square(jnp.pi * reach) * (fy**2 + jnp.fft.fftfreq(width).astype(jnp.float32) ** 2)
    )
    gain = gain / jnp.sqrt(jnp.mean(full))
    noise = jax.random.normal(key, (height, width))
    return jnp.fft.irfft2(jnp.fft.rfft2(noise) * gain, s=(height, width))


def random_field_affine(
    key: jax.Array,
    image: jax.Array,
    *,
    translate: NonNegative = 0.05,
    degrees: NonNegative = 5.0,
    scale: BelowOne = 0.05,
    length: Positive = 0.15,
    fill: Real = 0.0,
    with_map: bool = False,
) -> jax.Array | tuple[jax.Array, jax.Array]:
    """Moves each pixel by its own shift, rotation and scale about the centre.

    Args:
      key: PRNG key.
      image: [H, W, C] uint8 or float in [0, 1].
      translate: standard deviation of the shift, share of the shorter side.
      degrees: of the rotation.
      scale: of the log of the scale.
      length: correlation length, share of the shorter side.
      fill: value outside.
      with_map: also return the source point of each pixel. This map is not a matrix, so `tracked`
        pipelines refuse the operation.

    Returns:
      float32 [H, W, C], and the map float32 [H, W, 2] of points (x, y) if asked for.
    """
    image = as_float(image)
    height, width = image.shape[:2]
    keys = jax.random.split(key, 4)
    fields = jax.vmap(lambda k: gaussian_field(k, height, width, length=length))(keys)
    centre = jnp.asarray([width / 2, height / 2])
    offset = pixel_centres(height, width) - centre
    turn = jnp.deg2rad(degrees) * fields[0]
    grow = jnp.exp(scale * fields[1])
    cos, sin = jnp.cos(turn) * grow, jnp.sin(turn) * grow
    x = cos * offset[..., 0] - sin * offset[..., 1]
    y = sin * offset[..., 0] + cos * offset[..., 1]
    shift = translate * min(height, width) * jnp.stack([fields[2], fields[3]], axis=-1)
    points = centre + jnp.stack([x, y], axis=-1) + shift
    result = sample(image, points, fill=fill)
    return (result, points) if with_map else result


random_field_affine.dense = True


def random_field_colour(
    key: jax.Array,
    image: jax.Array,
    *,
    brightness: NonNegative = 0.2,
    contrast: NonNegative = 0.2,
    saturation: NonNegative = 0.2,
    hue: Turn = 0.05,
    length: Positive = 0.15,
) -> jax.Array:
    """Changes brightness, contrast, saturation and hue by amounts that vary over the image.

    The four follow each other in this order, with the definitions of colour jitter; a factor is
    max(0, 1 + strength times field). The mean that contrast blends with is the image's.

    Args:
      key: PRNG key.
      image: [H, W, C] uint8 or float in [0, 1]; 1 channel takes brightness and contrast only.
      brightness: standard deviation of the factor; likewise the next two.
      contrast: of the factor.
      saturation: of the factor.
      hue: of the turn.
      length: correlation length, share of the shorter side.

    Returns:
      float32 [H, W, C] in [0, 1].
    """
    image = as_float(image)
    channels = planar(image)
    keys = jax.random.split(key, 4)
    fields = jax.vmap(lambda k: gaussian_field(k, *image.shape[:2], length=length))(keys)
    factors = [
        jnp.maximum(0.0, 1 + s * f)
        for s, f in zip((brightness, contrast, saturation), fields, strict=False)
    ]
    channels = clip01(channels * factors[0])
    mean = luma(jnp.mean(channels, axis=(1, 2)))
    channels = clip01(channels * factors[1] + (1 - factors[1]) * mean)
    if image.shape[-1] == 1:
        return unplanar(channels)
    require_rgb(image.shape[-1], "random_field_colour's saturation and hue")
    channels = clip01(channels * factors[2] + (1 - factors[2]) * luma(channels))
    return unplanar(shift_hue(channels, hue * fields[3]))
