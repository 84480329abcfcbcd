import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.encoders import MLP, ResNet
from jssl.encoders.resnet import ResidualBlock
from jssl.errors import UserError


def _count(encoder, shape):
    make = lambda: encoder.init(jax.random.key(0), jnp.zeros(shape), train=True)  # noqa: E731
    return sum(p.size for p in jax.tree.leaves(jax.eval_shape(make)["params"]))


@pytest.mark.parametrize(("depth", "count"), [(18, 11_176_512), (34, 21_284_672), (50, 23_508_032)])
def test_parameters_are_as_many_as_published(depth, count):
    assert _count(ResNet(depth=depth, stem="imagenet"), (1, 64, 64, 3)) == count
    small = count - 49 * 3 * 64 + 9 * 3 * 64  # only the stem's kernel differs
    assert _count(ResNet(depth=depth, stem="cifar"), (1, 32, 32, 3)) == small


@pytest.mark.parametrize(
    ("stem", "sizes"),
    [("cifar", (32, 16, 8, 4)), ("imagenet", (8, 4, 2, 1)), ("stride2", (16, 8, 4, 2))],
)
def test_shapes_of_every_stage(stem, sizes):
    encoder = ResNet(depth=50, stem=stem, width=0.25)
    x = jnp.zeros((2, 32, 32, 5))
    run = lambda: encoder.init_with_output(jax.random.key(0), x, train=True)[0]  # noqa: E731
    features = jax.eval_shape(run)
    assert features.pooled.shape == (2, 512)
    assert features.tokens.shape == (2, sizes[3] ** 2, 512)
    for i, size in enumerate(sizes):
        assert features.extras[f"stage{i + 1}"].shape == (2, size, size, 64 * 2**i)


@pytest.mark.rotating
def test_pooling_statistics_and_precision():
    x = jnp.asarray(np.random.default_rng(0).random((4, 8, 8, 3)), jnp.float32)
    encoder = ResNet(depth=18, width=0.125)
    make = lambda: encoder.init(jax.random.key(0), x, train=True)  # noqa: E731
    rng = np.random.default_rng(1)  # values drawn here: compiling the initialisers is slow
    variables = jax.tree_util.tree_map_with_path(
        lambda path, p: (
            jnp.asarray(0.1 * rng.standard_normal(p.shape), p.dtype)
            if path[-1].key in ("kernel", "mean", "bias")
            else jnp.ones(p.shape, p.dtype)
        ),
        jax.eval_shape(make),
    )
    mean = variables["batch_stats"]["stem_norm"]["mean"]

    @jax.jit
    def run(variables):
        train, moved = encoder.apply(variables, x, train=True, mutable=["batch_stats"])
        low = encoder.clone(dtype="bfloat16").apply(variables, x, train=False)
        return train, moved, low, encoder.apply(variables, x, train=False)

    train, moved, low, frozen = run(variables)
    np.testing.assert_allclose(train.pooled, train.tokens.mean(1), atol=1e-5)
    np.testing.assert_allclose(
        train.tokens, train.extras["stage4"].reshape(train.tokens.shape), atol=0
    )
    # The stem's running mean has moved a tenth of the way to the batch's.
    kernel = variables["params"]["stem_conv"]["kernel"]
    stem = jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    np.testing.assert_allclose(
        moved["batch_stats"]["stem_norm"]["mean"],
        0.9 * mean + 0.1 * stem.mean((0, 1, 2)),
        atol=1e-5,
    )
    assert low.pooled.dtype == jnp.bfloat16
    error = np.asarray(low.pooled, np.float32) - frozen.pooled
    assert np.abs(error).mean() < 0.03 * np.abs(frozen.pooled).mean()
    assert not np.allclose(frozen.pooled, train.pooled, atol=1e-3)


@pytest.mark.rotating
@pytest.mark.parametrize(("kind", "channels"), [("basic", 4), ("bottleneck", 16)])
def test_zero_init_makes_a_block_the_identity(kind, channels):
    x = jnp.asarray(np.random.default_rng(1).random((2, 4, 4, channels)), jnp.float32)
    for zero in (True, False):
        block = ResidualBlock(4, kind=kind, zero_init_residual=zero)
        y, _ = block.init_with_output(jax.random.key(0), x, train=True)
        assert np.array_equal(y, x) == zero


def test_mistakes_are_said():
    x = jnp.zeros((2, 8, 8, 3))
    key = jax.random.key(0)
    for encoder in (ResNet(), MLP()):
        name = type(encoder).__name__
        with pytest.raises(UserError, match=rf"{name} has no tokens to mask: .*\(ViT, "):
            encoder.init(key, x, mask=jnp.zeros((2, 4), bool), train=True)
        with pytest.raises(UserError, match=f"{name} has no tokens to keep"):
            encoder.init(key, x, keep=jnp.zeros((2, 4), int), train=True)
    with pytest.raises(UserError, match="depth is 19; it must be one of 10, 18"):
        ResNet(depth=19).init(key, x, train=True)
    with pytest.raises(UserError, match="did you mean 'cifar'"):
        ResNet(stem="cifar10").init(key, x, train=True)
    with pytest.raises(UserError, match=r"images \[B, H, W, C\]"):
        ResNet().init(key, x[0], train=True)
