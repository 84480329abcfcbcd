"""Segmentation, factors, equivariance and attention of a tiny transformer on procedural shapes."""

import dataclasses

import numpy as np
import pytest

from jssl.config import experiment as registry
from jssl.data import Shapes
from jssl.data.silhouettes import NAMES
from jssl.data.source import read_all
from jssl.errors import UserError
from jssl.evaluation.evaluating import choose, evaluate_run
from jssl.evaluation.protocols.dense import Motion, figure_masks, moved
from jssl.runs.loop import Options
from jssl.runs.run import Run
from jssl.studies import session

pytestmark = pytest.mark.rotating


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    small = registry.load("image/mae_shapes").smoke()
    data = Shapes(train=60, validation=20, test=20)
    small = dataclasses.replace(small, data=data, batch_size=20, epochs=0.7)
    made = Run(small, 0, tmp_path_factory.mktemp("dense") / "run")
    options = Options(devices=1, probe_every=0)
    session.train(made, options, evaluate=False, log=lambda line: None)
    return made


def test_masks_show_the_figure():
    batch = read_all(Shapes(train=40, validation=1, test=1).load().train)
    masks = figure_masks(batch, 16, 16).reshape(-1, 16, 16)
    discs = np.flatnonzero(batch["label"] == NAMES.index("disc"))
    assert len(discs) == 4
    place = (np.arange(16) + 0.5) / 8 - 1
    for i in discs:
        away = np.hypot(
            (place[None] - batch["factor/x"][i]) / batch["factor/scale"][i],
            (place[:, None] - batch["factor/y"][i]) / batch["factor/scale"][i],
        )
        radius = away[masks[i] == 1].max()
        assert (masks[i] == (away <= radius)).all()  # a disc around the known centre
        assert 0.7 < radius < 1.1
    with pytest.raises(UserError, match="exist for procedural shapes only"):
        figure_masks({"image": batch["image"]}, 16, 16)


def test_masks_move_with_the_images():
    """A figure painted by its own mask, moved as an image, shows where the moved mask is."""
    batch = read_all(Shapes(train=40, validation=1, test=1).load().train)
    rng = np.random.default_rng(0)
    motion = Motion(rng.uniform(-1, 1, (40, 3)).astype(np.float32), 60.0, 0.15)
    painted = 255 * figure_masks(batch, 32, 32).reshape(40, 32, 32, 1).astype(np.uint8)
    shown = np.asarray(moved(painted, motion))[..., 0] > 127
    masks = figure_masks(batch, 32, 32, motion).reshape(40, 32, 32) == 1
    assert (shown != masks).mean() < 0.01 < (masks != (painted[..., 0] > 127)).mean()


def test_dense_protocols_write_records(run: Run):
    names = ["segmentation", "factors", "equivariance", "attentive", "propagation"]
    options = Options(devices=1)
    records = evaluate_run(run, choose(names), options, log=lambda line: None)
    dense, factors, equivariance, attentive, clips = (record.rows for record in records)
    assert set(dense) == {"trained", "untrained"}  # the raw input has no tokens
    for row in dense.values():
        assert set(row) == {
            *("linear mIoU", "k-means mIoU", "PCA mIoU", "prompted IoU", "correspondence"),
        }
        assert all(0 <= score["value"] <= 1 for score in row.values())
    assert {"shape", "colour", "x R^2", "scale R^2"} <= set(factors["raw image"])
    assert set(equivariance["trained"]) == {"rotation", "shift across", "shift down"}
    assert "attentive" in attentive["trained"]
    assert set(clips) == {"trained", "untrained"}
    for row in clips.values():
        assert set(row) == {"mIoU", "last frame", "first mask kept"}
        assert row["last frame"]["value"] <= 1
    # Standing still scores the same whatever the tokens are.
    assert clips["trained"]["first mask kept"] == clips["untrained"]["first mask kept"]


def test_moved_images_turn_and_shift():
    image = np.zeros((1, 9, 9, 1), np.uint8)
    image[0, 4, 6] = 255
    quarter = np.asarray(moved(image, Motion(np.array([[1.0, 0, 0]], np.float32), 90.0, 0.0)))[
        0, ..., 0
    ]
    assert quarter.argmax() in (2 * 9 + 4, 6 * 9 + 4)
    shifted = np.asarray(moved(image, Motion(np.array([[0, 1.0, 0]], np.float32), 0.0, 2 / 9)))[
        0, ..., 0
    ]
    assert shifted[4, 4] == 255  # reads from two columns to the right
