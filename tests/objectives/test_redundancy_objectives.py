"""Barlow Twins, its mixed form, VICReg and W-MSE against loops in float64 and closed forms."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_reference import check, is_finite

from jssl.objectives.redundancy import (
    barlow_twins,
    mean_squared,
    mixed_correlation,
    standardize_batch,
    vicreg_covariance,
    vicreg_variance,
    w_mse,
    whiten,
)


def embeddings(rows: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, width))


def reference_standardize(x: np.ndarray) -> np.ndarray:
    columns = []
    for column in x.T:
        mean = sum(column) / len(column)
        variance = sum((value - mean) ** 2 for value in column) / len(column)
        columns.append([(value - mean) / math.sqrt(variance + 1e-5) for value in column])
    return np.array(columns).T


def reference_barlow(a, b, weight) -> np.ndarray:
    a, b = reference_standardize(a), reference_standardize(b)
    count, width = a.shape
    loss = 0.0
    for i in range(width):
        for j in range(width):
            c = sum(a[n, i] * b[n, j] for n in range(count)) / count
            loss += (1 - c) ** 2 if i == j else weight * c**2
    return np.array(loss)


def reference_mixed(mixed, a, b, partner, share) -> np.ndarray:
    mixed, a, b = (reference_standardize(x) for x in (mixed, a, b))
    count, width = a.shape
    loss = 0.0
    for i in range(width):
        for j in range(width):
            for side in (a, b):
                got = sum(mixed[n, i] * side[n, j] for n in range(count)) / count
                wanted = 0.0
                for n in range(count):
                    wanted += share[n] * a[n, i] * side[n, j] / count
                    wanted += (1 - share[n]) * b[partner[n], i] * side[n, j] / count
                loss += (got - wanted) ** 2
    return np.array(loss)


def reference_variance(x) -> np.ndarray:
    hinges = []
    for column in x.T:
        mean = sum(column) / len(column)
        variance = sum((v - mean) ** 2 for v in column) / (len(column) - 1)
        hinges.append(max(0.0, 1.0 - math.sqrt(variance + 1e-4)))
    return np.array(sum(hinges) / len(hinges))


def reference_covariance(x) -> np.ndarray:
    count, width = x.shape
    means = [sum(column) / count for column in x.T]
    loss = 0.0
    for i in range(width):
        for j in range(width):
            if i != j:
                terms = [(x[n, i] - means[i]) * (x[n, j] - means[j]) for n in range(count)]
                loss += (sum(terms) / (count - 1)) ** 2
    return np.array(loss / width)


def reference_whiten(x, epsilon) -> np.ndarray:
    count, width = x.shape
    centred = x - x.sum(0) / count
    covariance = sum(np.outer(row, row) for row in centred) / (count - 1)
    covariance = (1 - epsilon) * covariance + epsilon * np.trace(covariance) / width * np.eye(width)
    return centred @ np.linalg.inv(np.linalg.cholesky(covariance)).T


def reference_w_mse(views, groups, epsilon) -> np.ndarray:
    batch, count, _ = views.shape
    white = np.zeros_like(views)
    for group in groups:
        for v in range(count):
            white[group, v] = reference_whiten(views[group, v], epsilon)
    losses = []
    for n in range(batch):
        terms = []
        for i in range(count):
            for j in range(i + 1, count):
                x, y = white[n, i], white[n, j]
                terms.append(2 - 2 * (x @ y) / math.sqrt((x @ x) * (y @ y)))
        losses.append(sum(terms) / len(terms))
    return np.array(losses)


def test_barlow_twins() -> None:
    check(
        functools.partial(barlow_twins, off_diagonal=0.3),
        functools.partial(reference_barlow, weight=0.3),
        embeddings(5, 3),
        embeddings(5, 3, seed=1),
    )


def test_barlow_twins_closed_forms() -> None:
    # Columns of a Hadamard matrix have mean 0, variance 1 and no correlation.
    h = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], np.float32)
    assert float(barlow_twins(h, h, off_diagonal=1.0)) == pytest.approx(0.0, abs=1e-8)
    assert float(barlow_twins(h, -h, off_diagonal=1.0)) == pytest.approx(12.0, rel=1e-4)
    same = np.repeat(h[:, :1], 3, axis=1)
    assert float(barlow_twins(same, same, off_diagonal=0.5)) == pytest.approx(3.0, rel=1e-4)
    assert float(barlow_twins(h * 0 + 7, h * 0 + 7, off_diagonal=0.5)) == pytest.approx(3.0)
    moved = barlow_twins(h * 5e3 + 3e3, h, off_diagonal=1.0)
    assert float(moved) == pytest.approx(0.0, abs=1e-8)


def test_mixed_correlation() -> None:
    partner = np.array([3, 0, 4, 1, 2])
    share = np.array([0.2, 0.9, 0.5, 0.3, 0.0])
    check(
        lambda m, a, b: mixed_correlation(m, a, b, jnp.asarray(partner), jnp.asarray(share)),
        functools.partial(reference_mixed, partner=partner, share=share),
        *(embeddings(5, 3, seed) for seed in range(3)),
    )
    x = jnp.asarray(embeddings(5, 3), jnp.float32)
    unmixed = mixed_correlation(x, x, x[::-1], jnp.asarray(partner), jnp.ones(5))
    assert float(unmixed) == pytest.approx(0.0, abs=1e-10)


def test_vicreg_variance() -> None:
    x = embeddings(5, 3) * np.array([0.3, 0.5, 4.0])
    check(vicreg_variance, reference_variance, x)
    assert float(vicreg_variance(jnp.ones((4, 3)))) == pytest.approx(1 - 0.01, rel=1e-5)
    assert float(vicreg_variance(jnp.asarray(x * 100))) == 0.0


def test_vicreg_covariance() -> None:
    check(vicreg_covariance, reference_covariance, embeddings(5, 3))
    column = np.array([[1.0], [-1.0], [1.0], [-1.0]]) * math.sqrt(3 / 4)  # variance 1, unbiased
    assert float(vicreg_covariance(np.repeat(column, 4, axis=1))) == pytest.approx(3.0, rel=1e-5)


def test_mean_squared() -> None:
    def reference(a, b) -> np.ndarray:
        return np.array([sum((p - q) ** 2) / len(p) for p, q in zip(a, b, strict=True)])

    check(mean_squared, reference, embeddings(4, 3), embeddings(4, 3, seed=1))


@pytest.mark.parametrize("epsilon", [0.0, 1e-2])
def test_whitening(epsilon: float) -> None:
    mixing = embeddings(3, 3, seed=5)
    x = embeddings(12, 3) @ mixing + 4.0
    weights = embeddings(12, 3, seed=6)  # the mean alone would be zero, whatever the input
    check(
        lambda x: whiten(x, epsilon=epsilon) * jnp.asarray(weights, jnp.float32),
        lambda x: reference_whiten(x, epsilon) * weights,
        x,
    )
    if not epsilon:
        white = np.asarray(whiten(jnp.asarray(x, jnp.float32), epsilon=0.0))
        np.testing.assert_allclose(np.cov(white.T), np.eye(3), atol=1e-4)
        np.testing.assert_allclose(white.mean(0), 0.0, atol=1e-5)


def test_w_mse_of_three_views_in_groups() -> None:
    views = np.random.default_rng(1).normal(size=(10, 3, 2))
    groups = np.random.default_rng(2).permutation(10).reshape(2, 5)
    check(
        lambda x: w_mse(x, groups=jnp.asarray(groups), epsilon=1e-3),
        functools.partial(reference_w_mse, groups=groups, epsilon=1e-3),
        views,
    )


def test_w_mse_is_blind_to_scale_shift_and_mixing() -> None:
    views = np.random.default_rng(3).normal(size=(16, 2, 3))
    views[:, 1] = views[:, 0] + 0.2 * views[:, 1]
    loss = w_mse(jnp.asarray(views, jnp.float32), epsilon=0.0)
    lower = np.array([[2.0, 0, 0], [0.3, 0.1, 0], [1.0, 0.4, 30.0]])  # keeps Cholesky's order
    other = w_mse(jnp.asarray(views @ lower.T - 5.0, jnp.float32), epsilon=0.0)
    np.testing.assert_allclose(loss, other, atol=1e-3)
    same = jnp.repeat(jnp.asarray(views[:, :1], jnp.float32), 2, axis=1)
    np.testing.assert_allclose(w_mse(same), 0.0, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e30])
def test_extreme_inputs_stay_finite(scale: float, dtype: str) -> None:
    a, b, c = (jnp.asarray(embeddings(6, 4, seed) * scale, dtype) for seed in range(3))
    partner = jnp.arange(6)[::-1]

    def everything(a: jax.Array, b: jax.Array, c: jax.Array) -> jax.Array:
        flat = jnp.repeat(a[:, :1], 4, axis=1)  # a covariance of rank one
        values = [
            barlow_twins(a, b, off_diagonal=0.005) + barlow_twins(flat, flat, off_diagonal=1.0),
            mixed_correlation(c, a, b, partner, jnp.full(6, 0.3)),
            vicreg_variance(a) + vicreg_covariance(b) + jnp.mean(mean_squared(a, b)),
            jnp.mean(w_mse(jnp.stack([a, b, c, flat], axis=1))),
        ]
        assert all(value.dtype == jnp.float32 for value in values)
        return jnp.stack(values)

    assert is_finite(everything, a, b, c)


def test_standardize_is_float32_and_zero_where_constant() -> None:
    x = jnp.asarray(embeddings(6, 3), jnp.bfloat16).at[:, 1].set(3.0)
    done = standardize_batch(x)
    assert done.dtype == jnp.float32
    assert not np.any(done[:, 1])


def test_shapes_are_checked() -> None:
    with pytest.raises(AssertionError, match=r"\(4, 3\), \(4, 2\)"):
        barlow_twins(jnp.zeros((4, 3)), jnp.zeros((4, 2)), off_diagonal=1.0)
    with pytest.raises(AssertionError, match="'2' on axis '1'"):
        w_mse(jnp.zeros((4, 1, 2)))
