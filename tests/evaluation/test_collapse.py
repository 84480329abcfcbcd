"""Collapse statistics against NumPy written from the papers' formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.evaluation.collapse import collapse_statistics, effective_rank, feature_std, mean_cosine

RNG = np.random.default_rng(0)
FEATURES = (RNG.normal(size=(24, 7)) @ np.diag([5, 2, 1, 1, 0.5, 0.1, 0]) + 0.3).astype(np.float32)


def reference(z):
    z = z.astype(np.float64)
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    singular = np.linalg.svd(z, compute_uv=False)
    p = singular / singular.sum() + 1e-7
    cosines = [unit[i] @ unit[j] for i in range(len(z)) for j in range(len(z)) if i != j]
    return unit.std(axis=0), np.exp(-(p * np.log(p)).sum()), np.mean(cosines)


def test_matches_numpy_and_the_summary_holds_the_three():
    std, rank, cosine = reference(FEATURES)
    np.testing.assert_allclose(feature_std(FEATURES), std, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(effective_rank(FEATURES), rank, rtol=1e-5)
    np.testing.assert_allclose(mean_cosine(FEATURES), cosine, atol=1e-6)
    summary = jax.jit(collapse_statistics)(FEATURES)
    np.testing.assert_allclose(summary["feature_std"], std.mean() * np.sqrt(7), rtol=1e-5)
    np.testing.assert_allclose(summary["effective_rank"], rank, rtol=1e-5)
    np.testing.assert_allclose(summary["mean_cosine"], cosine, atol=1e-6)


def test_closed_forms():
    same = np.tile(FEATURES[:1], (16, 1))
    summary = collapse_statistics(same)
    assert float(summary["feature_std"]) == pytest.approx(0, abs=1e-5)
    assert float(summary["effective_rank"]) == pytest.approx(1, abs=1e-3)
    assert float(summary["mean_cosine"]) == pytest.approx(1, abs=1e-5)
    axes = np.concatenate([np.eye(8), -np.eye(8)]).astype(np.float32)
    summary = collapse_statistics(3 * axes)
    assert float(summary["feature_std"]) == pytest.approx(1, abs=1e-5)
    assert float(summary["effective_rank"]) == pytest.approx(8, abs=1e-3)
    assert float(summary["mean_cosine"]) == pytest.approx(-1 / 15, abs=1e-6)


def test_zeros_bfloat16_and_gradients_are_harmless():
    zero = collapse_statistics(jnp.zeros((4, 3)))
    assert all(np.isfinite(v) for v in zero.values())
    low = collapse_statistics(FEATURES.astype(jnp.bfloat16))
    assert {v.dtype for v in low.values()} == {jnp.dtype("float32")}
    # A statistic that leaked into a loss would change training: gradients must stop.
    gradient = jax.grad(lambda z: sum(collapse_statistics(z).values()))(FEATURES)
    assert not np.any(gradient)
