"""Labels carried through clips whose pixels are labelled, with tubelets themselves as tokens."""

from types import SimpleNamespace

import numpy as np
import pytest

from jssl.augmentations.video import clip_evaluation
from jssl.data import MovingShapes
from jssl.data.source import ArraySource
from jssl.encoders.video import VideoTransformer
from jssl.errors import UserError
from jssl.evaluation.protocols.clips import ClipPropagation, token_masks

ENCODER = VideoTransformer(tubelet=2, patch=4)
SPLITS = MovingShapes(train=1, validation=1, test=18, frames=8, size=16, noise=0.0).load()


class Tubelets:
    """A subject with one representation: the pixels of each tubelet."""

    def __init__(self, program):
        experiment = SimpleNamespace(encoder=ENCODER, preprocess=clip_evaluation(6))
        self.program = SimpleNamespace(experiment=experiment)
        self.rows = {"row": SimpleNamespace(program=self.program if program else None)}

    def source(self, part):
        return getattr(SPLITS, part)

    def arrays(self, row, source, select):
        video = source[:]["video"][:, 1:7].astype(np.float32)
        return {"tokens": np.asarray(ENCODER.patches(video))}, None


def test_masks_of_tokens_are_those_of_the_pixels_that_are_seen():
    batch = SPLITS.test[:]
    masks, shape = token_masks(ENCODER, clip_evaluation(6), batch, 0.25)
    assert shape == (18, 6, 16, 16, 1) and masks.shape == (18, 3 * 4 * 4)
    for clip in range(18):
        for number, (t, row, column) in enumerate(np.ndindex(3, 4, 4)):
            frames = slice(1 + 2 * t, 3 + 2 * t)  # of the eight, the middle six are shown
            rows, columns = slice(4 * row, 4 * row + 4), slice(4 * column, 4 * column + 4)
            part = batch["figure"][clip, frames, rows, columns].mean()
            assert masks[clip, number] == (part >= 0.25)


def test_figures_are_followed_by_likeness():
    found = ClipPropagation(clips=18, neighbours=1).measure(Tubelets(True), "row")
    scores = {name: score.value for name, score in found.scores.items()}
    assert set(scores) == {"mIoU", "last frame", "first mask kept"}
    assert 0.5 < scores["mIoU"] <= 1 and found.details["grid"] == [4, 4]
    assert ClipPropagation().measure(Tubelets(False), "row") is None
    blind = Tubelets(True)
    arrays = {k: v for k, v in SPLITS.test.arrays.items() if k != "figure"}
    blind.source = lambda part: ArraySource(arrays)
    with pytest.raises(UserError, match="a field 'figure'"):
        ClipPropagation().measure(blind, "row")
