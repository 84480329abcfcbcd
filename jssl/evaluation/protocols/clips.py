"""Video label propagation by nearest-neighbour matching of token features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import chex
import jax
import numpy as np

from jssl.augmentations.compose import Pipeline
from jssl.core.ranges import AboveZero, BelowOne, Count, NonNegative
from jssl.data.source import ArraySource
from jssl.errors import UserError
from jssl.evaluation.dense import mean_iou, propagate_labels
from jssl.evaluation.protocols.dense import Motion, figure_masks, moved
from jssl.evaluation.protocols.tokens import tokens
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.representations import Representations
from jssl.nn import module as nn


@dataclass(frozen=True)
class Propagation(Evaluation):
    """Label propagation on synthetic clips, in which a procedural shape rotates and translates.

    The foreground mask of the first frame is given, at the resolution of the token grid. Positions
    that enter or leave the image count as background.

    Attributes:
      clips: number of clips, taken from the start of the test split.
      frames: frames per clip.
      degrees: rotation between the first and the last frame.
      shift: translation between the first and the last frame, as a fraction of the image side.
      context: number of preceding frames used as references, besides the first frame.
      neighbours: number of nearest tokens that vote.
      radius: largest distance of a neighbour, in token positions.
    """

    clips: Count = 100
    frames: Count = 8
    degrees: NonNegative = 60.0
    shift: BelowOne = 0.15
    context: Count = 7
    neighbours: Count = 5
    radius: Count = 4

    about: ClassVar[str] = (
        "label propagation through synthetic clips: mIoU of foreground and background"
    )
    source: ClassVar[str] = "Jabri et al. 2020; DINO (Caron et al. 2021), on procedural clips"

    def measure(self, subject: Representations, row: str) -> Measured | None:
        if subject.rows[row].program is None:
            return None
        source = subject.source("test")
        batch = source[np.arange(min(self.clips, len(source)))]
        field = subject.program.experiment.preprocess.field
        directions = np.random.default_rng(self.seed).uniform(-1, 1, (len(batch[field]), 3))
        encoded, truth = [], []
        for share in np.linspace(0, 1, self.frames):
            motion = Motion((share * directions).astype(np.float32), self.degrees, self.shift)
            images = np.asarray(moved(batch[field], motion))
            arrays, _ = subject.arrays(row, ArraySource({field: images}), tokens)
            if "tokens" not in arrays:
                return None
            side = round(arrays["tokens"].shape[1] ** 0.5)
            encoded.append(arrays["tokens"])
            truth.append(figure_masks(batch, side, side, motion))
        clips, masks = np.stack(encoded, axis=1), np.stack(truth, axis=1)
        return followed(clips, masks, (side, side), self)

    def notes(self) -> tuple[str, ...]:
        return (
            f"Clips of {self.frames} frames, rotated by up to {self.degrees:g} degrees and shifted "
            f"by up to {self.shift:g} of the side; mIoU of foreground and background, without "
            "the given first frame. 'first mask kept' is the score of repeating the first mask.",
        )


@dataclass(frozen=True)
class ClipPropagation(Evaluation):
    """Label propagation on clips with pixel masks, using tokens that attend to the whole clip.

    For data with a field `figure`, bool [T, H, W], and video encoders. A token counts as foreground
    if at least a given fraction of its pixels is; the labels of the first time step are given.

    Attributes:
      clips: number of clips, taken from the start of the test split.
      share: fraction of foreground pixels from which a token counts as foreground.
      context: number of preceding time steps used as references, besides the first.
      neighbours: number of nearest tokens that vote.
      radius: largest distance of a neighbour, in token positions.
    """

    clips: Count = 200
    share: AboveZero = 0.25
    context: Count = 7
    neighbours: Count = 5
    radius: Count = 4

    about: ClassVar[str] = (
        "label propagation through clips with pixel masks, by a video encoder's tokens"
    )
    source: ClassVar[str] = "Jabri et al. 2020; DINO (Caron et al. 2021)"

    def measure(self, subject: Representations, row: str) -> Measured | None:
        if subject.rows[row].program is None:
            return None
        encoder = subject.rows[row].program.experiment.encoder
        pipeline, source = subject.program.experiment.preprocess, subject.source("test")
        batch = source[np.arange(min(self.clips, len(source)))]
        if "figure" not in batch or batch[pipeline.field].ndim != 5 or not hasattr(encoder, "grid"):
            raise UserError(
                "propagation needs clips with a field 'figure', such as jssl.data.MovingShapes, "
                "and an encoder of clips"
            )
        arrays, _ = subject.arrays(row, ArraySource(batch), tokens)
        masks, shape = token_masks(encoder, pipeline, batch, self.share)
        times, *grid = encoder.grid(shape)
        count = len(masks)
        found = arrays["tokens"].reshape(count, times, grid[0] * grid[1], -1)
        return followed(found, masks.reshape(count, times, -1), tuple(grid), self)

    def notes(self) -> tuple[str, ...]:
        return (
            f"mIoU of foreground and background, without the given first time step; a token is "
            f"foreground if {self.share:g} of its pixels are. 'first mask kept' is the score of "
            "repeating the first mask.",
        )


def token_masks(
    encoder: nn.Module, pipeline: Pipeline, batch: dict[str, np.ndarray], share: float
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Foreground masks of clips at token resolution, after the evaluation preprocessing.

    Args:
      encoder: the video encoder, which defines the token grid.
      pipeline: the evaluation preprocessing; it may crop and rescale, and must treat all grey
        levels alike.
      batch: clips and their `figure` masks.
      share: fraction of foreground pixels from which a token counts as foreground.

    Returns:
      Masks int [N, tokens], and the shape of the encoder's input [N, T, H, W, C].
    """
    video = batch[pipeline.field]
    painted = np.broadcast_to(255 * batch["figure"][..., None].astype(np.uint8), video.shape)

    @jax.jit
    def seen(x: jax.Array) -> jax.Array:
        return jax.vmap(lambda one: pipeline(None, {pipeline.field: one}))(x)

    black, white = (seen(np.full_like(video[:1], level)) for level in (0, 255))
    shown = (seen(painted) - black) / (white - black)
    filled = np.asarray(encoder.patches(shown)).mean(axis=-1)
    return (filled >= share).astype(np.int64), shown.shape


