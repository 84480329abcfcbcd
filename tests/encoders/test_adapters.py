"""A network of Flax NNX is trained and evaluated as an encoder."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jssl.encoders import Features, NNXEncoder
from jssl.errors import UserError
from jssl.methods import SimCLR
from jssl.training.bound import bind

KEY = jax.random.key(0)
X = jnp.asarray(np.random.default_rng(0).normal(size=(6, 4)), jnp.float32)


class Net(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        self.layers = nnx.List([nnx.Linear(4, 8, rngs=rngs), nnx.Linear(8, 5, rngs=rngs)])
        self.norm = nnx.BatchNorm(8, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.layers[1](self.dropout(self.norm(self.layers[0](x))))


class Counting(Net):
    def __init__(self, rngs: nnx.Rngs) -> None:
        super().__init__(rngs)
        self.calls = nnx.Variable(jnp.zeros(()))


class Images(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        self.linear = nnx.Linear(4, 3, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.linear(x)[:, None]


class Tokens(Images):
    def __call__(self, x: jax.Array) -> Features:
        tokens = self.linear(x)[:, None]
        return Features(pooled=tokens[:, 0], tokens=tokens)


def test_evaluation_is_that_of_the_network():
    variables = NNXEncoder(Net).init(KEY, X, train=False)
    shapes = jax.tree.map(jnp.shape, variables)
    assert shapes["params"]["network"]["layers"]["1"] == {"kernel": (8, 5), "bias": (5,)}
    assert shapes["batch_stats"]["network"] == {"norm": {"mean": (8,), "var": (8,)}}
    own = Net(nnx.Rngs(1))
    own.eval()
    for layer, values in zip((0, 1), "01", strict=True):
        own.layers[layer].kernel[...] = variables["params"]["network"]["layers"][values]["kernel"]
        own.layers[layer].bias[...] = variables["params"]["network"]["layers"][values]["bias"]
    found = NNXEncoder(Net).apply(variables, X, train=False)
    np.testing.assert_array_equal(found.pooled, own(X))
    assert found.tokens is None


def test_a_method_trains_it():
    views = {"a": X, "b": X[::-1]}
    bound = bind(SimCLR(hidden=(8,), out=4), NNXEncoder(Net), views)
    found = bound.loss_and_gradients(views)
    network = found.gradients["encoder"]["network"]
    assert all(
        np.any(np.asarray(g) != 0) for g in jax.tree.leaves(network["layers"]["1"]["kernel"])
    )
    mean = lambda stats: np.asarray(stats["batch_stats"]["encoder"]["network"]["norm"]["mean"])  # noqa: E731
    assert np.any(mean(found.batch_stats) != mean(bound.batch_stats))
    again = bound.loss_and_gradients(views)
    assert float(again.loss) == float(found.loss)
    other = bound.replace(step=bound.step + 1).loss_and_gradients(views)
    assert float(other.loss) != float(found.loss)  # dropout draws from the key of the step


def test_tokens_of_the_network_are_kept():
    features, _ = NNXEncoder(Tokens).init_with_output(KEY, X, train=False)
    assert features.tokens.shape == (6, 1, 3)


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        (Counting, {}, "calls is of the kind Variable"),
        (Images, {}, r"returns an array \[B, D\] or Features, not \(6, 1, 3\)"),
        (Net, {"keep": jnp.zeros((6, 1), int)}, "NNXEncoder has no tokens to keep"),
    ],
)
def test_what_it_cannot_take_is_named(network, options, message):
    with pytest.raises(UserError, match=message):
        NNXEncoder(network).init(KEY, X, train=False, **options)
