"""One set of parameters for tables of different columns; cells that are not there."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.data.cells import cells, word_number
from jssl.data.tables import Columns
from jssl.encoders.cells import CellTransformer
from jssl.errors import UserError

ENCODER = CellTransformer(width=8, depth=2, heads=2, kernel_init="lecun", vocabulary=64)
ONE = Columns(("age", "hours per week", "job"), (None, None, ("clerk", "farm hand")))
OTHER = Columns(("job", "weight", "retired", "town"), (("cook",), None, ("no", "yes"), ("Ulm",)))
ROWS = np.asarray([[0.5, -1.0, 2.0], [1.5, 2.0, 0.0], [0.0, 0.3, 1.0]], np.float32)


def as_input(rows, columns):
    return jax.tree.map(jnp.asarray, cells(np.asarray(rows, np.float32), columns))


@pytest.fixture(scope="module")
def run():
    variables = ENCODER.init(jax.random.key(0), as_input(ROWS, ONE), train=False)
    encode = jax.jit(lambda x: ENCODER.apply(variables, x, train=False))
    return variables, encode


@pytest.mark.rotating
def test_tables_of_different_columns_share_all_parameters(run):
    variables, encode = run
    rows = [[1, 0.2, 2, 1], [0, -1.0, 1, 0]]
    there = jax.eval_shape(
        lambda: ENCODER.init(jax.random.key(1), as_input(rows, OTHER), train=False)
    )
    shapes = jax.tree.map(jnp.shape, variables)
    assert jax.tree.map(jnp.shape, there) == shapes
    pooled = encode(as_input(rows, OTHER)).pooled
    assert pooled.shape == (2, 8) and np.isfinite(pooled).all()
    # The same words and numbers are the same row, whatever the order of the columns.
    order = [2, 0, 1]
    turned = Columns(*(tuple(part[k] for k in order) for part in ONE))
    found = encode(as_input(ROWS[:, order], turned)).pooled
    np.testing.assert_allclose(found, encode(as_input(ROWS, ONE)).pooled, atol=2e-6)


def test_cells_that_are_not_there_change_no_number(run):
    _, encode = run
    x = as_input(ROWS, ONE)
    before = encode(x)
    fill = {"column": 0, "number": True, "value": 9.0, "words": 5}

    def padded(name, part):
        part = jnp.pad(part, ((0, 0), (2, 3), *((0, 0),) * (part.ndim - 2)))
        new = jnp.zeros(part.shape[1], bool).at[jnp.asarray([0, 1, -3, -2, -1])].set(True)
        return jnp.where(new.reshape(-1, *(1,) * (part.ndim - 2)), fill[name], part)

    after = encode({name: padded(name, part) for name, part in x.items()})
    np.testing.assert_allclose(after.pooled, before.pooled, atol=2e-6)
    np.testing.assert_allclose(after.tokens[:, 2:-3], before.tokens, atol=2e-6)
    assert not np.any(after.tokens[:, :2])
    # A column that is taken out is as if the table had never had it.
    gone = {**x, "column": jnp.where(x["column"] == 2, 0, x["column"])}
    fewer = Columns(*(part[:1] + part[2:] for part in ONE))
    wanted = encode(as_input(ROWS[:, [0, 2]], fewer)).pooled
    np.testing.assert_allclose(encode(gone).pooled, wanted, atol=2e-6)
    assert np.abs(wanted - before.pooled).max() > 1e-2


def test_a_number_is_the_mean_of_its_columns_words_times_the_number(run):
    variables, encode = run
    params = jax.tree.map(np.asarray, variables["params"])
    x = as_input(ROWS, ONE)
    embedding = np.asarray(encode(x).extras["embedding"])[:, 1:]  # after the class token

    def word(name):
        row = params["words"][word_number(name) % 63 + 1]
        row = (row - row.mean()) / np.sqrt(row.var() + 1e-6)
        return row * params["word_norm"]["scale"] + params["word_norm"]["bias"]

    mean = (word("hours") + word("per") + word("week")) / 3
    wanted = (mean * -1.0 + params["number_bias"]) @ params["align"]["kernel"]
    np.testing.assert_allclose(embedding[0, 1], wanted, atol=1e-4)
    for place, name in enumerate(("job", "farm", "hand")):
        wanted = word(name) @ params["align"]["kernel"]
        np.testing.assert_allclose(embedding[0, 2 + place], wanted, atol=1e-4)
    with pytest.raises(UserError, match="takes rows as cells"):
        ENCODER.patches(ROWS)