def followed(
    clips: np.ndarray,
    masks: np.ndarray,
    grid: tuple[int, int],
    how: Propagation | ClipPropagation,
) -> Measured:
    """Propagates the labels of the first frame and scores the result; see `propagate_labels`.

    Args:
      clips: tokens [N, F, T, D].
      masks: int [N, F, T], 1 for foreground.
      grid: rows and columns of a frame's token grid.
      how: the protocol, which holds the settings of `propagate_labels`.

    Returns:
      The mIoU over all frames after the first, the mIoU of the last frame, and the mIoU of a
      baseline that repeats the first mask.
    """
    chex.assert_rank([clips, masks], [4, 3])
    chex.assert_equal_shape_prefix([clips, masks], 3)
    settings = {k: getattr(how, k) for k in ("context", "neighbours", "radius")}
    found = np.stack(
        [
            propagate_labels(clip, mask[0], grid=grid, **settings)
            for clip, mask in zip(clips, masks, strict=True)
        ]
    )
    still = np.repeat(masks[:, :1], masks.shape[1], axis=1)
    return Measured(
        {
            "mIoU": Score(mean_iou(found[:, 1:], masks[:, 1:], 2)),
            "last frame": Score(mean_iou(found[:, -1], masks[:, -1], 2)),
            "first mask kept": Score(mean_iou(still[:, 1:], masks[:, 1:], 2)),
        },
        {"grid": list(grid), "figure": float(masks.mean())},
    )


PROTOCOLS = {"propagation": Propagation(), "clip_propagation": ClipPropagation()}
