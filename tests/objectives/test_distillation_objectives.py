"""Objectives of self-distillation against loops in float64, closed forms and extreme inputs."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_reference import agree, check, is_finite

from jssl.objectives.distillation import cross_view, teacher_targets, update_centre


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def softmax(row) -> np.ndarray:
    powers = [math.exp(value - max(row)) for value in row]
    return np.array(powers) / sum(powers)


def reference_cross_view(scores, targets, temperature) -> np.ndarray:
    losses = []
    for student, teacher in zip(scores, targets, strict=True):
        terms = []
        for g in range(len(teacher)):
            for v in range(len(student)):
                if v != g:
                    log_p = np.log(softmax(student[v] / temperature))
                    terms.append(-sum(t * p for t, p in zip(teacher[g], log_p, strict=True)))
        losses.append(sum(terms) / len(terms))
    return np.array(losses)


@pytest.mark.parametrize(("views", "given"), [(2, 2), (5, 2), (3, 1)])
def test_cross_view(views: int, given: int) -> None:
    targets = np.apply_along_axis(softmax, -1, 3 * random(3, given, 4, seed=1))
    check(
        functools.partial(cross_view, targets=jnp.asarray(targets, jnp.float32), temperature=0.3),
        functools.partial(reference_cross_view, targets=targets, temperature=0.3),
        random(3, views, 4),
    )


def test_cross_view_of_uniform_scores_is_ln_k() -> None:
    targets = jnp.full((2, 2, 8), 1 / 8)
    found = cross_view(jnp.zeros((2, 4, 8)), targets, temperature=0.1)
    np.testing.assert_allclose(found, math.log(8), rtol=1e-6)


def test_cross_view_ignores_a_view_of_itself() -> None:
    targets = jnp.zeros((1, 2, 3)).at[:, 0, 0].set(1.0).at[:, 1, 1].set(1.0)
    swapped = 1e3 * targets[:, ::-1]
    np.testing.assert_allclose(cross_view(swapped, targets, temperature=1.0), 0.0, atol=1e-6)


def test_shapes_that_do_not_agree_are_refused() -> None:
    with pytest.raises(ValueError, match="must be"):
        cross_view(jnp.zeros((2, 1, 4)), jnp.zeros((2, 1, 4)), temperature=1.0)
    with pytest.raises(ValueError, match="centring"):
        teacher_targets(jnp.zeros((2, 4)), temperature=1.0, centring="center")


@pytest.mark.parametrize("value", [0.0, 1e30])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("centring", ["centre", "sinkhorn"])
def test_extreme_scores_stay_finite(value: float, dtype: jnp.dtype, centring: str) -> None:
    def loss(scores: jax.Array) -> jax.Array:
        targets = teacher_targets(
            scores[:, :2], temperature=0.04, centring=centring, centre=jnp.zeros(4)
        )
        return cross_view(scores, targets, temperature=0.1)

    assert is_finite(loss, (value * jnp.asarray(random(3, 4, 4))).astype(dtype))


def test_targets_of_a_centre() -> None:
    scores, centre = random(3, 2, 4), random(4, seed=1)
    expected = np.apply_along_axis(softmax, -1, (scores - centre) / 0.2)
    found = teacher_targets(jnp.asarray(scores), temperature=0.2, centre=jnp.asarray(centre))
    agree(found, expected)


def test_centre_is_a_running_mean_of_what_counts() -> None:
    scores, centre = random(3, 2, 4), random(4, seed=1)
    weights = np.array([[1, 0], [0, 0], [1, 1]])
    rows = [scores[b, g] for b in range(3) for g in range(2)]
    counted = [scores[0, 0], scores[2, 0], scores[2, 1]]
    start = jnp.asarray(centre, jnp.float32)
    found = update_centre(start, jnp.asarray(scores), momentum=0.9)
    agree(found, 0.9 * centre + 0.1 * sum(rows) / 6)
    found = update_centre(start, jnp.asarray(scores), momentum=0.9, weights=jnp.asarray(weights))
    agree(found, 0.9 * centre + 0.1 * sum(counted) / 3)
    found = update_centre(start, jnp.asarray(scores), momentum=0.9, weights=jnp.zeros((3, 2)))
    np.testing.assert_array_equal(found, start)
