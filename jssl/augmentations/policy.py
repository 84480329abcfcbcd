"""Automatic augmentation policies: RandAugment and TrivialAugment.

Their fourteen operations form two groups: five are affine warps, which share one resampling; the
others are selected by `lax.switch`. Under vmap all of a switch's branches are computed, so a policy
costs the sum of its operations at each layer.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jssl.augmentations import tone
from jssl.augmentations.colour import jitter
from jssl.augmentations.image import as_float
from jssl.augmentations.projective import affine_warp
from jssl.augmentations.warp import apply_warp
from jssl.core.ranges import Count, Natural, Real
from jssl.errors import UserError

BINS = 31  # strengths are one of 31 steps
OPERATIONS = (
    "identity",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
    "rotate",
    "brightness",
    "saturation",
    "contrast",
    "sharpness",
    "posterize",
    "solarize",
    "autocontrast",
    "equalize",
)


def transform(
    image: jax.Array,
    operation: jax.Array | int,
    strength: jax.Array | float,
    *,
    shear: float,
    shift: tuple[float, float],
    degrees: float,
    enhance: float,
    bits: int,
    fill: float = 0.0,
) -> jax.Array:
    """Applies one operation of a policy.

    Args:
      image: float32 [H, W, 1 or 3] in [0, 1].
      operation: position in OPERATIONS; may be traced.
      strength: in [-1, 1], the share of the largest amount and its sign.
      shear: largest shear, as a tangent.
      shift: largest shift (x, y), pixels.
      degrees: largest rotation, counter-clockwise.
      enhance: largest distance of an enhancement's factor from 1.
      bits: bits that posterize drops at full strength.
      fill: value outside.

    Returns:
      float32 [H, W, C] in [0, 1].
    """
    height, width = image.shape[:2]
    operation, strength = jnp.asarray(operation), jnp.asarray(strength, jnp.float32)
    size = jnp.abs(strength)

    def amount(index: int, largest: float) -> jax.Array:
        return jnp.where(operation == index, strength * largest, 0.0)

    # The published policies shear about the upper left corner, hence a shift, and move by whole
    # pixels.
    x, y = amount(1, shear), amount(2, shear)
    warp = affine_warp(
        height,
        width,
        angle=-amount(5, degrees),
        shift=(
            jnp.trunc(amount(3, shift[0])) - x * height / 2,
            jnp.trunc(amount(4, shift[1])) - y * width / 2,
        ),
        shear=(jnp.rad2deg(jnp.arctan(x)), jnp.rad2deg(jnp.arctan(y))),
    )
    moved = jnp.where(
        (operation >= 1) & (operation <= 5), apply_warp(image, warp, fill=fill), image
    )
    factor = 1.0 + strength * enhance
    order = jnp.arange(4.0)
    grey = image.shape[-1] == 1
    branches = [
        lambda x: x,
        lambda x: jitter(x, brightness=factor, times=order),
        lambda x: x if grey else jitter(x, saturation=factor, times=order),
        lambda x: jitter(x, contrast=factor, times=order),
        lambda x: tone.sharpen(x, factor),
        lambda x: tone.posterize(None, x, bits=8 - jnp.round(size * bits).astype(jnp.int32)),
        # At strength 1 the threshold is 0 and everything is inverted.
        lambda x: jnp.where(x >= 1.0 - size, 1.0 - x, x),
        lambda x: tone.autocontrast(None, x),
        lambda x: tone.equalize(None, x),
    ]
    return jax.lax.switch(jnp.maximum(operation - 5, 0), branches, moved)


def rand_augment(
    key: jax.Array,
    image: jax.Array,
    *,
    layers: Count = 2,
    magnitude: Natural = 9,
    fill: Real = 0.0,
) -> jax.Array:
    """RandAugment: some operations chosen uniformly, at one strength (Cubuk et al., 2019).

    Args:
      key: PRNG key.
      image: [H, W, 1 or 3] uint8 or float in [0, 1].
      layers: operations in a row.
      magnitude: 0 to 30, of the strength.
      fill: value outside.

    Returns:
      float32 [H, W, C] in [0, 1].

    Raises:
      UserError: a magnitude outside 0 to 30, or no layer.
    """
    if not 0 <= magnitude < BINS or layers < 1:
        raise UserError(
            f"RandAugment takes a magnitude of 0 to 30 and at least one layer, not {magnitude} "
            f"and {layers}"
        )
    image = as_float(image)
    height, width = image.shape[:2]
    for part in jax.random.split(key, layers):
        which, sign = jax.random.split(part)
        image = transform(
            image,
            jax.random.randint(which, (), 0, len(OPERATIONS)),
            jnp.where(jax.random.bernoulli(sign), 1.0, -1.0) * magnitude / (BINS - 1),
            shear=0.3,
            shift=(150 / 331 * width, 150 / 331 * height),
            degrees=30.0,
            enhance=0.9,
            bits=4,
            fill=fill,
        )
    return image


def trivial_augment(key: jax.Array, image: jax.Array, *, fill: Real = 0.0) -> jax.Array:
    """TrivialAugment (wide): one operation at a uniform strength (Müller & Hutter, 2021).

    Args:
      key: PRNG key.
      image: [H, W, 1 or 3] uint8 or float in [0, 1].
      fill: value outside.

    Returns:
      float32 [H, W, C] in [0, 1].
    """
    which, how, sign = jax.random.split(key, 3)
    steps = jax.random.randint(how, (), 0, BINS) / (BINS - 1)
    return transform(
        as_float(image),
        jax.random.randint(which, (), 0, len(OPERATIONS)),
        jnp.where(jax.random.bernoulli(sign), 1.0, -1.0) * steps,
        shear=0.99,
        shift=(32.0, 32.0),
        degrees=135.0,
        enhance=0.99,
        bits=6,
        fill=fill,
    )
