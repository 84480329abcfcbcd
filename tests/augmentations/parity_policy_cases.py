"""Parity cases of erasing, augmentation policies and random fields."""

from __future__ import annotations

import colorsys

import jax
import jax.numpy as jnp
import numpy as np
from parity_base import (
    KEY,
    LEVEL,
    batched,
    case,
    enhance,
    grey,
    images,
    interpolate,
    plain,
    read,
    turned,
    worst,
)
from PIL import Image, ImageEnhance, ImageOps

from jssl.augmentations import erase, fields, policy


def _holes(op, box) -> float:
    got = batched(lambda x: op(KEY, x))
    expected = plain().copy()
    top, left, h, w = (int(v) for v in box)
    expected[:, max(top, 0) : top + h, max(left, 0) : left + w] = 0.5
    return worst(got, expected)


@case("random_erasing", "NumPy assignment", 1e-6)
def _erasing() -> float:
    box = erase.erase_box(jax.random.split(KEY)[0], 40, 56)
    return _holes(lambda k, x: erase.random_erasing(k, x, value=0.5), box)


@case("cutout", "NumPy assignment", 1e-6)
def _cutout() -> float:
    row, column = jax.random.randint(KEY, (2,), 0, jnp.asarray([40, 56]))
    return _holes(
        lambda k, x: erase.cutout(k, x, size=14, value=0.5), (row - 7, column - 7, 14, 14)
    )


def _policy_reference(x: np.ndarray, name: str, s: float) -> np.ndarray:
    im = Image.fromarray(np.round(x * 255).astype(np.uint8))
    as_array = {
        "autocontrast": lambda: ImageOps.autocontrast(im),
        "equalize": lambda: ImageOps.equalize(im),
        "posterize": lambda: ImageOps.posterize(im, 8 - round(abs(s) * 4)),
        "sharpness": lambda: ImageEnhance.Sharpness(im).enhance(1 + 0.9 * s),
    }
    if name in as_array:
        return np.asarray(as_array[name]()) / 255
    if name in ("brightness", "contrast", "saturation"):
        kind = ("brightness", "contrast", "saturation").index(name)
        return enhance(x, kind, 1 + 0.9 * s)
    if name == "solarize":
        return np.where(x >= 1 - abs(s), 1 - x, x)
    matrix = {
        "identity": np.eye(3),
        "shear_x": np.array([[1, 0.3 * s, 0], [0, 1, 0], [0, 0, 1]]),
        "shear_y": np.array([[1, 0, 0], [0.3 * s, 1, 0], [0, 0, 1]]),
        "translate_x": np.array([[1, 0, -np.trunc(s * 25)], [0, 1, 0], [0, 0, 1]]),
        "translate_y": np.array([[1, 0, 0], [0, 1, -np.trunc(s * 18)], [0, 0, 1]]),
        "rotate": turned(-30 * s),
    }[name]
    return read(x, matrix)


@case(
    "rand_augment, trivial_augment: each of 14 operations",
    "Pillow and SciPy, operation by operation",
    1.5 * LEVEL,
    "The largest are sharpness and autocontrast, which Pillow rounds to whole levels. Warps are "
    "bilinear here; torchvision's default is the nearest pixel.",
)
def _policy() -> float:
    settings = dict(shear=0.3, shift=(25.0, 18.0), degrees=30.0, enhance=0.9, bits=4)
    run = jax.jit(
        jax.vmap(
            jax.vmap(
                lambda x, k, s: policy.transform(x / 255.0, k, s, **settings), (0, None, None)
            ),
            (None, 0, 0),
        )
    )
    which = np.repeat(np.arange(14), 2)
    strength = np.tile([0.55, -0.35], 14).astype(np.float32)
    got = np.asarray(run(jnp.asarray(images()[1:]), which, strength))
    return max(
        worst(got[i], [_policy_reference(x, policy.OPERATIONS[k], s) for x in plain()[1:]])
        for i, (k, s) in enumerate(zip(which, strength, strict=True))
    )


@case("random_field_affine", "SciPy map_coordinates at its own map", 1e-4, "Float32 positions.")
def _field_affine() -> float:
    got, points = jax.jit(jax.vmap(lambda x: fields.random_field_affine(KEY, x, with_map=True)))(
        jnp.asarray(images())
    )
    expected = []
    for x, p in zip(plain(), np.asarray(points, np.float64), strict=True):
        at = [p[..., 1] - 0.5, p[..., 0] - 0.5]
        expected.append(interpolate(x, at))
    return worst(np.asarray(got), expected)


@case("random_field_colour", "float64 NumPy with the same fields, hue by colorsys")
def _field_colour() -> float:
    some = images()[:, ::2, ::2]
    got = jax.jit(jax.vmap(lambda x: fields.random_field_colour(KEY, x)))(jnp.asarray(some))
    maps = [
        np.asarray(fields.gaussian_field(k, 20, 28, length=0.15), np.float64)
        for k in jax.random.split(KEY, 4)
    ]
    factor = [np.maximum(0, 1 + 0.2 * m)[..., None] for m in maps[:3]]
    expected = []
    for x in some / 255.0:
        x = np.clip(x * factor[0], 0, 1)
        x = np.clip(x * factor[1] + (1 - factor[1]) * grey(x).mean(), 0, 1)
        x = np.clip(x * factor[2] + (1 - factor[2]) * grey(x)[..., None], 0, 1)
        turns = 0.05 * maps[3].reshape(-1)
        hsv = [colorsys.rgb_to_hsv(*p) for p in x.reshape(-1, 3)]
        flat = [
            colorsys.hsv_to_rgb((h + t) % 1, s, v) for (h, s, v), t in zip(hsv, turns, strict=True)
        ]
        expected.append(np.asarray(flat).reshape(x.shape))
    return worst(np.asarray(got), expected)
