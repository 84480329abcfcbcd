from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.augmentations.tables import corrupt_columns, partition_columns, subset_mask
from jssl.encoders.table import TableTransformer
from jssl.errors import UserError

ENCODER = TableTransformer(
    width=8, depth=1, heads=2, registers=1, categories=(0, 3, 0, 4), kernel_init="lecun"
)
X = jnp.asarray([[0.5, 2.0, -1.0, 3.0], [1.5, 0.0, 2.0, 1.0]])


@pytest.fixture(scope="module")
def variables():
    return ENCODER.init(jax.random.key(1), X, mask=jnp.zeros((2, 4), bool), train=False)


def test_a_column_is_embedded_in_its_own_terms():
    shallow = ENCODER.clone(registers=0)
    params = dict(shallow.init(jax.random.key(1), X, train=False)["params"])
    # With a block of zeros, which adds nothing, the embedding and the final norm are left.
    blocks = dict(params["transformer"])
    blocks["block0"] = jax.tree.map(jnp.zeros_like, blocks["block0"])
    params["transformer"] = blocks
    features = shallow.apply({"params": params}, X, train=False)
    params = jax.tree.map(np.asarray, params)
    for column, value in (
        (0, 0.5 * params["scale"][0]),
        (1, params["table"][2]),
        (3, params["table"][3 + 3]),
    ):
        wanted = value + params["columns"][column]
        wanted = (wanted - wanted.mean()) / wanted.std()
        np.testing.assert_allclose(features.tokens[0, column], wanted, atol=1e-4)
    with pytest.raises(UserError, match="rows of 4 columns"):
        ENCODER.patches(X[:, :3])


def test_dropped_columns_are_not_seen_and_masked_ones_keep_their_name(variables):
    keep = jnp.asarray([[0, 3], [1, 2]])
    run = jax.jit(lambda x: ENCODER.apply(variables, x, keep=keep, train=False))
    other = X.at[0, 1].set(0.0).at[0, 2].set(9.0)
    np.testing.assert_array_equal(run(X).pooled[0], run(other).pooled[0])
    assert run(X).extras["registers"].shape == (2, 1, 8)
    mask = jnp.ones((2, 4), bool)
    hidden = ENCODER.apply(variables, X, mask=mask, train=False).tokens
    np.testing.assert_allclose(hidden[0], hidden[1], atol=1e-6)
    assert not np.allclose(hidden[0, 0], hidden[0, 2], atol=1e-3)


def test_corrupted_columns_come_from_the_batch():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(32, 5)), jnp.float32)
    views = {"a": x, "b": x, "mask": None}
    found = corrupt_columns(jax.random.key(0), views, names=("b",), rate=0.6)
    assert found["a"] is x
    changed = np.asarray(found["b"] != x)
    assert changed.sum(1).max() <= 3 and changed.mean() > 0.45
    for column in range(5):
        assert set(np.asarray(found["b"][:, column])) <= set(np.asarray(x[:, column]))
    with pytest.raises(UserError, match="no view 'c'"):
        corrupt_columns(jax.random.key(0), views, names=("c",))


@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_groups_of_columns_are_the_same_for_all_rows(overlap):
    column = np.asarray([[1, 1, 2, 3, 4, 5, 6, 7], [1, 0, 2, 3, 4, 5, 6, 0]])
    row = {"column": jnp.asarray(np.stack([column] * 3, axis=1)), "value": jnp.ones((2, 3, 8))}
    cut = partial(partition_columns, columns=7, overlap=overlap)
    found = cut(jax.random.key(0), {"views": row})["views"]
    np.testing.assert_array_equal(found["value"], row["value"])
    # Seven columns are 3 + 2 + 2; half of three is two more: of the next, of the last before it.
    wanted = [{1, 2, 3}, {4, 5}, {6, 7}]
    if overlap:
        wanted = [{1, 2, 3, 4, 5}, {4, 5, 6, 7}, {4, 5, 6, 7}]
    for part, group in enumerate(wanted):
        expected = np.where(np.isin(column, list(group)), column, 0)
        np.testing.assert_array_equal(found["column"][:, part], expected)
    mixed = np.asarray(cut(jax.random.key(0), {"views": row}, shuffle=True)["views"]["column"])
    sizes = [{len(set(rows[part]) - {0}) for part in range(3)} for rows in mixed[:1]]
    assert sizes == [{len(group) for group in wanted}]
    assert not np.array_equal(mixed, found["column"])
    here = column[0] == column[1]
    np.testing.assert_array_equal(mixed[0][:, here], mixed[1][:, here])
    with pytest.raises(UserError, match="2 columns do not make 3 groups"):
        partition_columns(jax.random.key(0), {"views": row}, columns=2)
    with pytest.raises(UserError, match="no view 'parts'"):
        partition_columns(jax.random.key(0), {"views": row}, columns=7, name="parts")


def test_subsets_are_apart_from_the_context():
    found = subset_mask(jax.random.key(0), tokens=10, context=0.4, target=0.3, targets=3)
    keep, targets = np.asarray(found["keep"]), np.asarray(found["targets"])
    assert keep.shape == (4,) and targets.shape == (3, 3)
    assert not set(keep) & set(targets.reshape(-1))
    assert all(len(set(row)) == 3 for row in targets)
    np.testing.assert_array_equal(np.flatnonzero(~np.asarray(found["mask"])), keep)
    with pytest.raises(UserError, match="do not fit"):
        subset_mask(jax.random.key(0), tokens=4, context=0.9, target=0.5)
