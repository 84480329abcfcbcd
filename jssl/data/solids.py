"""Procedural point clouds of ten solids, with every factor of variation known.

The class is the solid. Proportions, size, orientation, noise, the number of points and the occluded
part are random in each cloud.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from jssl.core.ranges import BelowOne, Count, NonNegative, Ranged, Seed
from jssl.data.meshes import sample, solids
from jssl.data.order import random_words
from jssl.data.source import ArraySource, Batch, Splits
from jssl.errors import UserError

NAMES = tuple(solids())
_WORDS = 16  # random words per example, a multiple of 4 so that an index can be sought
# Each split owns a range of indices, so its clouds do not depend on how many the others have.
_OFFSETS = {"train": 0, "validation": 1 << 32, "test": 1 << 33}


@dataclass(frozen=True)
class Solids(Ranged):
    """Ten solids with random proportions, sizes, rotations, noise, occlusion and density.

    Example i of a split is a function of (seed, split, i): a larger set begins with the smaller
    one. Random draws are the same on every machine; coordinates can differ in the last digit.

    Attributes:
      train: number of training clouds.
      validation: number of validation clouds.
      test: number of test clouds.
      points: largest number of points, to which clouds are padded; a cloud has at least half as
        many.
      noise: largest standard deviation of the noise, in units of the solid's radius.
      hidden: largest share of the points that is occluded.
      seed: of the whole set, unrelated to the run's seed.
    """

    train: Count = 2048
    validation: Count = 256
    test: Count = 512
    points: Count = 256
    noise: NonNegative = 0.04
    hidden: BelowOne = 0.4
    seed: Seed = 0

    def smoke(self) -> Solids:
        """A copy with a few clouds of at most 32 points, for tests."""
        return replace(self, train=24, validation=8, test=8, points=32)

    def load(self) -> Splits:
        """Draws the clouds, once per process.

        Returns:
          Splits with ``points/xyz`` float32 [points, 3], ``points/valid`` bool [points] (False is
          padding, at the end), ``label`` int32 (the solid) and ``factor/solid`` (int32),
          ``factor/scale`` (radius), ``factor/height`` and ``factor/depth`` (stretch of the third
          and second axis), ``factor/tilt`` (angle between the solid's axis and the vertical,
          radians), ``factor/noise``, ``factor/visible`` (share of the points that is seen) and
          ``factor/points`` (number of points), all float32.

        Raises:
          UserError: when a split is empty, there are too few points, or a share is none.
        """
        counts = {"train": self.train, "validation": self.validation, "test": self.test}
        if self.points < 16:
            raise UserError(f"solids needs at least 16 points in a cloud, not {self.points}")
        if self.noise < 0 or not 0 <= self.hidden < 1:
            raise UserError(
                "solids needs a noise of at least 0 and a hidden share from 0 to below 1, not "
                f"{self.noise} and {self.hidden}"
            )
        look = (self.points, self.noise, self.hidden)
        parts = {part: _split(self.seed, part, n, *look) for part, n in counts.items()}
        return Splits(**parts, name="solids", classes=NAMES)


@functools.lru_cache(maxsize=6)
def _split(
    seed: int, part: str, count: int, points: int, noise: float, hidden: float
) -> ArraySource:
    chunks = [
        draw(seed, _OFFSETS[part] + start, min(256, count - start), points, noise, hidden)
        for start in range(0, count, 256)
    ]
    return ArraySource({key: np.concatenate([c[key] for c in chunks]) for key in chunks[0]})


def draw(
    seed: int, start: int, count: int, points: int = 256, noise: float = 0.04, hidden: float = 0.4
) -> Batch:
    """Draws consecutive examples.

    Args:
      seed: of the set.
      start: global index of the first example; the class of example i is i modulo 10.
      count: number of examples N.
      points: largest number of points P.
      noise: largest standard deviation of the noise.
      hidden: largest share that is not seen.

    Returns:
      The batch that ``Solids.load`` describes, with leading dimension N.
    """
    u = _uniform(seed, "solids", start, count, _WORDS)
    place = _uniform(seed, "solids points", start, count, 8 * points).reshape(count, points, 8)
    label = ((start + np.arange(count)) % len(NAMES)).astype(np.int32)
    xyz = np.empty((count, points, 3))
    for k, mesh in enumerate(solids().values()):
        own = label == k
        xyz[own] = sample(mesh, place[own, :, :3])
    scale, height, depth = 0.6 + 0.8 * u[:, 0], 0.7 + 0.6 * u[:, 1], 0.75 + 0.5 * u[:, 2]
    xyz *= np.stack([np.ones(count), depth, height], axis=1)[:, None]
    turn = rotations(u[:, 3:6])
    xyz = xyz @ turn.transpose(0, 2, 1)
    # A plane across a random direction: what lies behind it is not seen.
    drawn = np.floor(points / 2 + (points / 2 + 1) * u[:, 6]).astype(np.int64)
    visible = 1.0 - hidden * u[:, 7]
    across = rotations(u[:, 8:11])[:, :, 2]
    depths = np.einsum("npk,nk->np", xyz, across)
    depths[np.arange(points) >= drawn[:, None]] = np.inf
    rank = depths.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    seen = np.maximum(np.round(visible * drawn), 1).astype(np.int64)
    order = np.argsort(rank >= seen[:, None], axis=1, kind="stable")  # those that are seen first
    spread = noise * u[:, 11]
    xyz = xyz + spread[:, None, None] * _normal(place[..., 3:7])
    xyz = np.take_along_axis(xyz * scale[:, None, None], order[..., None], axis=1)
    valid = np.arange(points) < seen[:, None]
    numbers = {
        "scale": scale,
        "height": height,
        "depth": depth,
        "tilt": np.arccos(np.clip(turn[:, 2, 2], -1, 1)),
        "noise": spread,
        "visible": visible,
        "points": seen,
    }
    return {
        "points/xyz": np.where(valid[..., None], xyz, 0.0).astype(np.float32),
        "points/valid": valid,
        "label": label,
        "factor/solid": label,
        **{f"factor/{name}": value.astype(np.float32) for name, value in numbers.items()},
    }


def rotations(uniform: np.ndarray) -> np.ndarray:
    """Uniformly distributed rotations (Shoemake, "Uniform Random Rotations", 1992).

    Args:
      uniform: [N, 3] in [0, 1).

    Returns:
      float64 [N, 3, 3].
    """
    a, b = np.sqrt(1 - uniform[:, 0]), np.sqrt(uniform[:, 0])
    p, q = 2 * np.pi * uniform[:, 1], 2 * np.pi * uniform[:, 2]
    x, y, z, w = a * np.sin(p), a * np.cos(p), b * np.sin(q), b * np.cos(q)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.asarray(rows).transpose(2, 0, 1)


def _uniform(seed: int, purpose: str, start: int, count: int, each: int) -> np.ndarray:
    """float64 [N, each] in [0, 1)."""
    words = random_words(seed, purpose, count * each, start=start * each)
    return ((words >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(count, each)


def _normal(uniform: np.ndarray) -> np.ndarray:
    """Three normal draws from four uniform ones (Box and Muller, 1958): [..., 4] -> [..., 3]."""
    radius = np.sqrt(-2 * np.log1p(-uniform[..., :2]))
    angle = 2 * np.pi * uniform[..., 2:4]
    first = radius[..., 0], radius[..., 0], radius[..., 1]
    wave = np.cos(angle[..., 0]), np.sin(angle[..., 0]), np.cos(angle[..., 1])
    return np.stack([r * w for r, w in zip(first, wave, strict=True)], axis=-1)
