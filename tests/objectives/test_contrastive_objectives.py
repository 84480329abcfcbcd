"""InfoNCE and NT-Xent against loops in float64, closed forms and extreme inputs."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_reference import check, is_finite, unit

from jssl.objectives.contrastive import (
    info_nce,
    multiview_nce,
    nt_xent,
    paired_nce,
    paired_sigmoid,
)


def embeddings(rows: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, width))


def reference_info_nce(queries, keys, *, weights, temperature, candidates=None) -> np.ndarray:
    queries, keys = unit(queries), unit(keys)
    losses = []
    for i, query in enumerate(queries):
        similarity = [float(query @ key) / temperature for key in keys]
        allowed = [k for k in range(len(keys)) if candidates is None or candidates[i, k]]
        normalizer = math.log(sum(math.exp(similarity[k]) for k in allowed))
        total = sum(weights[i])
        terms = [weights[i, j] / total * (similarity[j] - normalizer) for j in range(len(keys))]
        losses.append(-sum(terms))
    return np.array(losses)


def reference_nt_xent(a, b, temperature) -> np.ndarray:
    both = unit(np.concatenate([a, b]))
    count = len(a)
    losses = []
    for i in range(2 * count):
        positive = (i + count) % (2 * count)
        terms = [math.exp(both[i] @ both[k] / temperature) for k in range(2 * count) if k != i]
        losses.append(math.log(sum(terms)) - both[i] @ both[positive] / temperature)
    return np.array([(losses[i] + losses[i + count]) / 2 for i in range(count)])


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_info_nce_with_one_positive(temperature: float) -> None:
    index = np.array([2, 0, 4, 4])
    check(
        lambda q, k: info_nce(q, k, positives=jnp.asarray(index), temperature=temperature),
        functools.partial(reference_info_nce, weights=np.eye(5)[index], temperature=temperature),
        embeddings(4, 3),
        embeddings(5, 3, seed=1),
    )


def test_info_nce_with_several_positives_among_candidates() -> None:
    rng = np.random.default_rng(2)
    candidates = rng.random((4, 6)) < 0.7
    candidates[:, 0] = True
    positives = candidates & (rng.random((4, 6)) < 0.5)
    positives[:, 0] = True
    check(
        lambda q, k: info_nce(
            q, k, positives=jnp.asarray(positives), temperature=0.3, candidates=candidates
        ),
        functools.partial(
            reference_info_nce, weights=positives * 1.0, temperature=0.3, candidates=candidates
        ),
        embeddings(4, 3),
        embeddings(6, 3, seed=1),
    )


def test_info_nce_with_soft_targets() -> None:
    weights = np.random.default_rng(3).random((4, 5)) * 7.0
    check(
        lambda q, k: info_nce(q, k, positives=jnp.asarray(weights), temperature=0.5),
        functools.partial(reference_info_nce, weights=weights, temperature=0.5),
        embeddings(4, 3),
        embeddings(5, 3, seed=1),
    )


def test_info_nce_of_a_query_without_positive_is_zero() -> None:
    queries, keys = jnp.asarray(embeddings(2, 3)), jnp.asarray(embeddings(4, 3, seed=1))
    positives = jnp.array([[0, 0, 0, 0], [0, 1, 0, 0]])

    def loss(queries: jax.Array) -> jax.Array:
        return info_nce(queries, keys, positives=positives, temperature=0.2)

    assert loss(queries)[0] == 0.0
    assert loss(queries)[1] > 0.0
    gradient = jax.grad(lambda q: jnp.sum(loss(q)))(queries)
    assert not np.any(gradient[0])
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_nt_xent(temperature: float) -> None:
    check(
        lambda a, b: nt_xent(a, b, temperature=temperature),
        functools.partial(reference_nt_xent, temperature=temperature),
        embeddings(5, 4),
        embeddings(5, 4, seed=1),
    )


def reference_multiview_nce(views, *, temperature, labels) -> np.ndarray:
    batch, count, _ = views.shape
    views = unit(views)
    losses = np.zeros(batch)
    for i in range(batch):
        for v in range(count):
            keys = [(j, w) for j in range(batch) for w in range(count) if (j, w) != (i, v)]
            terms = [math.exp(views[i, v] @ views[j, w] / temperature) for j, w in keys]
            same = [k for k, (j, _) in enumerate(keys) if labels[j] == labels[i]]
            found = [-math.log(terms[k] / sum(terms)) for k in same]
            losses[i] += sum(found) / len(found) / count
    return losses


@pytest.mark.parametrize("labels", [None, [0, 1, 1, 0]])
def test_multiview_nce(labels: list[int] | None) -> None:
    known = None if labels is None else jnp.asarray(labels)
    check(
        lambda x: multiview_nce(x, temperature=0.4, labels=known),
        functools.partial(reference_multiview_nce, temperature=0.4, labels=labels or [0, 1, 2, 3]),
        embeddings(4 * 3, 3).reshape(4, 3, 3),
    )


def test_multiview_nce_of_two_views_is_nt_xent() -> None:
    a, b = (jnp.asarray(embeddings(5, 3, seed), jnp.float32) for seed in (0, 1))
    found = multiview_nce(jnp.stack([a, b], axis=1), temperature=0.3)
    np.testing.assert_allclose(found, nt_xent(a, b, temperature=0.3), rtol=1e-5)
    with pytest.raises(AssertionError, match="'2' on axis '1'"):
        multiview_nce(a[:, None], temperature=0.3)


def test_nt_xent_of_equal_embeddings_is_ln_2b_minus_1() -> None:
    for batch in (2, 32):
        same = jnp.ones((batch, 8))
        loss = nt_xent(same, same, temperature=0.1)
        np.testing.assert_allclose(loss, math.log(2 * batch - 1), rtol=1e-6)


def test_nt_xent_of_random_embeddings_is_about_ln_2b_minus_1() -> None:
    a, b = (jnp.asarray(embeddings(256, 512, seed), jnp.float32) for seed in (0, 1))
    assert float(jnp.mean(nt_xent(a, b, temperature=1.0))) == pytest.approx(math.log(511), rel=1e-3)


def test_nt_xent_of_orthogonal_pairs() -> None:
    pairs = jnp.eye(8)
    expected = math.log(1 + 14 * math.exp(-2.0))  # T = 0.5: positive at 2, fourteen others at 0
    np.testing.assert_allclose(nt_xent(pairs, pairs, temperature=0.5), expected, rtol=1e-6)


def test_nt_xent_is_blind_to_length_order_and_side() -> None:
    a, b = (jnp.asarray(embeddings(6, 4, seed), jnp.float32) for seed in (0, 1))
    loss = nt_xent(a, b, temperature=0.2)
    np.testing.assert_allclose(nt_xent(17.0 * a, b * 0.03, temperature=0.2), loss, rtol=1e-5)
    np.testing.assert_allclose(nt_xent(b, a, temperature=0.2), loss, rtol=1e-5)
    order = jnp.array([3, 1, 0, 5, 4, 2])
    np.testing.assert_allclose(nt_xent(a[order], b[order], temperature=0.2), loss[order], rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("temperature", [1e-6, 0.1, 1e6])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e30])
def test_extreme_inputs_stay_finite(scale: float, temperature: float, dtype: str) -> None:
    # The smallest scale meets the smallest temperature with a true gradient beyond float32.
    if scale == 1e-30 and temperature == 1e-6:
        temperature = 1e-3
    a, b = (jnp.asarray(embeddings(4, 3, seed) * scale, dtype) for seed in (0, 1))
    loss = functools.partial(nt_xent, temperature=temperature)
    # Equal and opposite vectors, which is as far as similarities go, beside random ones.
    assert is_finite(lambda a, b: loss(a, b) + loss(a, a) + loss(a, -a), a, b)


def test_bfloat16_embeddings_give_a_float32_loss() -> None:
    a, b = (jnp.asarray(embeddings(4, 8, seed), jnp.bfloat16) for seed in (0, 1))
    loss = nt_xent(a, b, temperature=0.1)
    assert loss.dtype == jnp.float32
    wide = reference_nt_xent(np.asarray(a, np.float64), np.asarray(b, np.float64), 0.1)
    np.testing.assert_allclose(loss, wide, rtol=1e-5)


def test_shapes_are_checked() -> None:
    with pytest.raises(AssertionError, match=r"\(4, 3\), \(4, 2\)"):
        nt_xent(jnp.zeros((4, 3)), jnp.zeros((4, 2)), temperature=1.0)
    with pytest.raises(AssertionError, match="'3' on axis '1'"):
        index = jnp.zeros(4, int)
        info_nce(jnp.zeros((4, 3)), jnp.zeros((5, 2)), positives=index, temperature=1.0)


def test_nt_xent_in_blocks_is_nt_xent() -> None:
    """Values and gradients of any block, also one that does not divide the rows."""
    a, b = (jax.random.normal(jax.random.key(i), (24, 5)) for i in range(2))
    weight = jnp.arange(24.0)

    def total(block: int):
        return jax.jit(
            jax.value_and_grad(
                lambda a, b: jnp.vdot(weight, nt_xent(a, b, temperature=0.3, block=block)), (0, 1)
            )
        )

    value, gradients = total(48)(a, b)
    other, others = total(7)(a, b)
    np.testing.assert_allclose(other, value, rtol=1e-6)
    for x, y in zip(others, gradients, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)
    shapes = str(jax.make_jaxpr(total(7))(a, b))
    assert "f32[6,48]" in shapes
    assert "f32[48,48]" not in shapes


def reference_paired_nce(a, b, scale) -> np.ndarray:
    a, b = unit(a), unit(b)
    losses = []
    for i in range(len(a)):
        there = math.log(sum(math.exp(scale * (a[i] @ b[k])) for k in range(len(b))))
        back = math.log(sum(math.exp(scale * (a[k] @ b[i])) for k in range(len(a))))
        losses.append((there + back) / 2 - scale * (a[i] @ b[i]))
    return np.array(losses)


def reference_paired_sigmoid(a, b, scale, bias) -> np.ndarray:
    a, b = unit(a), unit(b)
    losses = []
    for i in range(len(a)):
        signs = [1.0 if i == j else -1.0 for j in range(len(b))]
        terms = [math.exp(-s * (scale * (a[i] @ b[j]) + bias)) for j, s in enumerate(signs)]
        losses.append(sum(math.log(1.0 + t) for t in terms))
    return np.array(losses)


def test_pairs_find_each_other_and_the_scale_learns() -> None:
    pair = embeddings(5, 3), embeddings(5, 3, seed=1)
    check(lambda a, b, t: paired_nce(a, b, scale=t), reference_paired_nce, *pair, np.array(7.0))
    check(
        lambda a, b, t, c: paired_sigmoid(a, b, scale=t, bias=c),
        reference_paired_sigmoid,
        *pair,
        np.array(7.0),
        np.array(-3.0),
    )
    with pytest.raises(AssertionError, match="different shapes"):
        paired_nce(jnp.ones((3, 2)), jnp.ones((2, 2)), scale=1.0)
