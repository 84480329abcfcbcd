"""InfoNCE against a queue, nearest neighbours, and the queue itself."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_reference import agree, check, is_finite, unit

from jssl.methods.queue import new_queue, push
from jssl.objectives.contrastive import nearest, queue_nce


def embeddings(rows: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, width))


def reference_queue_nce(queries, keys, negatives, temperature) -> np.ndarray:
    queries, keys, negatives = unit(queries), unit(keys), unit(negatives)
    losses = []
    for query, key in zip(queries, keys, strict=True):
        positive = math.exp(query @ key / temperature)
        others = sum(math.exp(query @ row / temperature) for row in negatives)
        losses.append(-math.log(positive / (positive + others)))
    return np.array(losses)


def test_queue_nce() -> None:
    check(
        functools.partial(queue_nce, temperature=0.2),
        functools.partial(reference_queue_nce, temperature=0.2),
        embeddings(3, 4),
        embeddings(3, 4, seed=1),
        embeddings(5, 4, seed=2),
    )


def test_queue_nce_of_equal_embeddings_is_ln_k_plus_1() -> None:
    loss = queue_nce(jnp.ones((2, 4)), jnp.ones((2, 4)), jnp.ones((9, 4)), temperature=0.1)
    np.testing.assert_allclose(loss, math.log(10), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e30])
def test_extreme_inputs_stay_finite(scale: float, dtype: str) -> None:
    parts = [jnp.asarray(embeddings(4, 3, seed) * scale, dtype) for seed in range(3)]
    assert is_finite(functools.partial(queue_nce, temperature=0.1), *parts)
    assert queue_nce(*parts, temperature=0.1).dtype == jnp.float32


def test_nearest_is_the_row_of_largest_cosine_and_passes_no_gradient() -> None:
    queries, rows = embeddings(6, 3), embeddings(9, 3, seed=1)
    expected = []
    for query in unit(queries):
        cosines = [float(query @ row) for row in unit(rows)]
        expected.append(unit(rows)[cosines.index(max(cosines))])
    q, r = jnp.asarray(queries, jnp.float32), jnp.asarray(rows, jnp.float32)
    agree(nearest(q, r), expected)
    gradients = jax.grad(lambda q, r: jnp.sum(nearest(q, r)), argnums=(0, 1))(q, r)
    assert not any(np.any(g) for g in gradients)


def test_queue_replaces_the_oldest_rows() -> None:
    queue = new_queue(jax.random.key(0), 5, 2)
    np.testing.assert_allclose(jnp.linalg.norm(queue["rows"], axis=1), 1.0, rtol=1e-6)
    expected = [row.tolist() for row in np.asarray(queue["rows"])]
    step = jax.jit(push)
    for i in range(6):
        rows = np.full((2, 2), float(i)) + np.array([[0.0], [0.5]])
        queue = step(queue, jnp.asarray(rows))
        expected = expected[2:] + rows.tolist()
        order = (int(queue["next"]) + np.arange(5)) % 5  # from the oldest to the newest
        np.testing.assert_allclose(np.asarray(queue["rows"])[order], expected)
        assert int(queue["pushed"]) == min(2 * (i + 1), 5)


def test_more_rows_than_the_queue_holds_leave_the_last() -> None:
    queue = push(new_queue(jax.random.key(0), 3, 1), jnp.arange(7.0)[:, None])
    assert sorted(np.asarray(queue["rows"])[:, 0].tolist()) == [4.0, 5.0, 6.0]


def test_no_gradient_reaches_what_is_pushed() -> None:
    queue = new_queue(jax.random.key(0), 4, 2)
    gradient = jax.grad(lambda rows: jnp.sum(push(queue, rows)["rows"]))(jnp.ones((2, 2)))
    assert not np.any(gradient)
