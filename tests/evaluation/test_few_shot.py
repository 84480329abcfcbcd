"""Episodes, prototypes and transduction against plain loops."""

import dataclasses

import numpy as np
import pytest
from sklearn.datasets import load_digits

from jssl.errors import UserError
from jssl.evaluation.few_shot import FewShot, choose_weight, draw_episodes, few_shot, transduce

DIGITS = load_digits()
X, Y = DIGITS.data.astype(np.float32)[:500], DIGITS.target[:500]
SMALL = FewShot(ways=4, shots=2, queries=6, episodes=12)


def test_episodes_are_what_they_should_be():
    support, queries = draw_episodes(Y, SMALL)
    assert support.shape == (12, 4, 2)
    assert queries.shape == (12, 4, 6)
    for s, q in zip(support, queries, strict=True):
        together = np.concatenate([s, q], axis=1)
        assert len(np.unique(together)) == together.size
        assert all(len(np.unique(Y[row])) == 1 for row in together)
        assert len(np.unique(Y[together[:, 0]])) == 4
    assert (draw_episodes(Y, SMALL)[0] == support).all()
    other = dataclasses.replace(SMALL, seed=1)
    assert (draw_episodes(Y, other)[0] != support).any()


def test_prototypes_are_a_plain_loop():
    centre = X[:50].mean(axis=0)
    unit = (X - centre) / np.linalg.norm(X - centre, axis=1, keepdims=True)
    support, queries = draw_episodes(Y, SMALL)
    scores = []
    for s, q in zip(support, queries, strict=True):
        means = [unit[row].mean(axis=0) for row in s]
        right = 0
        for way, row in enumerate(q):
            for i in row:
                right += np.argmin([np.linalg.norm(unit[i] - m) for m in means]) == way
        scores.append(right / q.size)
    found = few_shot(X, Y, SMALL, centre=centre)
    assert found.mean == pytest.approx(np.mean(scores))
    error = np.std(scores, ddof=1) / np.sqrt(12)
    assert found.interval == pytest.approx(2.201 * error, rel=1e-3)  # Student's t, 11 degrees


@pytest.mark.parametrize("moving", [False, True])
def test_transduction_is_a_plain_loop(moving):
    rng = np.random.default_rng(0)
    support, queries = rng.normal(size=(3, 2, 5)), rng.normal(size=(9, 5))
    found = transduce(support, queries, 0.7, neighbours=2, iterations=4, moving=moving)
    near = []
    for i in range(9):
        distance = [
            np.sum((queries[i] - q) ** 2) if j != i else np.inf for j, q in enumerate(queries)
        ]
        near.append(np.argsort(distance)[:2])

    def softmax(v):
        e = np.exp(v - max(v))
        return e / sum(e)

    means = [s.mean(axis=0) for s in support]
    y = [softmax(np.array([-np.sum((q - m) ** 2) for m in means])) for q in queries]
    for _ in range(4):
        y = [
            softmax(
                np.array([-np.sum((q - m) ** 2) for m in means]) + 0.7 * sum(y[p] for p in near[i])
            )
            for i, q in enumerate(queries)
        ]
        if moving:
            means = [
                (support[c].sum(axis=0) + sum(y[i][c] * queries[i] for i in range(9)))
                / (2 + sum(y[i][c] for i in range(9)))
                for c in range(3)
            ]
    np.testing.assert_allclose(found, y, atol=1e-5)


def test_looking_at_all_queries_together_helps_on_clear_classes():
    rng = np.random.default_rng(0)
    classes = rng.normal(size=(6, 8)) * 2
    labels = np.repeat(np.arange(6), 40)
    features = classes[labels] + rng.normal(size=(240, 8))
    scores = {}
    for method in ("prototype", "laplacian", "clustering"):
        settings = FewShot(shots=1, queries=15, episodes=60, method=method)
        scores[method] = few_shot(features, labels, settings).mean
    assert scores["clustering"] > scores["prototype"] + 0.005
    settings = FewShot(episodes=30, method="laplacian")
    each = {w: few_shot(features, labels, dataclasses.replace(settings, weight=w)) for w in (0, 9)}
    chosen = choose_weight(features, labels, settings, weights=(9, 0))
    assert each[chosen].mean == max(result.mean for result in each.values())


def test_impossible_episodes_are_sentences():
    for change, sentence in (
        ({"method": "prototypes"}, "did you mean 'prototype'"),
        ({"ways": 1}, "ways is 1"),
        ({"ways": 11}, "11-way episodes need as many classes, but there are 10"),
        ({"queries": 200}, "too few for 2 shots and 200 queries"),
        ({"neighbours": 24}, "24 neighbours among 24 queries"),
    ):
        with pytest.raises(UserError, match=sentence):
            few_shot(X, Y, dataclasses.replace(SMALL, **change))
    with pytest.raises(UserError, match="few-shot split has 500 of 500"):
        few_shot(X * np.nan, Y, SMALL)
