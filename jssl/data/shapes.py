"""Procedural images of textured shapes with every factor of variation known.

The class is the silhouette. Colour, background, lighting, position, size and orientation are random
in each image, and figure and background swap their brightness at random, so nearest neighbours in
pixel space carry little information about the class; an encoder that is invariant to crops, flips
and colour recovers it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from jssl.core.ranges import Count, Ranged, Seed, at_least
from jssl.data.order import random_words
from jssl.data.silhouettes import NAMES, distance
from jssl.data.source import ArraySource, Batch, Splits
from jssl.errors import UserError, nearest

TEXTURES = ("solid", "stripes", "checks", "dots")
HUES = 8
_WORDS = 20  # random words per example: 16 used, a multiple of 4 so that an index can be sought
# Each split owns a range of indices, so its images do not depend on how many the others have.
_OFFSETS = {"train": 0, "validation": 1 << 32, "test": 1 << 33}


@dataclass(frozen=True)
class Shapes(Ranged):
    """Ten silhouettes with random colours, textures, places, sizes, rotations and lighting.

    Example i of a split is a function of (seed, split, i): a larger set begins with the smaller
    one. Random draws are the same on every machine; pixels can differ by one grey level where
    another NumPy build rounds a sine differently.

    Attributes:
      train: number of training images.
      validation: number of validation images.
      test: number of test images.
      size: height and width in pixels.
      seed: of the whole set, unrelated to the run's seed.
      textures: names from `TEXTURES` of the figures' textures, drawn with equal probability.
    """

    train: Count = 8192
    validation: Count = 1024
    test: Count = 2048
    size: at_least(16) = 32
    seed: Seed = 0
    textures: tuple[str, ...] = TEXTURES

    def smoke(self) -> Shapes:
        """A copy with a few images, for tests."""
        return replace(self, train=24, validation=8, test=8)

    def load(self) -> Splits:
        """Draws the images (about 0.1 ms each), once per process.

        Returns:
          Splits with ``image`` uint8 [size, size, 3], ``label`` int32 (the silhouette) and
          ``factor/shape``, ``factor/colour``, ``factor/background``, ``factor/texture`` (int32),
          ``factor/x``, ``factor/y`` (centre, -1..1), ``factor/scale`` (radius over the image's
          half width), ``factor/rotation`` (radians) and ``factor/lighting`` (strength of the
          gradient, 0..1), all float32.

        Raises:
          UserError: when a texture is unknown, or none is named.
        """
        counts = {"train": self.train, "validation": self.validation, "test": self.test}
        for name in self.textures:
            if name not in TEXTURES:
                raise UserError(f"shapes has no texture {name!r}: {nearest(name, TEXTURES)}")
        if not self.textures:
            raise UserError(f"shapes needs at least one texture out of {', '.join(TEXTURES)}")
        look = (self.size, tuple(self.textures))
        parts = {part: _split(self.seed, part, n, *look) for part, n in counts.items()}
        return Splits(**parts, name="shapes", classes=NAMES)


@functools.lru_cache(maxsize=6)
def _split(seed: int, part: str, count: int, size: int, textures: tuple[str, ...]) -> ArraySource:
    chunks = [
        render(seed, _OFFSETS[part] + start, min(256, count - start), size, textures)
        for start in range(0, count, 256)  # small chunks stay in the processor's cache
    ]
    return ArraySource({key: np.concatenate([c[key] for c in chunks]) for key in chunks[0]})


def render(
    seed: int, start: int, count: int, size: int = 32, textures: tuple[str, ...] = TEXTURES
) -> Batch:
    """Draws consecutive examples.

    Args:
      seed: of the set.
      start: global index of the first example; the class of example i is i modulo 10.
      count: number of examples N.
      size: height and width in pixels.
      textures: the possible textures.

    Returns:
      The batch that ``Shapes.load`` describes, with leading dimension N.
    """
    u = _uniform(seed, start, count)
    label = ((start + np.arange(count)) % len(NAMES)).astype(np.int32)
    colour = (u[0] * HUES).astype(np.int32)
    # The ground takes one of the other hues, so that hue alone never hides the shape.
    background = ((colour + 1 + (u[1] * (HUES - 1)).astype(np.int32)) % HUES).astype(np.int32)
    drawn = (u[2] * len(textures)).astype(np.int32)
    texture = np.asarray([TEXTURES.index(name) for name in textures], np.int32)[drawn]
    scale = 0.42 + 0.22 * u[3]
    reach = 1.0 - scale
    x, y = (2 * u[4] - 1) * reach, (2 * u[5] - 1) * reach
    rotation = (2 * u[6] - 1) * np.float32(np.pi / 3)
    lighting = u[7]

    grid = ((np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1).reshape(1, size)
    across = (grid - x[:, None])[:, None, :]  # [N, 1, size]
    down = (grid - y[:, None])[:, :, None]  # [N, size, 1]
    cos, sin = np.cos(rotation) / scale, np.sin(rotation) / scale
    own_x = cos[:, None, None] * across + sin[:, None, None] * down
    own_y = cos[:, None, None] * down - sin[:, None, None] * across
    pixel = (scale * (size / 2))[:, None, None]  # unit radius in pixels: one pixel of soft edge
    cover = np.clip(0.5 - distance(label, own_x, own_y) * pixel, 0.0, 1.0)

    figure, ground = _colours(colour, background, u)
    paint = 1.0 - 0.5 * _pattern(texture, own_x * pixel, own_y * pixel, size, u[14])
    angle = u[15] * np.float32(2 * np.pi)
    slope = np.cos(angle)[:, None, None] * grid[:, None, :]
    slope = slope + np.sin(angle)[:, None, None] * grid[:, :, None]
    light = 1.0 + (0.35 * lighting)[:, None, None] * slope
    noise = _noise(seed, start, count, size)
    image = np.empty((count, size, size, 3), np.uint8)
    for c in range(3):
        mixed = ground[:, c, None, None] * (1 - cover) + figure[:, c, None, None] * (cover * paint)
        mixed = mixed * light * 255.0 + noise
        image[..., c] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
    return {
        "image": image,
        "label": label,
        "factor/shape": label,
        "factor/colour": colour,
        "factor/background": background,
        "factor/texture": texture,
        "factor/x": x,
        "factor/y": y,
        "factor/scale": scale,
        "factor/rotation": rotation,
        "factor/lighting": lighting,
    }


def _uniform(seed: int, start: int, count: int) -> np.ndarray:
    """float32 [_WORDS, N] in [0, 1): row k is the k-th draw of every example."""
    words = random_words(seed, "shapes", count * _WORDS, start=start * _WORDS)
    return ((words >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)).reshape(count, -1).T


def _noise(seed: int, start: int, count: int, size: int) -> np.ndarray:
    """Uniform grey noise of +-8 levels, float32 [N, size, size]."""
    words = -(-size * size // 32) * 4  # eight bytes a word, rounded up to a multiple of 4
    raw = random_words(seed, "shapes noise", count * words, start=start * words)
    raw = raw.astype("<u8").view(np.uint8).reshape(count, -1)[:, : size * size]
    return (raw.reshape(count, size, size).astype(np.float32) - 127.5) * np.float32(8 / 127.5)


def _colours(
    colour: np.ndarray, background: np.ndarray, u: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """RGB float32 [N, 3] of figure and background: a random one of them dark, the other light."""
    dark, light = 0.14 + 0.20 * u[8], 0.60 + 0.30 * u[9]
    inverted = u[10] < 0.5
    figure = _tint(colour + 0.6 * u[11], np.where(inverted, dark, light))
    ground = _tint(background + 0.6 * u[12], np.where(inverted, light, dark))
    return figure, ground


def _tint(hue: np.ndarray, luma: np.ndarray) -> np.ndarray:
    """A colour of the given hue (in units of 1/HUES turn) and exact brightness, [N, 3]."""
    turn = hue.astype(np.float32)[:, None] / HUES * 6 + np.array([0, 4, 2], np.float32)
    pure = np.clip(np.abs(turn % 6 - 3) - 1, 0, 1)
    pure = 0.25 + 0.75 * pure  # not fully saturated, so no channel is ever silent
    own = (pure @ np.array([0.299, 0.587, 0.114], np.float32))[:, None]
    luma = luma[:, None]
    shade = pure * (luma / own)
    tint = pure + (1 - pure) * ((luma - own) / (1 - own))
    return np.where(luma <= own, shade, tint).astype(np.float32)


def _pattern(
    texture: np.ndarray, x: np.ndarray, y: np.ndarray, size: int, phase: np.ndarray
) -> np.ndarray:
    """Share of the texture's second tone in each pixel, 0..1, [N, size, size].

    Coordinates are in pixels along the shape's own axes; edges are a pixel soft.
    """
    pitch = np.float32(2 * np.pi / (size * 0.17))
    shift = (phase * np.float32(2 * np.pi))[:, None, None]
    out = np.zeros(x.shape, np.float32)
    for kind, name in enumerate(TEXTURES):
        rows = np.flatnonzero(texture == kind)
        if name == "solid" or not rows.size:
            continue
        wave_y = np.sin(pitch * y[rows] + shift[rows])
        if name == "stripes":
            wave = wave_y
        else:
            wave_x = np.sin(pitch * x[rows] + shift[rows])
            wave = wave_x * wave_y if name == "checks" else wave_x + wave_y - 0.7
        out[rows] = np.clip(0.5 + 2.0 * wave, 0, 1)
    return out
