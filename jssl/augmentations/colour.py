"""Photometric operations: colour jitter, greyscale, solarize, normalise.

Definitions are those of Pillow's ImageEnhance and of torchvision: an enhancement blends the image
with a degenerate one (black, its mean grey, its grey) and cuts to [0, 1] each time. With 3 channels
all operations apply. With 1 channel, saturation, hue and greyscale return the image unchanged. With
any other number, brightness and contrast apply (the mean is over all channels) and the colour
operations raise an error.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from jssl.augmentations.image import (
    as_float,
    clip01,
    luma,
    planar,
    require_rgb,
    stage,
    unplanar,
)
from jssl.core.ranges import NonNegative, Positive, Positives, Reals, Turn, Unit
from jssl.errors import UserError

# Channel means and standard deviations of the training images, in [0, 1].
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CIFAR10 = ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
CIFAR100 = ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762))
HALF = ((0.5,), (0.5,))  # any number of channels, to [-1, 1]


def shift_hue(channels: jax.Array, turns: jax.Array) -> jax.Array:
    """Turns the hue of planes [3, H, W] by `turns` of the colour circle; value and saturation stay.

    The HSV hexcone (Smith, 1978) without leaving RGB: value and chroma are the largest channel
    and its distance from the smallest, and a channel is a trapezoid of the hue, the same one for
    red, green and blue, a third of a turn apart.
    """
    r, g, b = channels[0], channels[1], channels[2]
    high, low = lax.max(lax.max(r, g), b), lax.min(lax.min(r, g), b)
    chroma = high - low
    scale = 1.0 / lax.select(chroma > 0, chroma, lax.full_like(chroma, 1.0))
    sector = lax.select(
        high == r,
        (g - b) * scale,
        lax.select(high == g, 2.0 + (b - r) * scale, 4.0 + (r - g) * scale),
    )
    third = 2.0 * lax.broadcasted_iota(jnp.float32, (3, 1, 1), 0)
    hue = sector + 6.0 * turns + 3.0 - third
    hue = hue - 6.0 * lax.floor(hue / 6.0)
    return low + chroma * clip01(2.0 - lax.abs(hue - 3.0))


_turn = stage(shift_hue)


def _scale(channels: jax.Array, factor: jax.Array) -> jax.Array:
    return lax.min(channels * factor, lax.full_like(channels, 1.0))


@stage
def _saturate(
    channels: jax.Array, before: jax.Array, saturation: jax.Array, after: jax.Array
) -> jax.Array:
    bright = _scale(channels, before)
    grey = (1.0 - saturation) * luma(bright)
    return _scale(clip01(bright * saturation + grey), after)


def jitter(
    image: jax.Array,
    *,
    brightness: jax.Array | None = None,
    contrast: jax.Array | None = None,
    saturation: jax.Array | None = None,
    hue: jax.Array | None = None,
    times: jax.Array,
) -> jax.Array:
    """Brightness, contrast, saturation and hue at given strengths, in a given order.

    Under vmap a `switch` on the order would compute all four operations at each of four steps.
    Here contrast, the one that needs a mean over the image, is the fixed middle. On each side of it
    the other three are written once (brightness in the four gaps around saturation, hue,
    saturation) and those that belong elsewhere in the order are skipped: one mean and two hues are
    computed, the rest is cheap, and values are clipped to [0, 1] at the places that the order
    requires. Without vmap the branches are real and each operation runs once.

    Args:
      image: float32 [H, W, C] in [0, 1].
      brightness: () factor, 1 is neutral; None leaves the operation out. Likewise contrast and
        saturation.
      contrast: () factor.
      saturation: () factor; needs 3 channels.
      hue: () in turns, 0 is neutral; needs 3 channels.
      times: [4] sort keys of brightness, contrast, saturation and hue; the smallest is applied
        first.

    Returns:
      float32 [H, W, C] in [0, 1].
    """
    channels = planar(image)
    if saturation is not None or hue is not None:
        require_rgb(len(channels), "saturation or hue")
    b_before_s, b_before_h = times[0] <= times[2], times[0] <= times[3]
    s_before_h = times[2] <= times[3]

    def gaps(channels: jax.Array, b_here: jax.Array, s_here: jax.Array) -> jax.Array:
        one = jnp.ones(())
        first = one if brightness is None else jnp.where(b_here & b_before_s, brightness, one)
        last = one if brightness is None else jnp.where(b_here & ~b_before_s, brightness, one)
        if saturation is None:
            return channels if brightness is None else _scale(channels, first * last)
        factor = jnp.where(s_here, saturation, one)
        here = s_here if brightness is None else b_here | s_here
        return lax.cond(here, lambda x: _saturate(x, first, factor, last), lambda x: x, channels)

    def side(channels: jax.Array, here: jax.Array) -> jax.Array:
        # here[i]: does operation i belong to this side of contrast?
        if hue is None:
            return gaps(channels, here[0], here[2])
        channels = gaps(channels, here[0] & b_before_h, here[2] & s_before_h)
        channels = lax.cond(here[3], lambda x: _turn(x, hue), lambda x: x, channels)
        return gaps(channels, here[0] & ~b_before_h, here[2] & ~s_before_h)

    if contrast is None:
        return unplanar(side(channels, jnp.ones((4,), bool)))
    before = jnp.stack([times[0] <= times[1], True, times[2] < times[1], times[3] < times[1]])
    channels = side(channels, before)
    mean = (1.0 - contrast) * luma(jnp.mean(channels, axis=(1, 2)))
    return unplanar(side(clip01(channels * contrast + mean), ~before))


def colour_jitter(
    key: jax.Array,
    image: jax.Array,
    *,
    brightness: NonNegative = 0.0,
    contrast: NonNegative = 0.0,
    saturation: NonNegative = 0.0,
    hue: Turn = 0.0,
) -> jax.Array:
    """Random brightness, contrast, saturation and hue in random order (torchvision's rule).

    Factors are uniform in [max(0, 1 - v), 1 + v], the hue's turn in [-hue, hue], and all 24 orders
    are equally likely. The strengths of SimCLR (Chen et al., 2020, appendix A) at strength s are
    0.8 s, 0.8 s, 0.8 s, 0.2 s.

    Args:
      key: PRNG key.
      image: [H, W, C] uint8 or float in [0, 1]. With 1 channel only brightness and contrast act.
      brightness: range of the factor; 0 leaves the operation out. Likewise the next two.
      contrast: range of the factor.
      saturation: range of the factor.
      hue: largest turn, at most 0.5.

    Returns:
      float32 [H, W, C] in [0, 1].

    Raises:
      UserError: a negative strength, a hue above 0.5, or colour asked of 2 or more than 3 channels.
    """
    if min(brightness, contrast, saturation, hue) < 0 or hue > 0.5:
        raise UserError(
            f"colour jitter takes strengths of at least 0 and a hue of at most 0.5, not brightness "
            f"{brightness}, contrast {contrast}, saturation {saturation}, hue {hue}"
        )
    image = as_float(image)
    if image.shape[-1] == 1:
        saturation = hue = 0.0
    draws = jax.random.uniform(key, (8,))

    def factor(strength: float, draw: jax.Array) -> jax.Array | None:
        low, high = max(0.0, 1.0 - strength), 1.0 + strength
        return low + (high - low) * draw if strength else None

    return jitter(
        image,
        brightness=factor(brightness, draws[0]),
        contrast=factor(contrast, draws[1]),
        saturation=factor(saturation, draws[2]),
        hue=hue * (2.0 * draws[3] - 1.0) if hue else None,
        times=draws[4:],
    )


def grayscale(key: jax.Array | None, image: jax.Array) -> jax.Array:
    """Replaces the three channels by their luma (ITU-R 601-2).

    Args:
      key: not used; may be None.
      image: [H, W, 3] uint8 or float in [0, 1]; 1 channel comes back as it is.

    Returns:
      float32 [H, W, C], the channels equal.

    Raises:
      UserError: neither 1 nor 3 channels.
    """
    image = as_float(image)
    if image.shape[-1] == 1:
        return image
    require_rgb(image.shape[-1], "grayscale")
    channels = planar(image)
    return unplanar(jnp.broadcast_to(luma(channels), channels.shape))


def solarize(key: jax.Array | None, image: jax.Array, *, threshold: Unit = 0.5) -> jax.Array:
    """Inverts the values at or above a threshold (BYOL, appendix B, uses 0.5).

    Args:
      key: not used; may be None.
      image: [H, W, C] uint8 or float in [0, 1], any number of channels.
      threshold: in [0, 1].

    Returns:
      float32 [H, W, C].
    """
    image = as_float(image)
    return jnp.where(image >= threshold, 1.0 - image, image)


def normalise(
    key: jax.Array | None,
    image: jax.Array,
    *,
    mean: Reals = IMAGENET[0],
    std: Positives = IMAGENET[1],
) -> jax.Array:
    """Subtracts a mean and divides by a standard deviation, channel by channel.

    Args:
      key: not used; may be None.
      image: [H, W, C] uint8 or float in [0, 1].
      mean: one number a channel, or one for all.
      std: likewise.

    Returns:
      float32 [H, W, C].

    Raises:
      UserError: as many numbers as neither 1 nor C.
    """
    image = as_float(image)
    for name, values in (("mean", mean), ("std", std)):
        if len(values) not in (1, image.shape[-1]):
            raise UserError(
                f"normalise has {len(values)} numbers in {name} for an image of "
                f"{image.shape[-1]} channels; give as many, or one for all (colour.HALF)"
            )
    shift, scale = (jnp.asarray(v, jnp.float32)[:, None, None] for v in (mean, std))
    return unplanar((planar(image) - shift) / scale)


def normalise_image(
    key: jax.Array | None, image: jax.Array, *, epsilon: Positive = 1e-4
) -> jax.Array:
    """Each channel to mean 0 and variance 1 over the image's own pixels.

    Args:
      key: not used; may be None.
      image: [H, W, C] uint8 or float in [0, 1].
      epsilon: added to the variance.

    Returns:
      float32 [H, W, C].
    """
    image = as_float(image)
    mean, variance = jnp.mean(image, axis=(0, 1)), jnp.var(image, axis=(0, 1))
    return (image - mean) * jax.lax.rsqrt(variance + epsilon)
