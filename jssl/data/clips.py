"""Procedural clips of moving silhouettes whose shape is independent of their motion."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from jssl.core.ranges import Count, NonNegative, Ranged, Seed
from jssl.data.order import random_words
from jssl.data.silhouettes import NAMES, distance
from jssl.data.source import ArraySource, Batch, Splits
from jssl.errors import UserError

ACTIONS = (
    *("right", "left", "up", "down", "clockwise", "anticlockwise", "growing", "shrinking"),
    "still",
)
FIGURES = tuple(name for name in NAMES if name not in ("disc", "ring"))  # that show a turn
_WORDS = 16  # random words per example, a multiple of 4 so that an index can be sought
# Each split owns a range of indices, so its clips do not depend on how many the others have.
_OFFSETS = {"train": 0, "validation": 1 << 32, "test": 1 << 33}


@dataclass(frozen=True)
class MovingShapes(Ranged):
    """Silhouettes that drift, turn, grow, shrink or stay, in the spirit of Moving MNIST.

    (Srivastava et al., "Unsupervised Learning of Video Representations using LSTMs", 2015, for the
    kind of clips.) The class is the action. The figure, its position, size, angle, speed and
    brightness and the background have the same distribution for every action, and positions wrap
    around at the borders, so a single frame contains no information about a drift or a turn.

    Example i of a split is a function of (seed, split, i): a larger set begins with the smaller
    one. Random draws are the same on every machine; pixels can differ by one grey level.

    Attributes:
      train: number of training clips.
      validation: number of validation clips.
      test: number of test clips.
      frames: of a clip.
      size: height and width in pixels.
      noise: largest grey level of the noise, drawn anew for each pixel of each frame.
      texture: grey levels of each of the two waves of the background.
      channels: 1, or 3 equal ones.
      seed: of the whole set, unrelated to the run's seed.
    """

    train: Count = 2048
    validation: Count = 256
    test: Count = 512
    frames: Count = 12
    size: Count = 32
    noise: NonNegative = 4.0
    texture: NonNegative = 6.0
    channels: Count = 1
    seed: Seed = 0

    def smoke(self) -> MovingShapes:
        """A copy with a few clips, for tests."""
        return replace(self, train=24, validation=8, test=8)

    def load(self) -> Splits:
        """Draws the clips (about 1 ms each), once per process.

        Returns:
          Splits with ``video`` uint8 [frames, size, size, channels], ``figure`` bool [frames, size,
          size] (pixels that show the silhouette), ``label`` int32 (the action), ``factor/shape``
          (int32), ``factor/x``, ``factor/y`` (centre in the middle of the clip,
          -1..1), ``factor/scale`` (radius then, over the image's half width), ``factor/rotation``
          (then, radians) and ``factor/speed`` (0..1), all float32.

        Raises:
          UserError: when a split is empty, there are fewer than 2 frames, or they are smaller
            than 16 pixels.
        """
        counts = {"train": self.train, "validation": self.validation, "test": self.test}
        if self.frames < 2 or self.size < 16:
            raise UserError(
                "moving shapes needs at least 2 frames of at least 16 pixels, not "
                f"{self.frames} of {self.size}"
            )
        look = (self.frames, self.size, self.noise, self.texture)
        parts = {part: _split(self.seed, part, n, *look) for part, n in counts.items()}
        if self.channels > 1:
            parts = {part: _coloured(source, self.channels) for part, source in parts.items()}
        return Splits(**parts, name="moving shapes", classes=ACTIONS)


@functools.lru_cache(maxsize=6)
def _split(seed: int, part: str, count: int, *look: float) -> ArraySource:
    chunks = [
        render(seed, _OFFSETS[part] + start, min(64, count - start), *look)
        for start in range(0, count, 64)  # small chunks stay in the processor's cache
    ]
    return ArraySource({key: np.concatenate([c[key] for c in chunks]) for key in chunks[0]})


def _coloured(source: ArraySource, channels: int) -> ArraySource:
    video = np.repeat(source.arrays["video"], channels, axis=-1)
    return ArraySource({**source.arrays, "video": video})


def render(
    seed: int,
    start: int,
    count: int,
    frames: int = 12,
    size: int = 32,
    noise: float = 4.0,
    texture: float = 6.0,
) -> Batch:
    """Draws consecutive examples.

    Args:
      seed: of the set.
      start: global index of the first example; the action of example i is i modulo 9.
      count: number of examples N.
      frames: T, of each.
      size: height and width in pixels.
      noise: largest grey level of the noise.
      texture: grey levels of each wave of the ground.

    Returns:
      The batch that ``MovingShapes.load`` describes, with leading dimension N.
    """
    words = random_words(seed, "moving shapes", count * _WORDS, start=start * _WORDS)
    u = ((words >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)).reshape(count, -1).T
    action = ((start + np.arange(count)) % len(ACTIONS)).astype(np.int32)
    shape = np.asarray([NAMES.index(name) for name in FIGURES], np.int32)[
        (u[0] * len(FIGURES)).astype(np.int32)
    ]
    x, y, speed = 2 * u[1] - 1, 2 * u[2] - 1, u[5]
    scale, rotation = 0.4 + 0.15 * u[3], (2 * u[4] - 1) * np.float32(np.pi)

    # From -1/2 to 1/2: the middle of the clip looks alike whatever moves.
    time = np.linspace(-0.5, 0.5, frames, dtype=np.float32)

    def course(forth: str, back: str, least: float, most: float) -> np.ndarray:
        sign = (action == ACTIONS.index(forth)) - 1.0 * (action == ACTIONS.index(back))
        return (sign * (least + (most - least) * speed))[:, None].astype(np.float32) * time

    x_t = x[:, None] + course("right", "left", 0.5, 1.2)
    y_t = y[:, None] + course("down", "up", 0.5, 1.2)
    angle = rotation[:, None] + course("clockwise", "anticlockwise", np.pi / 4, np.pi)
    scale_t = scale[:, None] * np.exp(course("growing", "shrinking", np.log(1.5), np.log(2.2)))

    grid = (np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1

    def flat(values: np.ndarray) -> np.ndarray:  # [N, T] -> [N * T, 1, 1]
        return values.reshape(-1, 1, 1)

    across = (grid[None, None, :] - flat(x_t) + 1) % 2 - 1  # the picture's sides are joined
    down = (grid[None, :, None] - flat(y_t) + 1) % 2 - 1
    cos, sin = flat(np.cos(angle) / scale_t), flat(np.sin(angle) / scale_t)
    own_x, own_y = cos * across + sin * down, cos * down - sin * across
    outline = distance(np.repeat(shape, frames), own_x, own_y)
    # Unit radius in pixels: one pixel of soft edge.
    cover = np.clip(0.5 - outline * flat(scale_t) * (size / 2), 0.0, 1.0)
    cover = cover.reshape(count, frames, size, size)

    dark, light = 30 + 60 * u[6], 140 + 90 * u[7]
    inverted = u[8] < 0.5
    figure, ground = np.where(inverted, dark, light), np.where(inverted, light, dark)
    waves = np.zeros((count, size, size), np.float32)  # of the ground, which stands still
    for k in range(2):
        rows, columns = np.floor(3 * u[9 + 3 * k]), np.floor(1 + 3 * u[10 + 3 * k])
        phase = rows[:, None, None] * grid[:, None] + columns[:, None, None] * grid[None, :]
        waves += np.sin(np.pi * phase + (2 * np.pi) * u[11 + 3 * k][:, None, None])
    ground = (ground[:, None, None] + texture * waves)[:, None]
    video = ground * (1 - cover) + figure[:, None, None, None] * cover
    video = video + noise * _noise(seed, start, count, frames * size * size).reshape(video.shape)
    return {
        "video": np.clip(video + 0.5, 0, 255).astype(np.uint8)[..., None],
        "figure": cover > 0.5,
        "label": action,
        "factor/shape": shape,
        "factor/x": x,
        "factor/y": y,
        "factor/scale": scale,
        "factor/rotation": rotation,
        "factor/speed": speed,
    }


def _noise(seed: int, start: int, count: int, each: int) -> np.ndarray:
    """Uniform in [-1, 1], float32 [N, each]."""
    words = -(-each // 32) * 4  # eight bytes a word, rounded up to a multiple of 4
    raw = random_words(seed, "moving shapes noise", count * words, start=start * words)
    raw = raw.astype("<u8").view(np.uint8).reshape(count, -1)[:, :each]
    return (raw.astype(np.float32) - 127.5) * np.float32(1 / 127.5)
