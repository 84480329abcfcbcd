"""The contrast within a sequence and the use of codebooks, against loops in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_reference import agree, check, is_finite, unit

from jssl.objectives.quantised import other_hidden, sequence_nce, unused_codes

MASK = np.array([[True, False, True, True, True], [False, True, False, False, True]])
DRAW = np.random.default_rng(0).uniform(size=(2, 5, 4))
NEGATIVES, THERE = map(np.asarray, other_hidden(jnp.asarray(DRAW, jnp.float32), MASK))


def test_negatives_are_other_hidden_steps_of_the_same_example() -> None:
    wanted = []
    for b, n in np.ndindex(MASK.shape):
        others = [m for m in range(5) if MASK[b, m] and m != n]
        assert THERE[b, n].all() == THERE[b, n].any() == MASK[b, n]
        if MASK[b, n]:
            wanted.append([others[int(u * len(others))] for u in DRAW[b, n]])
    found, _ = other_hidden(jnp.asarray(DRAW, jnp.float32), MASK)
    agree(np.asarray(found)[MASK], np.array(wanted))
    # The largest draw that float32 has below 1 is no step too far, and one step has no other.
    last, _ = other_hidden(jnp.full((2, 5, 1), np.nextafter(np.float32(1), 0)), MASK)
    np.testing.assert_array_equal(last[:, 4, 0], [3, 1])
    alone = np.arange(5)[None] == 2
    assert not other_hidden(jnp.asarray(DRAW[:1]), alone)[1].any()


def test_a_step_is_found_among_its_negatives() -> None:
    draw = np.random.default_rng(1)
    queries, keys = draw.normal(size=(2, 2, 5, 3))
    allowed = THERE & (draw.uniform(size=THERE.shape) < 0.7)

    def reference(queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
        a, b = unit(queries), unit(keys)
        losses = []
        for i in range(2):
            parts = []
            for n in np.flatnonzero(MASK[i]):
                right = np.exp(a[i, n] @ b[i, n] / 0.3)
                wrong = sum(
                    np.exp(a[i, n] @ b[i, m] / 0.3)
                    for m, counts in zip(NEGATIVES[i, n], allowed[i, n], strict=True)
                    if counts
                )
                parts.append(-np.log(right / (right + wrong)))
            losses.append(np.mean(parts))
        return np.array(losses)

    options = {"negatives": NEGATIVES, "allowed": allowed, "mask": MASK}
    found = functools.partial(sequence_nce, **options, temperature=0.3)
    check(found, reference, queries, keys)
    # No negative, no hidden step: nothing to learn.
    none = functools.partial(found, allowed=np.zeros_like(allowed))
    np.testing.assert_allclose(none(queries, keys), 0.0, atol=1e-6)
    bare = functools.partial(found, mask=np.zeros_like(MASK))
    np.testing.assert_array_equal(bare(queries, keys), 0.0)
    with pytest.raises(AssertionError, match=r"\(2, 4\)"):
        sequence_nce(queries, keys, NEGATIVES, allowed, MASK[:, :4], temperature=1.0)


def test_unused_codes_are_those_that_the_average_choice_leaves() -> None:
    logits = 2 * np.random.default_rng(2).normal(size=(2, 5, 2, 3))

    def reference(logits: np.ndarray) -> np.ndarray:
        shares = []
        for g in range(2):
            mean = np.zeros(3)
            for b, n in zip(*np.nonzero(MASK), strict=True):
                p = np.exp(logits[b, n, g])
                mean += p / p.sum() / MASK.sum()
            perplexity = np.exp(-sum(p * np.log(p) for p in mean))
            shares.append((3 - perplexity) / 3)
        return np.mean(shares)

    check(functools.partial(unused_codes, weights=MASK), reference, logits)
    one = jnp.zeros((2, 5, 2, 3)).at[..., 0].set(1e6)
    np.testing.assert_allclose(unused_codes(one, MASK), 2 / 3, atol=1e-6)
    assert is_finite(functools.partial(unused_codes, weights=MASK), one)
    slope = jax.grad(lambda x: unused_codes(x, np.zeros_like(MASK)))(one)
    np.testing.assert_array_equal(slope, 0.0)
