"""Labels carried through clips: a figure is followed by the likeness of tokens alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import flax.linen as nn
import jax
import numpy as np

from jssl.augmentations.compose import Pipeline
from jssl.data.source import ArraySource
from jssl.errors import UserError
from jssl.evaluation.dense import mean_iou, propagate_labels
from jssl.evaluation.protocols.dense import Motion, figure_masks, moved
from jssl.evaluation.protocols.tokens import tokens
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.subject import Subject
from jssl.ranges import AboveZero, BelowOne, Count, NonNegative


@dataclass(frozen=True)
class Propagation(Evaluation):
    """Follows the figure of a procedural shape that turns and drifts through a clip.

    The first frame's figure and ground are given, at the places of the tokens. Places that move out
    of or into the picture show ground.

    Attributes:
      clips: of the test split, from its front.
      frames: of each.
      degrees: turned from the first frame to the last.
      shift: way from the first frame to the last, share of the side.
      context: earlier frames that vote besides the first.
      neighbours: places that vote.
      radius: how far away they may be, in places.
    """

    clips: Count = 100
    frames: Count = 8
    degrees: NonNegative = 60.0
    shift: BelowOne = 0.15
    context: Count = 7
    neighbours: Count = 5
    radius: Count = 4

    about: ClassVar[str] = "label propagation: mIoU of a figure followed through clips"
    source: ClassVar[str] = "Jabri et al. 2020; DINO (Caron et al. 2021), on procedural clips"

    def measure(self, subject: Subject, row: str) -> Measured | None:
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
            f"Clips of {self.frames} frames, turned by up to {self.degrees:g} degrees and shifted "
            f"by up to {self.shift:g} of the side; mIoU of figure and ground over all frames but "
            "the first, which is given. 'first mask kept' is what standing still would score.",
        )


@dataclass(frozen=True)
class ClipPropagation(Evaluation):
    """Follows the figure of clips whose pixels are labelled, by tokens that see the whole clip.

    For data with a field `figure` bool [T, H, W] and encoders of clips. A token shows the figure
    where it fills at least a part of its pixels; the tokens of the first time are given.

    Attributes:
      clips: of the test split, from its front.
      share: of a token's pixels that make it one of the figure.
      context: earlier times that vote besides the first.
      neighbours: places that vote.
      radius: how far away they may be, in places.
    """

    clips: Count = 200
    share: AboveZero = 0.25
    context: Count = 7
    neighbours: Count = 5
    radius: Count = 4

    about: ClassVar[str] = "label propagation in labelled clips, by the tokens of a video encoder"
    source: ClassVar[str] = "Jabri et al. 2020; DINO (Caron et al. 2021)"

    def measure(self, subject: Subject, row: str) -> Measured | None:
        if subject.rows[row].program is None:
            return None
        encoder = subject.rows[row].program.experiment.encoder
        pipeline, source = subject.program.experiment.preprocess, subject.source("test")
        batch = source[np.arange(min(self.clips, len(source)))]
        if "figure" not in batch or batch[pipeline.field].ndim != 5 or not hasattr(encoder, "grid"):
            raise UserError(
                "figures are followed in clips with a field 'figure', such as "
                "jssl.data.MovingShapes, by an encoder of clips"
            )
        arrays, _ = subject.arrays(row, ArraySource(batch), tokens)
        masks, shape = token_masks(encoder, pipeline, batch, self.share)
        times, *grid = encoder.grid(shape)
        count = len(masks)
        found = arrays["tokens"].reshape(count, times, grid[0] * grid[1], -1)
        return followed(found, masks.reshape(count, times, -1), tuple(grid), self)

    def notes(self) -> tuple[str, ...]:
        return (
            f"mIoU of figure and ground over all times but the first, which is given; a token is "
            f"of the figure where {self.share:g} of its pixels are. 'first mask kept' is what "
            "standing still would score.",
        )


def token_masks(
    encoder: nn.Module, pipeline: Pipeline, batch: dict[str, np.ndarray], share: float
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Which tokens of clips show the figure, after what evaluation does to the clips.

    Args:
      encoder: cuts clips into tokens.
      pipeline: of evaluation; it may crop and scale, and changes all grey levels alike.
      batch: clips and their `figure`.
      share: of a token's pixels that make it one of the figure.

    Returns:
      int [N, tokens], and the shape of what the encoder sees [N, T, H, W, C].
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
    """Scores of labels carried through clips; see `propagate_labels`.

    Args:
      clips: tokens [N, F, T, D].
      masks: int [N, F, T], 1 where the figure is.
      grid: rows and columns of a frame's tokens.
      how: the protocol, for its settings of `propagate_labels`.

    Returns:
      The mIoU of all frames but the first, of the last, and of a mask that stands still.
    """
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
