"""Spectrum distances against an explicit Fourier sum in float64."""

import cmath
import functools

import jax.numpy as jnp
import numpy as np
import pytest
from objective_reference import check, is_finite

from jssl.objectives.spectrum import spectrum_distance

MASK = np.random.default_rng(9).uniform(size=(2, 3, 4)) < 0.6


def images(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2, 3, 4, 2))


def reference(
    prediction: np.ndarray, target: np.ndarray, mask: np.ndarray, gamma: float
) -> np.ndarray:
    batch, height, width, channels = prediction.shape
    losses = []
    for b in range(batch):
        total = 0.0
        for u, v in np.argwhere(mask[b]):
            for c in range(channels):
                value = 0j
                for y, x in np.ndindex(height, width):
                    turn = cmath.exp(-2j * cmath.pi * (u * y / height + v * x / width))
                    value += (prediction[b, y, x, c] - target[b, y, x, c]) * turn
                total += abs(value / (height * width) ** 0.5) ** gamma
        losses.append(total / channels / mask[b].sum())
    return np.array(losses)


@pytest.mark.parametrize("gamma", [1.0, 2.0])
def test_spectrum_distance_with_gradients(gamma: float) -> None:
    check(
        functools.partial(spectrum_distance, mask=jnp.asarray(MASK), gamma=gamma),
        functools.partial(reference, mask=MASK, gamma=gamma),
        images(0),
        images(1),
    )


def test_parseval() -> None:
    x, y = (jnp.asarray(images(seed), jnp.float32) for seed in (0, 1))
    everything = spectrum_distance(x, y, jnp.ones((2, 3, 4), bool), gamma=2.0)
    np.testing.assert_allclose(everything, jnp.mean(jnp.square(x - y), axis=(1, 2, 3)), rtol=1e-5)


def test_only_the_mean_and_only_one_axis() -> None:
    mask = jnp.zeros((2, 3, 4), bool).at[:, 0, 0].set(True)
    x = jnp.zeros((2, 3, 4, 1))
    np.testing.assert_allclose(spectrum_distance(x + 0.5, x, mask), 0.5 * 12**0.5, rtol=1e-6)
    signal, seen = jnp.zeros((2, 8, 1)), jnp.zeros((2, 8), bool).at[:, 0].set(True)
    np.testing.assert_allclose(spectrum_distance(signal + 1.0, signal, seen), 8**0.5, rtol=1e-6)


def test_equal_images_and_empty_masks() -> None:
    x = jnp.asarray(images(0), jnp.float32)
    for gamma in (0.5, 1.0, 2.0):
        loss = functools.partial(spectrum_distance, mask=jnp.asarray(MASK), gamma=gamma)
        np.testing.assert_array_equal(loss(x, x), 0.0)
        assert is_finite(loss, x, x)
    np.testing.assert_array_equal(spectrum_distance(x, 2 * x, jnp.zeros(MASK.shape, bool)), 0.0)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e30])
def test_extreme_inputs_stay_finite(scale: float, dtype: str) -> None:
    x, y = (jnp.asarray(images(seed) * scale, dtype) for seed in (0, 1))
    assert is_finite(lambda x, y: spectrum_distance(x, y, jnp.asarray(MASK)), x, y)
    assert spectrum_distance(x, y, jnp.asarray(MASK)).dtype == jnp.float32


def test_shapes_are_checked() -> None:
    with pytest.raises(AssertionError, match=r"\(2, 3\)"):
        spectrum_distance(jnp.zeros((2, 3, 4, 1)), jnp.zeros((2, 3, 4, 1)), jnp.zeros((2, 3), bool))
