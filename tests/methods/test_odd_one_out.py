import jax.numpy as jnp
import numpy as np
import pytest

from jssl.encoders.mlp import MLP
from jssl.errors import UserError
from jssl.methods.pretext.odd_one_out import O3N, sum_of_differences


def test_differences_are_summed_over_all_pairs():
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    wanted = np.zeros((2, 3))
    for i in range(5):
        for j in range(i + 1, 5):
            wanted += x[:, j] - x[:, i]
    np.testing.assert_allclose(sum_of_differences(jnp.asarray(x)), wanted, atol=1e-5)
    np.testing.assert_allclose(sum_of_differences(jnp.ones((1, 4, 2))), 0.0, atol=1e-6)


def test_an_unknown_fusion_is_refused():
    with pytest.raises(UserError, match="no fusion is called 'sum'"):
        O3N(fusion="sum").net(MLP(hidden=(4,)))
