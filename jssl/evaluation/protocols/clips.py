"""Labels carried through clips: a figure is followed by the likeness of tokens alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from jssl.data.source import ArraySource
from jssl.evaluation.dense import mean_iou, propagate_labels
from jssl.evaluation.protocols.dense import Motion, figure_masks, moved
from jssl.evaluation.protocols.tokens import tokens
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.subject import Subject


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

    clips: int = 100
    frames: int = 8
    degrees: float = 60.0
    shift: float = 0.15
    context: int = 7
    neighbours: int = 5
    radius: int = 4

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
        still = np.repeat(masks[:, :1], self.frames, axis=1)
        settings = {
            "context": self.context,
            "neighbours": self.neighbours,
            "radius": self.radius,
        }
        found = np.stack(
            [
                propagate_labels(clip, mask[0], grid=(side, side), **settings)
                for clip, mask in zip(clips, masks, strict=True)
            ]
        )
        return Measured(
            {
                "mIoU": Score(mean_iou(found[:, 1:], masks[:, 1:], 2)),
                "last frame": Score(mean_iou(found[:, -1], masks[:, -1], 2)),
                "first mask kept": Score(mean_iou(still[:, 1:], masks[:, 1:], 2)),
            },
            {"grid": [side, side], "figure": float(masks.mean())},
        )

    def notes(self) -> tuple[str, ...]:
        return (
            f"Clips of {self.frames} frames, turned by up to {self.degrees:g} degrees and shifted "
            f"by up to {self.shift:g} of the side; mIoU of figure and ground over all frames but "
            "the first, which is given. 'first mask kept' is what standing still would score.",
        )


PROTOCOLS = {"propagation": Propagation()}
