"""What the parity cases share: the images, the way to run an operation, the references.

A case computes the largest absolute deviation over a few images, values in [0, 1]. References are
Pillow, scikit-image and SciPy where they define the same thing, float64 NumPy where they do not.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
from scipy import ndimage

LEVEL = 1 / 255
EXACT = 2e-5
KEY = jax.random.key(0)
CASES: list[Case] = []


@dataclass(frozen=True)
class Case:
    operation: str
    reference: str
    tolerance: float
    note: str
    run: Callable[[], float]


def case(operation: str, reference: str, tolerance: float = EXACT, note: str = ""):
    def add(run):
        CASES.append(Case(operation, reference, tolerance, note, run))
        return run

    return add


@cache
def images() -> np.ndarray:
    """Four 8-bit images [4, 40, 56, 3]: noise, a gradient, blobs, flat areas with edges."""
    rng = np.random.default_rng(0)
    noise = rng.random((40, 56, 3))
    y, x = np.mgrid[:40, :56] / 56
    ramp = np.stack([x, y, 1 - x], -1)
    blobs = ndimage.gaussian_filter(rng.random((40, 56, 3)), (3, 3, 0))
    blobs = (blobs - blobs.min()) / np.ptp(blobs)
    edges = np.kron(rng.random((5, 7, 3)), np.ones((8, 8, 1)))
    result = np.round(np.stack([noise, ramp, blobs, edges]) * 255).astype(np.uint8)
    result.flags.writeable = False
    return result


def batched(op, *arguments):
    """jit(vmap(op)) over images (uint8) and arguments with a leading axis of 4."""
    return np.asarray(jax.jit(jax.vmap(op))(jnp.asarray(images()), *arguments))


def worst(got, expected) -> float:
    return max(float(np.abs(g - e).max()) for g, e in zip(got, expected, strict=True))


def pillow(op) -> list[np.ndarray]:
    return [np.asarray(op(Image.fromarray(x)), np.float64) / 255 for x in images()]


def plain() -> np.ndarray:
    return images().astype(np.float64) / 255


def grey(x: np.ndarray) -> np.ndarray:
    return x @ np.array([0.299, 0.587, 0.114])


def read(x: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """float64: the image at matrix @ (x, y, 1) by SciPy's spline of order 1."""
    h, w = x.shape[:2]
    v, u = np.mgrid[:h, :w] + 0.5
    p = np.tensordot(np.asarray(matrix, np.float64), np.stack([u, v, np.ones_like(u)]), 1)
    at = [p[1] / p[2] - 0.5, p[0] / p[2] - 0.5]
    return interpolate(x, at)


def interpolate(x: np.ndarray, at: list[np.ndarray]) -> np.ndarray:
    """float64: all channels at (rows, columns), blended with zero outside."""
    read_one = partial(ndimage.map_coordinates, order=1, mode="grid-constant")
    return np.stack([read_one(x[..., c], at) for c in range(x.shape[-1])], -1)


def turned(degrees: float) -> np.ndarray:
    """float64: output to input of a clockwise turn about the centre of 40 x 56."""
    a = np.deg2rad(degrees)
    move = np.array([[1, 0, 28], [0, 1, 20], [0, 0, 1.0]])
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    return np.linalg.inv(move @ turn @ np.linalg.inv(move))


def hue(pixel: np.ndarray, turns: float) -> tuple[float, float, float]:
    h, s, v = colorsys.rgb_to_hsv(*pixel)
    return colorsys.hsv_to_rgb((h + turns) % 1, s, v)


def enhance(x: np.ndarray, kind: int, factor: float) -> np.ndarray:
    """float64: brightness, contrast, saturation, hue by their definitions."""
    if kind == 3:
        return np.asarray([hue(p, factor) for p in x.reshape(-1, 3)]).reshape(x.shape)
    other = (0.0, grey(x).mean(), grey(x)[..., None])[kind]
    return np.clip(factor * x + (1 - factor) * other, 0, 1)
