"""What is drawn for an example does not depend on the micro-batch it is in."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.nn import rows
from jssl.nn.drop import drop_path


def test_micro_batches_draw_what_the_whole_batch_draws() -> None:
    key, examples, views = jax.random.key(0), 6, 2
    whole = rows.draw(key, examples * views, lambda key: jax.random.normal(key, (3,)))
    assert whole.shape == (12, 3)
    assert len(np.unique(np.asarray(whole))) == whole.size
    for count in (2, 3):

        @jax.jit
        def piece(index, count=count):
            with rows.part(index, count, examples // count):
                found = rows.draw(
                    key, examples // count * views, lambda key: jax.random.normal(key, (3,))
                )
                return found, drop_path(key, jnp.ones((examples // count, 1)), 0.5)

        for index in range(count):
            found, dropped = piece(index)
            mine = np.arange(index, examples, count)
            expected = np.asarray(whole).reshape(examples, views, 3)[mine].reshape(-1, 3)
            np.testing.assert_array_equal(found, expected)
            np.testing.assert_array_equal(
                dropped, drop_path(key, jnp.ones((examples, 1)), 0.5)[mine]
            )


def test_rows_are_shared_evenly() -> None:
    with rows.part(0, 2, 4), pytest.raises(ValueError, match="shared evenly"):
        rows.example_ids(6)
    np.testing.assert_array_equal(rows.example_ids(3), [0, 1, 2])
