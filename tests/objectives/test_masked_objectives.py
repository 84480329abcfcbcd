"""Masked reconstruction against loops in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_reference import check, is_finite

from jssl.objectives.masked import (
    masked_l1,
    masked_matching,
    masked_mean,
    masked_mse,
    masked_scaled_cosine,
    normalize_patches,
)

MASK = np.array([[True, False, True], [False, False, True]])


def reference_mse(prediction: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    losses = []
    for b in range(len(mask)):
        errors = [
            sum((prediction[b, n] - target[b, n]) ** 2) / prediction.shape[2]
            for n in range(mask.shape[1])
            if mask[b, n]
        ]
        losses.append(sum(errors) / len(errors))
    return np.array(losses)


def reference_l1(prediction: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    losses = []
    for b in range(len(mask)):
        errors = [
            sum(abs(x - y) for x, y in zip(prediction[b, n], target[b, n], strict=True))
            / prediction.shape[2]
            for n in range(mask.shape[1])
            if mask[b, n]
        ]
        losses.append(sum(errors) / len(errors))
    return np.array(losses)


def reference_normalize(patches: np.ndarray) -> np.ndarray:
    out = np.zeros_like(patches)
    for b, n in np.ndindex(patches.shape[:2]):
        patch = patches[b, n]
        mean = sum(patch) / len(patch)
        variance = sum((patch - mean) ** 2) / (len(patch) - 1)
        out[b, n] = (patch - mean) / (variance + 1e-6) ** 0.5
    return out


def patches(seed: int, width: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2, 3, width))


def test_masked_mse_with_gradients() -> None:
    check(
        functools.partial(masked_mse, mask=jnp.asarray(MASK)),
        functools.partial(reference_mse, mask=MASK),
        patches(0),
        patches(1),
    )


def test_masked_l1_with_gradients() -> None:
    check(
        functools.partial(masked_l1, mask=jnp.asarray(MASK)),
        functools.partial(reference_l1, mask=MASK),
        patches(0),
        patches(1),
    )
    shifted = jnp.asarray(patches(0) + 0.25, jnp.float32)
    np.testing.assert_allclose(
        masked_l1(shifted, jnp.asarray(patches(0), jnp.float32), jnp.asarray(MASK)), 0.25, rtol=1e-5
    )


def test_masked_mse_reads_no_visible_patch() -> None:
    prediction, target = jnp.asarray(patches(0), jnp.float32), jnp.asarray(patches(1), jnp.float32)
    loss = masked_mse(prediction, target, jnp.asarray(MASK))
    for wild in (1e30, np.inf, np.nan):
        changed = jnp.where(MASK[..., None], prediction, wild)
        np.testing.assert_array_equal(masked_mse(changed, target, jnp.asarray(MASK)), loss)


def test_mean_patch_of_normalised_targets_costs_one() -> None:
    target = normalize_patches(jnp.asarray(patches(0, 64)))
    loss = masked_mse(jnp.zeros_like(target), target, jnp.asarray(MASK))
    np.testing.assert_allclose(loss, 63 / 64, rtol=1e-5)  # unbiased variance


def test_masked_mean_with_weights_and_without_any() -> None:
    values = jnp.array([[1.0, 2.0, 6.0], [5.0, 5.0, 5.0]])
    np.testing.assert_allclose(
        masked_mean(values, jnp.array([[0.1, 0.2, 0.1], [0.0, 0.0, 0.0]])), [2.75, 0.0], rtol=1e-6
    )
    np.testing.assert_allclose(masked_mean(values, jnp.asarray(MASK)), [3.5, 5.0], rtol=1e-6)


def test_normalize_patches_with_gradients() -> None:
    weights = patches(5)  # the plain mean of the result is zero, whatever goes in
    check(
        lambda x: normalize_patches(x) * jnp.asarray(weights, jnp.float32),
        lambda x: reference_normalize(x) * weights,
        3.0 * patches(4) + 2.0,
    )


def test_flat_patches_become_zero() -> None:
    assert not np.any(normalize_patches(jnp.full((1, 2, 8), 0.5)))
    assert not np.any(normalize_patches(jnp.full((1, 2, 1), 0.5)))  # a single value has no spread


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e15])
def test_extreme_inputs_stay_finite(scale: float, dtype: str) -> None:
    x, y = (jnp.asarray(patches(seed) * scale, dtype) for seed in (0, 1))
    assert is_finite(lambda x, y: masked_mse(x, y, jnp.asarray(MASK)), x, y)
    assert is_finite(lambda x, y: masked_l1(x, y, jnp.asarray(MASK)), x, y)
    assert is_finite(normalize_patches, x)
    assert not np.isnan(normalize_patches(x * 1e15)).any()
    assert masked_mse(x, y, jnp.asarray(MASK)).dtype == jnp.float32
    assert normalize_patches(x).dtype == jnp.float32


def test_shapes_are_checked() -> None:
    with pytest.raises(AssertionError, match=r"\(2, 3\), \(2, 2\)"):
        masked_mse(jnp.zeros((2, 3, 4)), jnp.zeros((2, 3, 4)), jnp.zeros((2, 2), bool))


def test_matching_is_a_softmax_over_the_hidden_tokens_of_the_example() -> None:
    scores = np.random.default_rng(3).normal(size=(2, 3, 3))

    def reference(scores: np.ndarray) -> np.ndarray:
        losses = []
        for row, mask in zip(scores, MASK, strict=True):
            hidden = np.flatnonzero(mask)
            parts = [np.log(np.exp(row[i, hidden]).sum()) - row[i, i] for i in hidden]
            losses.append(np.mean(parts))
        return np.asarray(losses)

    check(functools.partial(masked_matching, mask=jnp.asarray(MASK)), reference, scores)
    large = masked_matching(jnp.asarray(1e4 * scores), jnp.asarray(MASK))
    assert np.isfinite(large).all()
    # What is visible neither answers nor is chosen from; without hidden tokens there is nothing.
    wild = jnp.where(MASK[:, None, :] & MASK[:, :, None], scores, 1e30)
    loss = masked_matching(jnp.asarray(scores, jnp.float32), jnp.asarray(MASK))
    np.testing.assert_allclose(masked_matching(wild, jnp.asarray(MASK)), loss, rtol=1e-5)
    empty = jnp.zeros((2, 3), bool)
    slope = jax.grad(lambda s: masked_matching(s, empty).sum())(jnp.asarray(scores))
    np.testing.assert_array_equal(slope, 0.0)


def test_scaled_cosine_with_gradients() -> None:
    def reference(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
        losses = []
        for b in range(2):
            errors = [
                (1 - x @ y / np.sqrt((x @ x) * (y @ y))) ** 2.0
                for x, y, hidden in zip(prediction[b], target[b], MASK[b], strict=True)
                if hidden
            ]
            losses.append(np.mean(errors))
        return np.asarray(losses)

    found = functools.partial(masked_scaled_cosine, mask=jnp.asarray(MASK), gamma=2.0)
    check(found, reference, patches(0), patches(1))
    same = jnp.asarray(patches(0), jnp.float32)
    assert np.isfinite(jax.grad(lambda x: found(x, same).sum())(same)).all()
