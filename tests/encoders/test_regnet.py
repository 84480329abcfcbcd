"""RegNetY: sizes against the published ones, and its loop against its blocks."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.encoders.regnet import DESIGNS, Design, RegNet
from jssl.errors import UserError

# Parameters of torchvision's models of these names, less those of their classifiers.
PUBLISHED = {
    "400MF": 4_344_144 - 441_000,
    "8GF": 39_381_472 - 2017 * 1000,
    "16GF": 83_590_140 - 3025 * 1000,
    "32GF": 145_046_770 - 3713 * 1000,
    "128GF": 644_812_894 - 7393 * 1000,
}


def parameters(variant: str) -> int:
    model = RegNet(variant, scan=True)
    x = jnp.zeros((1, 32, 32, 3))
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), x, train=False))
    return sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))


@pytest.mark.rotating
@pytest.mark.parametrize("variant", PUBLISHED)
def test_the_sizes_are_the_published_ones(variant: str) -> None:
    assert parameters(variant) == PUBLISHED[variant]


@pytest.mark.rotating
def test_the_largest_has_ten_billion() -> None:
    """The papers count the heads as well; the last width of the largest, 28280, is its own."""
    assert parameters("256GF") == pytest.approx(1.3e9, rel=0.03)
    assert parameters("10B") == pytest.approx(10e9, rel=0.08)
    assert DESIGNS["10B"].stages[-1][0] == 28280
    assert parameters("10B_1024") == pytest.approx(parameters("10B"), rel=0.04)
    assert all(width % 1024 == 0 for width, _, _ in DESIGNS["10B_1024"].stages)


@pytest.mark.rotating
def test_a_loop_over_blocks_is_the_blocks() -> None:
    x = jax.random.normal(jax.random.key(1), (2, 16, 16, 3))
    plain = RegNet(design=Design(3, 8, 1.0, 2.5, 8))
    assert plain.design.stages == ((8, 3, 8),)
    looped = plain.clone(scan=True, remat="full")
    variables = jax.jit(lambda: looped.init(jax.random.key(0), x, train=True))()

    @functools.partial(jax.jit, static_argnums=0)
    def run(model, variables):
        return model.apply(variables, x, train=True, mutable="batch_stats")

    def unstack(tree: dict) -> dict:
        found = {}
        for name, value in tree.items():
            if not name.endswith("blocks"):
                found[name] = value
                continue
            count = len(jax.tree.leaves(value)[0])
            for i in range(count):
                part = jax.tree.map(lambda leaf, i=i: leaf[i], value)
                found[f"{name.removesuffix('s')}{i + 1}"] = part
        return found

    flat = {name: unstack(tree) for name, tree in variables.items()}
    assert set(flat["params"]) != set(variables["params"])
    got, moved = run(looped, variables)
    want, plain_moved = run(plain, flat)
    np.testing.assert_allclose(got.pooled, want.pooled, rtol=1e-4, atol=1e-5)
    expected = unstack(moved["batch_stats"])
    for path, leaf in jax.tree_util.tree_leaves_with_path(plain_moved["batch_stats"]):
        other = expected
        for key in path:
            other = other[key.key]
        np.testing.assert_allclose(leaf, other, rtol=1e-4, atol=1e-5)


def test_unknown_names_are_refused() -> None:
    x = jnp.zeros((1, 32, 32, 3))
    for model, sentence in (
        (RegNet("12GF"), "no RegNet is called '12GF'"),
        (RegNet("8GF", remat="dots"), "no remat policy of a RegNet is called 'dots'"),
    ):
        with pytest.raises(UserError, match=sentence):
            jax.eval_shape(lambda model=model: model.init(jax.random.key(0), x, train=False))
