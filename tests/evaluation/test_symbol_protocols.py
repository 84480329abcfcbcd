"""Numbers of examples and scores of pairs are measured on untrained encoders as on trained ones."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import spearmanr

from jssl.config import experiment
from jssl.data.sentence_pairs import PhrasePairs
from jssl.data.sequences import Planted
from jssl.errors import UserError
from jssl.evaluation.linear import linear_probe
from jssl.evaluation.protocols import protocol
from jssl.evaluation.representations import Representations, Row, pooled
from jssl.training import sharding
from jssl.training.program import build


def subject_of(name, **changes):
    made = dataclasses.replace(experiment.load(name).smoke(), **changes)
    splits = made.data.load()
    program = build(made, splits.train[0], len(splits.train), sharding.make_mesh(1))
    rows = {"row": Row(program, program.init(program.root_key(0))), "raw": Row(None)}
    return Representations(rows, splits, program)


def test_cosines_of_pairs_are_ranked_and_numbers_are_regressed():
    subject = subject_of("text/mlm_phrases", data=PhrasePairs().smoke())
    found = protocol("similarity").measure(subject, "row").scores["spearman"].value
    batch = subject.splits.test[np.arange(8)]
    a = subject.arrays("row", "test", pooled)[0]["pooled"].astype(np.float64)
    b = subject.encode("row", batch["other"]).astype(np.float64)
    cosine = np.sum(a * b, 1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert found == pytest.approx(spearmanr(cosine, batch["target"]).statistic, abs=1e-6)
    assert np.isfinite(protocol("similarity").measure(subject, "raw").scores["spearman"].value)
    scores = protocol("regression").measure(subject, "row").scores
    assert set(scores) == {"spearman", "mse", "validation"}
    assert all(np.isfinite(score.value) for score in scores.values())
    with pytest.raises(UserError, match="did you mean 'target'"):
        dataclasses.replace(protocol("regression"), target="targets").measure(subject, "row")


def test_a_site_is_its_tokens_side_by_side():
    data = dataclasses.replace(Planted().smoke(), train=40, length=24)
    subject = subject_of("biology/mlm_planted", data=data)
    found = protocol("site").measure(subject, "row")
    tokens = [
        subject.arrays("row", part, lambda f: {"tokens": f.tokens})
        for part in ("train", "validation", "test")
    ]
    parts = [(x["tokens"][:, 11:13].reshape(len(y), -1), y) for x, y in tokens]
    assert found.scores["site"].value == linear_probe(*parts).top1
    assert protocol("site").measure(subject, "raw") is None
    with pytest.raises(UserError, match=r"0 \.\.\. 23"):
        dataclasses.replace(protocol("site"), places=(24,)).measure(subject, "row")
