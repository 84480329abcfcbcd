"""Gaussian blur, separable."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import lax

from jssl.augmentations.image import as_float, pair, planar, stage, unplanar
from jssl.augmentations.resample import apply_matrices
from jssl.core.ranges import Count, Positive, Spread
from jssl.errors import UserError, nearest

# Up to here a sum of shifted images beats a product with a matrix that is mostly zeros.
DIRECT_TAPS = 41

# A Gaussian cut at this many sigma keeps 99.9 % of its width (SciPy's `truncate`).
REACH = 4.0

KERNELS = ("tenth",)


def kernel_size(size: int, share: float = 0.1) -> int:
    """SimCLR's kernel: the odd number at or just above `share` of the image's side."""
    return 2 * (int(size * share) // 2) + 1


def taps_of(kernel: int | str | None, size: int, sigma: float) -> int:
    """The number of taps for a `kernel` setting of `gaussian_blur`.

    Args:
      kernel: see `gaussian_blur`.
      size: the image's shorter side, pixels.
      sigma: the largest width that is drawn, pixels.

    Returns:
      An odd number.

    Raises:
      UserError: an even kernel, one too wide for the image, or an unknown name.
    """
    if kernel is None:
        return 2 * math.ceil(REACH * sigma) + 1
    if isinstance(kernel, str):
        if kernel not in KERNELS:
            raise UserError(f"no blur kernel is called {kernel!r}: {nearest(kernel, KERNELS)}")
        return kernel_size(size)
    if kernel % 2 == 0 or not 0 < kernel < 2 * size:
        raise UserError(
            f"a blur kernel has an odd number of taps below twice the shorter side ({size}), "
            f"not {kernel}"
        )
    return kernel


def gaussian_taps(radius: int, sigma: jax.Array | float) -> jax.Array:
    """Half a normalised Gaussian kernel: float32 [radius + 1], the centre first."""
    weights = jnp.exp(-0.5 * jnp.square(jnp.arange(radius + 1, dtype=jnp.float32) / sigma))
    return weights / (2.0 * jnp.sum(weights) - weights[0])


def blur_taps(image: jax.Array, taps: jax.Array) -> jax.Array:
    """Filters both axes with a symmetric kernel, borders reflected, as a sum of shifted images.

    Args:
      image: float32 [H, W, C].
      taps: [radius + 1], the centre first.

    Returns:
      float32 [H, W, C].
    """
    radius, channels = taps.shape[0] - 1, planar(image)

    def along(channels: jax.Array, axis: int) -> jax.Array:
        size = channels.shape[axis]
        border = [(0, 0)] * 3
        border[axis] = (radius, radius)

        @stage
        def add(wide: jax.Array, taps: jax.Array) -> jax.Array:
            def shifted(k: int) -> jax.Array:
                return lax.slice_in_dim(wide, radius + k, radius + k + size, axis=axis)

            total = shifted(0) * taps[0]
            for k in range(1, radius + 1):
                total = total + (shifted(k) + shifted(-k)) * taps[k]
            return total

        return add(jnp.pad(channels, border, mode="reflect"), taps)

    return unplanar(along(along(channels, 1), 2))


def blur_matrix(size: int, radius: int, sigma: jax.Array) -> jax.Array:
    """The Gaussian of `2 radius + 1` taps along an axis, borders reflected, as one matrix.

    A border without its own row (… 2 1 | 0 1 2 …) folds taps outside the image back onto the pixels
    they mirror, so that the product needs no padding.

    Args:
      size: pixels along the axis, more than `radius`.
      radius: taps on each side.
      sigma: () in pixels.

    Returns:
      float32 [size, size], rows sum to one.
    """
    at = jnp.arange(size)
    out, source = at[:, None], at[None, :]

    def tap(distance: jax.Array) -> jax.Array:
        value = jnp.exp(-0.5 * jnp.square(distance.astype(jnp.float32) / sigma))
        return jnp.where(jnp.abs(distance) <= radius, value, 0.0)

    direct = tap(out - source)
    before = jnp.where(source > 0, tap(out + source), 0.0)
    after = jnp.where(source < size - 1, tap(2 * (size - 1) - out - source), 0.0)
    total = jnp.sum(tap(jnp.arange(-radius, radius + 1)))
    return (direct + before + after) / total


def gaussian_blur(
    key: jax.Array,
    image: jax.Array,
    *,
    kernel: Count | str | None = None,
    sigma: Positive | Spread = (0.1, 2.0),
) -> jax.Array:
    """Blurs with a Gaussian whose width is drawn (SimCLR, appendix A).

    Args:
      key: PRNG key.
      image: [H, W, C] uint8 or float in [0, 1], any number of channels.
      kernel: None depends on sigma: four times the largest sigma on each side, so that the blur has
        the stated width at any image size. "tenth" is SimCLR's rule, a tenth of the shorter side:
        23 taps at 224 pixels, enough for a sigma of 2; 3 taps at 32 pixels, which reduce it to 0.8;
        and one tap below 20 pixels, which is no blur. A number is the odd number of taps.
      sigma: in pixels; (low, high) is drawn uniformly, one number is fixed.

    Returns:
      float32 [H, W, C]; borders are reflected without repeating the edge.

    Raises:
      UserError: an even kernel, one too wide for the image, an unknown name, or a sigma that is
        not positive.
    """
    image = as_float(image)
    low, high = pair(sigma, "sigma")
    if low <= 0:
        raise UserError(f"sigma is in pixels and above zero, not {sigma}")
    shorter = min(image.shape[:2])
    taps = taps_of(kernel, shorter, high)
    width = jax.random.uniform(key, (), minval=low, maxval=high) if high > low else low
    # The matrix folds a border once; a kernel wider than a small image needs it folded again.
    if taps <= DIRECT_TAPS or taps >= 2 * shorter:
        return blur_taps(image, gaussian_taps(taps // 2, width))
    rows = blur_matrix(image.shape[0], taps // 2, width)
    square = image.shape[0] == image.shape[1]
    columns = rows if square else blur_matrix(image.shape[1], taps // 2, width)
    return apply_matrices(rows, columns, image)
