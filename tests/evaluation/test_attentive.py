"""The attentive probe against its formula, and on tokens that only attention can read."""

import dataclasses

import jax
import numpy as np
import pytest

from jssl.errors import UserError
from jssl.evaluation.attentive import Attentive, apply_probe, attentive_probe, init_probe

RNG = np.random.default_rng(0)


def test_logits_are_the_formula_written_out():
    params = init_probe(jax.random.key(0), 6, 3)
    params["w"] = RNG.normal(size=(6, 3)).astype(np.float32)
    tokens = RNG.normal(size=(2, 5, 6)).astype(np.float32)
    found = apply_probe(params, tokens, heads=2)
    p = {name: np.asarray(value, np.float64) for name, value in params.items()}
    for b in range(2):
        parts = []
        for head in (slice(0, 3), slice(3, 6)):
            keys, values = tokens[b] @ p["key"][:, head], tokens[b] @ p["value"][:, head]
            scores = np.array([k @ p["query"][head] / np.sqrt(3) for k in keys])
            weights = np.exp(scores - scores.max())
            parts.append(weights / weights.sum() @ values)
        pooled = np.concatenate(parts)
        pooled = (pooled - pooled.mean()) / np.sqrt(pooled.var() + 1e-6)
        np.testing.assert_allclose(found[b], pooled @ p["w"] + p["b"], atol=1e-5)


def marked(count):
    """Tokens of noise; one, marked in its first entries, holds the class: their mean is drowned."""
    labels = RNG.integers(0, 3, count)
    tokens = 2.0 * RNG.normal(size=(count, 12, 8))
    place = RNG.integers(0, 12, count)
    tokens[np.arange(count), place, 3:] = 0
    tokens[np.arange(count), place, :3] = 6.0 * np.eye(3)[labels]
    tokens[np.arange(count), place, 7] = 12.0
    return tokens.astype(np.float32), labels


def test_finds_the_token_that_matters():
    train, validation, test = marked(512), marked(200), marked(300)
    settings = Attentive(learning_rates=(1e-5, 1e-2), heads=1, batch_size=64, epochs=30)
    found = attentive_probe(train, validation, test, settings)
    assert found.learning_rate == pytest.approx(1e-2)
    assert found.validation_top1 == max(score for _, score in found.path)
    assert found.top1 > 0.8
    shuffled = test[0], RNG.permutation(test[1])
    other = attentive_probe(train, validation, shuffled, settings)
    assert other.path == found.path
    assert other.top1 < 0.6


def test_impossible_probes_are_sentences():
    split = marked(20)
    with pytest.raises(UserError, match="5 heads do not divide tokens of width 8"):
        attentive_probe(split, split, split, Attentive(heads=5))
    with pytest.raises(UserError, match=r"needs tokens \[N, T, D\]"):
        attentive_probe((split[0][:, 0], split[1]), split, split)
    with pytest.raises(UserError, match='use select_on="validation"'):
        attentive_probe(split, split, split, dataclasses.replace(Attentive(), select_on="test"))
    broken = split[0].copy()
    broken[3, 2, 1] = np.nan
    with pytest.raises(UserError, match="test split has 1 of 20"):
        attentive_probe(split, split, (broken, split[1]))
