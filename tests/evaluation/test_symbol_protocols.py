"""Numbers of examples and scores of pairs are measured on untrained encoders as on trained ones."""

import dataclasses
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from scipy.stats import spearmanr

from jssl.config import experiment
from jssl.data.sentence_pairs import PhrasePairs
from jssl.data.sequences import Planted
from jssl.encoders.features import Features
from jssl.encoders.text import SymbolTransformer
from jssl.errors import UserError
from jssl.evaluation import evaluating
from jssl.evaluation.linear import linear_probe
from jssl.evaluation.protocols import protocol
from jssl.evaluation.protocols.similarity import sentence_features, transforms
from jssl.evaluation.representations import Representations, Row, pooled
from jssl.training import sharding
from jssl.training.program import build

CHANGES = ("", "_centred", "_whitened")


def subject_of(name, **changes):
    made = dataclasses.replace(experiment.load(name).smoke(), **changes)
    splits = made.data.load()
    program = build(made, splits.train[0], len(splits.train), sharding.make_mesh(1))
    rows = {"row": Row(program, program.init(program.root_key(0))), "raw": Row(None)}
    return Representations(rows, splits, program)


def test_cosines_of_pairs_are_ranked_and_numbers_are_regressed():
    subject = subject_of("text/mlm_phrases", data=PhrasePairs().smoke())
    scores = protocol("similarity").measure(subject, "row").scores
    names = [f"spearman{layer}{change}" for layer in ("", "_first_last") for change in CHANGES]
    assert list(scores) == names
    found = scores["spearman"].value
    batch = subject.splits.test[np.arange(8)]
    a = subject.arrays("row", "test", pooled)[0]["pooled"].astype(np.float64)
    b = subject.encode("row", batch["other"]).astype(np.float64)
    cosine = np.sum(a * b, 1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert found == pytest.approx(spearmanr(cosine, batch["target"]).statistic, abs=1e-6)
    known = subject.splits.train[np.arange(len(subject.splits.train))]
    seen = [subject.encode("row", known[key]) for key in ("text", "other")]
    mean = np.concatenate(seen).astype(np.float64).mean(axis=0)
    cosine = [np.dot(p - mean, q - mean) for p, q in zip(a, b, strict=True)]
    cosine /= np.linalg.norm(a - mean, axis=1) * np.linalg.norm(b - mean, axis=1)
    centred = spearmanr(cosine, batch["target"]).statistic
    assert scores["spearman_centred"].value == pytest.approx(centred, abs=1e-6)
    assert np.isfinite(protocol("similarity").measure(subject, "raw").scores["spearman"].value)
    scores = protocol("regression").measure(subject, "row").scores
    assert set(scores) == {"spearman", "mse", "validation"}
    assert all(np.isfinite(score.value) for score in scores.values())
    with pytest.raises(UserError, match="did you mean 'target'"):
        dataclasses.replace(protocol("regression"), target="targets").measure(subject, "row")


def test_the_student_has_a_row_beside_its_teacher():
    subject = subject_of("tabular/tjepa_factors")
    program, state = subject.rows["row"].program, subject.rows["row"].state
    moved = jax.tree.map(lambda x: x + 1.0, state.memory["teacher"])
    state = state.replace(memory={**state.memory, "teacher": moved})
    rows = evaluating.representations(SimpleNamespace(seed=0), program, state)
    assert list(rows) == ["trained", "student", "untrained", "raw row"]
    for name, encoder in (("trained", moved["params"]), ("student", state.params["encoder"])):
        own = rows[name].program
        found = own.experiment.method.encoder_state(own.at(rows[name].state))[0]
        assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), found, encoder))


def test_whitened_features_have_no_covariance_left():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(400, 3)) @ draw.normal(size=(3, 5)) + 4.0  # of rank 3
    changed = transforms(x)["whitened"](x)
    np.testing.assert_allclose(np.cov(changed, rowvar=False), np.eye(3), atol=1e-8)
    np.testing.assert_allclose(changed.mean(axis=0), 0.0, atol=1e-8)


def test_the_first_and_last_layer_are_averaged_over_real_tokens():
    draw = np.random.default_rng(0)
    blocks = {f"block{i}": draw.normal(size=(1, 4, 8)) for i in range(3)}  # with a class token
    tokens, valid = draw.normal(size=(1, 3, 8)), np.array([[True, True, False]])
    found = sentence_features(Features(tokens[:, 0], tokens, {**blocks, "valid": valid}))
    first = blocks["block0"][0, 1:]
    first = (first - first.mean(-1, keepdims=True)) / np.sqrt(first.var(-1, keepdims=True) + 1e-5)
    want = ((first + tokens[0]) / 2)[:2].mean(axis=0)
    np.testing.assert_allclose(found["first_last"][0], want, atol=1e-5)
    assert set(sentence_features(Features(tokens[:, 0]))) == {"pooled"}


def test_sites_are_read_in_place_of_a_mean():
    encoder = SymbolTransformer(width=8, depth=1, heads=2, vocabulary=9, sites=(2, 0))
    x = np.array([[1, 2, 3, 4]])
    features = jax.jit(lambda: encoder.init_with_output(jax.random.key(0), x, train=False)[0])()
    want = np.concatenate([features.tokens[0, 2], features.tokens[0, 0]])
    np.testing.assert_array_equal(features.pooled[0], want)
    with pytest.raises(UserError, match="the last must be below 4"):
        encoder.clone(sites=(4,)).init(jax.random.key(0), x, train=False)


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
        dataclasses.replace(protocol("site"), indices=(24,)).measure(subject, "row")
