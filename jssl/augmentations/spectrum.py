"""Operations on an image's Fourier spectrum, channel by channel, any number of channels.

Frequencies are in cycles per image, so the lowest is 1; a spectrum has the layout of `jnp.fft.fft2`
(the mean first), not the shifted one.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jssl.augmentations.image import as_float, planar, unplanar
from jssl.core.ranges import Count, Positive, Unit
from jssl.errors import UserError


def frequency_radius(height: int, width: int) -> jax.Array:
    """The distance of each frequency from the mean: float32 [height, width], cycles per image."""
    fy = jnp.fft.fftfreq(height) * height
    fx = jnp.fft.fftfreq(width) * width
    return jnp.hypot(fy[:, None], fx[None, :]).astype(jnp.float32)


def filter_frequencies(image: jax.Array, keep: jax.Array) -> jax.Array:
    """Keeps some frequencies of an image.

    Args:
      image: float32 [H, W, C].
      keep: bool [H, W], symmetric: a frequency and its negative are kept together.

    Returns:
      float32 [H, W, C]; not cut to [0, 1].
    """
    spectrum = jnp.fft.fft2(planar(image))
    return unplanar(jnp.fft.ifft2(jnp.where(keep, spectrum, 0.0)).real)


def mask_frequencies(
    key: jax.Array, image: jax.Array, *, radius: Positive = 16.0, low_p: Unit = 0.5
) -> dict[str, jax.Array]:
    """Removes the low or the high frequencies (MFM: Xie et al., 2022, section 3.2).

    Args:
      key: PRNG key.
      image: [H, W, C] uint8 or float.
      radius: where low ends and high begins, cycles per image (MFM: 16 at 224 pixels).
      low_p: probability that the low frequencies stay.

    Returns:
      dict(image float32 [H, W, C], what is left; mask bool [H, W], True where a frequency was
      removed and is to be predicted; original float32 [H, W, C], the image before).

    Raises:
      UserError: a radius that is not positive.
    """
    if radius <= 0:
        raise UserError(f"a frequency radius is in cycles per image and above zero, not {radius}")
    image = as_float(image)
    low = frequency_radius(*image.shape[:2]) < radius
    keep = jnp.where(jax.random.uniform(key) < low_p, low, ~low)
    return {"image": filter_frequencies(image, keep), "mask": ~keep, "original": image}


def low_frequency_crop(key: jax.Array | None, image: jax.Array, *, size: Count) -> jax.Array:
    """Shrinks an image by cutting its spectrum (EfficientTrain: Wang et al., 2022, section 4.1).

    Unlike a resize it keeps all of the low frequencies and none of the others.

    Args:
      key: not used; may be None.
      image: [H, W, C] uint8 or float.
      size: output side, pixels, at most the image's.

    Returns:
      float32 [size, size, C], the mean kept; may overshoot [0, 1] slightly.

    Raises:
      UserError: a size above the image's.
    """
    image = as_float(image)
    height, width = image.shape[:2]
    if not 0 < size <= min(height, width):
        raise UserError(f"a spectrum of {height}x{width} has no crop of {size}x{size}")
    spectrum = jnp.fft.fftshift(jnp.fft.fft2(planar(image)), axes=(1, 2))
    # The mean sits at n // 2 before and after.
    top, left = height // 2 - size // 2, width // 2 - size // 2
    crop = jnp.fft.ifftshift(spectrum[:, top : top + size, left : left + size], axes=(1, 2))
    return unplanar(jnp.fft.ifft2(crop).real * (size * size / (height * width)))


def exchange_style(image: jax.Array, style: jax.Array, *, share: float = 0.05) -> jax.Array:
    """Gives an image the low-frequency amplitudes of another; its phases, so its layout, stay.

    (Yang & Soatto, 2020, equation 3, as used by batch styles standardization.)

    Args:
      image: float32 [H, W, C].
      style: float32 [H, W, C].
      share: half the side of the exchanged square as a share of the shorter side.

    Returns:
      float32 [H, W, C]; not cut to [0, 1].
    """
    height, width = image.shape[:2]
    reach = int(share * min(height, width))
    fy, fx = (jnp.abs(jnp.fft.fftfreq(n) * n) for n in (height, width))
    low = (fy[:, None] <= reach) & (fx[None, :] <= reach)
    own, other = jnp.fft.fft2(planar(image)), jnp.fft.fft2(planar(style))
    size = jnp.abs(own)
    # A frequency that is absent has no phase; it stays absent.
    gain = jnp.where(low & (size > 0), jnp.abs(other) / jnp.where(size > 0, size, 1.0), 1.0)
    return unplanar(jnp.fft.ifft2(own * gain).real)
