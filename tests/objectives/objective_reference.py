"""Checks that the tests of all objectives share, and a record of what they found.

`results/objectives.py` runs these tests and makes the table of deviations from the record.
"""

import os
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

FOUND: list[dict[str, str | float]] = []
"""For each comparison: test, and its largest deviations, relative to the largest entry."""


def agree(found: np.ndarray, expected: np.ndarray, *, tolerance: float = 2e-5) -> None:
    """Compares a float32 result without gradients with a float64 reference.

    Args:
      found: what the objective gave.
      expected: what it should give.
      tolerance: largest deviation, relative to the largest entry of `expected`.
    """
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert found.shape == expected.shape
    deviation = _deviation(found, expected)
    _note(value=deviation)
    assert deviation <= tolerance


def _note(**deviations: float) -> None:
    test = os.environ["PYTEST_CURRENT_TEST"].split(" ")[0]
    FOUND.append({"test": test, **deviations})


def _deviation(found: np.ndarray, expected: np.ndarray) -> float:
    scale = max(float(np.abs(expected).max()), 1e-8)
    return float(np.abs(np.asarray(found, np.float64) - expected).max()) / scale


def check(
    function: Callable, reference: Callable, *arrays: np.ndarray, rtol: float = 2e-5
) -> np.ndarray:
    """Compares a float32 objective with a float64 NumPy one, value and gradients.

    The gradients are those of the mean; the reference's are central differences in float64.

    Args:
      function: float32 arrays -> float32 array.
      reference: float64 arrays -> float64 array.
      *arrays: the inputs to differentiate.
      rtol: tolerance, relative to the largest entry of what is compared.

    Returns:
      The reference's value.
    """
    arrays = tuple(np.asarray(a, np.float64) for a in arrays)
    inputs = [jnp.asarray(a, jnp.float32) for a in arrays]
    value, expected = function(*inputs), np.asarray(reference(*arrays))
    assert value.dtype == jnp.float32
    assert value.shape == expected.shape
    np.testing.assert_allclose(value, expected, rtol=rtol, atol=rtol * np.abs(expected).max())
    gradients = jax.grad(lambda *x: jnp.mean(function(*x)), argnums=tuple(range(len(inputs))))(
        *inputs
    )
    step, worst = 1e-5, 0.0
    for position, array in enumerate(arrays):
        difference = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            ends = []
            for sign in (1, -1):
                moved = array.copy()
                moved[index] += sign * step
                ends.append(np.mean(reference(*arrays[:position], moved, *arrays[position + 1 :])))
            difference[index] = (ends[0] - ends[1]) / (2 * step)
        scale = max(np.abs(difference).max(), 1e-8)
        worst = max(worst, _deviation(gradients[position], difference))
        np.testing.assert_allclose(gradients[position], difference, atol=2e-5 * scale, rtol=1e-4)
    _note(value=_deviation(value, expected), gradient=worst)
    return expected


def is_finite(function: Callable, *arrays: jax.Array) -> bool:
    """Whether the mean of an objective and its gradients hold no NaN and no infinity."""
    differentiate = jax.value_and_grad(
        lambda *x: jnp.mean(function(*x)), argnums=tuple(range(len(arrays)))
    )
    value, gradients = jax.jit(differentiate)(*arrays)
    return all(bool(np.all(np.isfinite(np.asarray(x, np.float32)))) for x in (value, *gradients))


def unit(x: np.ndarray) -> np.ndarray:
    """Rows of unit length, one at a time."""
    rows = [
        row / np.sqrt(sum(value * value for value in row)) for row in x.reshape(-1, x.shape[-1])
    ]
    return np.array(rows).reshape(x.shape)
