"""The judge of learning: its grounds, its choice on validation, its records and its page."""

import dataclasses
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from jssl.augmentations.compose import Views, pipeline, repeat
from jssl.augmentations.geometry import flip
from jssl.config.experiment import load
from jssl.data import Shapes
from jssl.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

import write_learning  # noqa: E402

from benchmarks.learning import grounds, readouts, records  # noqa: E402

SHAPES = grounds.ground("shapes")


def test_images_are_standardised_in_training_and_after() -> None:
    experiment = SHAPES.experiment("simclr", 1)
    batch = Shapes(train=64, textures=("solid",)).load().train[np.arange(64)]
    seen = jax.vmap(lambda image: experiment.preprocess(None, {"image": image}))(batch["image"])
    assert abs(float(seen.mean())) < 0.2 and 0.8 < float(seen.std()) < 1.2
    key = jax.random.key(0)
    example = {"image": batch["image"][0], "index": np.int32(0)}
    inner = repeat(pipeline(flip), 2)
    base = Views(a=pipeline(flip), crops=inner, mask=lambda key, example: example["index"])
    plain = dataclasses.replace(load("image/simclr_shapes"), views=base)
    changed = grounds.standardised(plain, ((0.5,), (0.25,))).views.entries
    before, after = (dict(views) for views in (base.entries, changed))
    for name in ("a", "crops"):
        x, y = (np.asarray(entry[name](key, example)) for entry in (before, after))
        np.testing.assert_allclose((x - 0.5) / 0.25, y, atol=1e-6)
    assert after["mask"] is before["mask"]


def test_training_and_evaluation_see_images_of_one_size() -> None:
    for case in SHAPES.study.cases:
        experiment = SHAPES.experiment(case.method, 1)
        size = experiment.data.size
        view = experiment.views.entries[0][1]
        example = {
            "image": jax.ShapeDtypeStruct((size, size, 3), np.uint8),
            "index": jax.ShapeDtypeStruct((), np.int32),
        }
        if case.method in ("pretext/jigsaw", "pretext/rotnet"):
            continue  # tiles, and several rotations of an image
        found = jax.eval_shape(view, jax.random.key(0), example)
        sides = {leaf.shape[-3:] for leaf in jax.tree.leaves(found) if leaf.shape[-1:] == (3,)}
        assert (size, size, 3) in sides, case.method


def test_a_budget_multiplies_epochs_and_bad_requests_are_refused() -> None:
    one, four = (SHAPES.experiment("masked/mae", budget) for budget in (1, 4))
    assert four.epochs == 4 * one.epochs
    assert four.optimizer.warmup_epochs == 4 * one.optimizer.warmup_epochs
    assert SHAPES.case("mae").method == "masked/mae"
    for wrong in (lambda: SHAPES.experiment("mae", 0), lambda: SHAPES.case("moe")):
        with pytest.raises(UserError):
            wrong()
    with pytest.raises(UserError, match="no ground"):
        grounds.ground("shape")


def test_every_method_has_readouts_with_a_margin() -> None:
    assert set(readouts.margins()) == set(readouts.TITLES)
    for case in SHAPES.study.cases:
        own = set(readouts.readouts_of(case.method))
        assert own <= set(readouts.evaluations("shapes", case.method, 0)), case.method


def row(test: float, validation: float) -> dict:
    return {"fine-tuned": {"value": test}, "validation": {"value": validation}}


def test_each_row_takes_its_best_on_validation() -> None:
    tried = [
        SimpleNamespace(rows={"trained": row(0.9, 0.2), "untrained": row(0.1, 0.5)}),
        SimpleNamespace(rows={"trained": row(0.3, 0.4), "untrained": row(0.8, 0.1)}),
    ]
    found = readouts.scores(tried)
    assert found["trained"] == {"test": 0.3, "validation": 0.4, "choice": 1}
    assert found["untrained"] == {"test": 0.1, "validation": 0.5, "choice": 0}


def test_a_record_that_exists_is_not_made_again(tmp_path: Path, monkeypatch) -> None:
    made = []

    def judge(ground, method, seed, budget):
        made.append((method, seed))
        return {"fingerprint": records.identity(ground, method, seed, budget)}

    monkeypatch.setattr(records, "judge", judge)
    path = records.work(SHAPES, "mae", 0, 1, tmp_path)
    assert path.name == "shapes.masked.mae.budget1.seed0.json"
    records.work(SHAPES, "masked/mae", 0, 1, tmp_path)
    records.work(SHAPES, "mae", 1, 1, tmp_path)
    assert made == [("masked/mae", 0), ("masked/mae", 1)]
    path.write_text(json.dumps({"fingerprint": "of other settings"}))
    records.work(SHAPES, "mae", 0, 1, tmp_path)
    assert len(made) == 3


def record(seed: int, linear: float, tuned: float) -> dict:
    scores = {
        "linear": {"trained": {"test": linear}, "untrained": {"test": 0.3}},
        "finetune": {"trained": {"test": tuned}, "untrained": {"test": 0.4}},
    }
    return {
        **{"ground": "shapes", "method": "masked/mae", "seed": seed, "budget": 1, "steps": 9},
        **{"encoder": "ViT", "judged_by": ["finetune", "linear"], "scores": scores},
        **{"alarms": [], "hardware": "1 x cpu", "core_seconds": {"training": 60.0, "knn": 2.0}},
    }


def test_the_page_has_gains_intervals_the_untrained_row_and_a_verdict() -> None:
    text = write_learning.text([record(0, 0.31, 0.44), record(1, 0.29, 0.46)])
    assert (
        "| masked/mae | 1 | 9 | 0 1 | **30.0 (+0.0 ± 12.7)** | **45.0 (+5.0 ± 12.7)** | learns"
        in (text)
    )
    assert "| untrained ViT |  |  |  | 30.0 | 40.0 |  |" in text
    assert write_learning.verdict([record(0, 0.32, 0.42)]) == "**no**"
    assert write_learning.verdict([record(0, 0.2, 0.3)]) == "hurts"
    assert "| shapes | 2 | 60 | 2 | 62 |" in text


def test_the_page_is_what_its_script_writes() -> None:
    assert write_learning.PAGE.read_text() == write_learning.text(write_learning.load())
