"""Minimum spanning trees against Kruskal's algorithm and SciPy's, and closed forms."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_reference import agree, check, is_finite

from jssl.objectives.spanning import spanning_tree, sphere_distance, tree_length


def reference_length(x: np.ndarray) -> np.ndarray:
    """Kruskal's algorithm: the shortest edges that join two parts."""
    count = len(x)
    pairs = [(i, j) for i in range(count) for j in range(i)]
    edges = sorted((math.sqrt(sum((x[i] - x[j]) ** 2)), i, j) for i, j in pairs)
    part = list(range(count))
    total = 0.0
    for length, i, j in edges:
        if part[i] != part[j]:
            part = [part[i] if p == part[j] else p for p in part]
            total += length
    return np.array(total)


@pytest.mark.parametrize("seed", range(3))
def test_tree_length(seed: int) -> None:
    check(tree_length, reference_length, np.random.default_rng(seed).normal(size=(7, 3)))


def test_tree_of_many_points_equals_scipys() -> None:
    from scipy.sparse.csgraph import minimum_spanning_tree
    from scipy.spatial.distance import cdist

    x = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
    expected = minimum_spanning_tree(cdist(x.astype(np.float64), x.astype(np.float64)))
    agree(jax.jit(tree_length)(x), expected.sum())
    child, parent = jax.jit(spanning_tree)(cdist(x, x))
    got = {frozenset(edge) for edge in zip(child.tolist(), parent.tolist(), strict=True)}
    rows, columns = (index.tolist() for index in expected.nonzero())
    assert got == {frozenset(edge) for edge in zip(rows, columns, strict=True)}


def test_closed_forms() -> None:
    line = jnp.array([[0.0], [3.0], [1.0], [7.0]])
    assert float(tree_length(line)) == pytest.approx(7.0)
    assert float(tree_length(jnp.eye(5))) == pytest.approx(4 * math.sqrt(2))
    assert float(tree_length(jnp.ones((4, 3)))) == 0.0
    np.testing.assert_allclose(sphere_distance(3.0 * jnp.eye(3)), 4.0, rtol=1e-6)
    np.testing.assert_allclose(sphere_distance(jnp.zeros((2, 3))), 1.0)


def test_sphere_distance() -> None:
    def reference(x: np.ndarray) -> np.ndarray:
        return np.array([(math.sqrt(sum(row**2)) - 1) ** 2 for row in x])

    check(sphere_distance, reference, np.random.default_rng(1).normal(size=(4, 3)))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e30])
def test_extreme_inputs_stay_finite(scale: float, dtype: str) -> None:
    x = jnp.asarray(np.random.default_rng(2).normal(size=(6, 3)) * scale, dtype)
    assert is_finite(tree_length, x)
    assert is_finite(sphere_distance, x)
    assert tree_length(x).dtype == jnp.float32
