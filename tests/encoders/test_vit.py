import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.core.state import paths
from jssl.encoders import TokenEncoder, ViT, vit
from jssl.errors import UserError
from jssl.nn.dense import Dense
from jssl.nn.patches import patchify
from jssl.nn.positions import sincos_2d
from jssl.nn.transformer import Transformer

KEY = jax.random.key(0)
TINY = ViT(width=16, depth=2, heads=2, patch_size=4, registers=2)
IMAGES = jnp.asarray(np.random.default_rng(0).random((3, 16, 8, 3)), jnp.float32)
N = 8


@pytest.fixture(scope="module")
def variables():
    mask = jnp.zeros((3, N), bool)
    return jax.jit(lambda: TINY.init(KEY, IMAGES, mask=mask, train=False))()


@pytest.fixture(scope="module")
def encode(variables):
    return jax.jit(
        lambda images, mask, keep: TINY.apply(variables, images, mask=mask, keep=keep, train=False)
    )


def _count(encoder, size, **kwargs):
    make = lambda: encoder.init(KEY, jnp.zeros((1, size, size, 3)), train=False, **kwargs)  # noqa: E731
    return sum(p.size for p in jax.tree.leaves(jax.eval_shape(make)["params"]))


@pytest.mark.parametrize(
    ("variant", "width", "count"), [("S", 384, 21_665_664), ("B", 768, 85_798_656)]
)
def test_parameters_are_as_many_as_published(variant, width, count):
    # The published tables hold one position for the class token; here that is the token itself.
    encoder = vit(f"{variant}/16", positions="learned")
    assert _count(encoder, 224) == count - width
    assert _count(encoder.clone(scan=True), 224) == count - width
    assert _count(encoder.clone(positions="sincos"), 224) == count - 197 * width
    assert _count(encoder, 224, mask=jnp.zeros((1, 196), bool)) == count


def test_shapes_and_names(encode):
    features = encode(IMAGES, None, None)
    assert TINY.num_tokens((16, 8)) == N
    assert TINY.grid((16, 8)) == (4, 2)
    assert TINY.prefix_tokens == 3
    assert features.pooled.shape == (3, 16)
    assert features.tokens.shape == (3, N, 16)
    shapes = {name: value.shape for name, value in features.extras.items()}
    assert shapes == {
        "patch_embedding": (3, N, 16),
        "block0": (3, 3 + N, 16),
        "block1": (3, 3 + N, 16),
        "cls": (3, 16),
        "registers": (3, 2, 16),
    }
    np.testing.assert_array_equal(features.pooled, features.extras["cls"])
    # After the final norm every token has mean 0 and variance 1.
    np.testing.assert_allclose(features.tokens.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(features.tokens.var(-1), 1, atol=1e-3)


def test_it_is_a_token_encoder_with_the_paths_and_numbers_of_a_plain_vit(variables):
    """Checkpoints know these paths; `TokenEncoder` pools and places tokens in its own way."""
    assert isinstance(TINY, TokenEncoder)
    params = variables["params"]
    own = {p for p in paths(params) if not p.startswith("transformer/")}
    assert own == {
        *("class_token", "register_tokens", "mask_token"),
        *("patch_embedding/kernel", "patch_embedding/bias"),
    }
    assert {p.split("/")[0] for p in paths(params["transformer"])} == {"block0", "block1", "norm"}

    def plain(params, images):
        tokens = Dense(16).apply({"params": params["patch_embedding"]}, patchify(images, 4))
        tokens = tokens + sincos_2d((4, 2), 16)
        prefix = [params["class_token"], params["register_tokens"]]
        prefix = [jnp.broadcast_to(rows, (3, *rows.shape)) for rows in prefix]
        tokens = jnp.concatenate([*prefix, tokens], axis=1)
        blocks = {"params": params["transformer"]}
        return Transformer(2, 2).apply(blocks, tokens, train=False)[0]

    found = jax.jit(lambda v, x: TINY.apply(v, x, train=False))(variables, IMAGES)
    whole = jax.jit(plain)(params, IMAGES)
    np.testing.assert_array_equal(found.pooled, whole[:, 0])
    np.testing.assert_array_equal(found.tokens, whole[:, 3:])


def test_its_first_fields_may_be_given_in_order():
    assert ViT("Ti", 8, 32, 2, 4) == ViT(variant="Ti", patch_size=8, width=32, depth=2, heads=4)


def test_keeping_every_token_in_another_order_only_reorders(encode):
    order = jnp.asarray([np.random.default_rng(i).permutation(N) for i in range(3)])
    plain, kept = encode(IMAGES, None, None), encode(IMAGES, None, order)
    np.testing.assert_allclose(kept.pooled, plain.pooled, atol=1e-5)
    expected = np.take_along_axis(np.asarray(plain.tokens), np.asarray(order)[..., None], 1)
    np.testing.assert_allclose(kept.tokens, expected, atol=1e-5)


def test_dropped_tokens_leave_no_trace(encode):
    keep = jnp.asarray([[5, 0, 2]] * 3)
    other = IMAGES.at[:, 4:8, 4:8].add(3.0)  # patch 3
    a, b = encode(IMAGES, None, keep), encode(other, None, keep)
    assert a.tokens.shape == (3, 3, 16)
    np.testing.assert_array_equal(a.tokens, b.tokens)
    np.testing.assert_array_equal(a.pooled, b.pooled)
    seen = encode(IMAGES.at[:, 0:4, 0:4].add(3.0), None, keep)  # patch 0
    assert float(jnp.abs(seen.pooled - a.pooled).max()) > 1e-4
    embedded = encode(IMAGES, None, None).extras["patch_embedding"]
    np.testing.assert_allclose(a.extras["patch_embedding"], embedded[:, [5, 0, 2]], atol=1e-6)


def test_a_mask_hides_content_but_not_place(encode, variables):
    mask = jnp.zeros((3, N), bool).at[:, 3].set(True)
    other = IMAGES.at[:, 4:8, 4:8].add(3.0)  # patch 3
    plain, a, b = encode(IMAGES, None, None), encode(IMAGES, mask, None), encode(other, mask, None)
    np.testing.assert_array_equal(a.tokens, b.tokens)
    assert float(jnp.abs(a.tokens - plain.tokens).max()) > 1e-4
    all_masked = encode(IMAGES, jnp.ones((3, N), bool), None).tokens
    np.testing.assert_allclose(all_masked[0], all_masked[1], atol=1e-5)
    assert float(jnp.abs(all_masked[0, 0] - all_masked[0, 1]).max()) > 1e-4
    # A mask names patches of the whole image, also beside keep.
    both = encode(IMAGES, mask, jnp.asarray([[3, 1]] * 3))
    hidden = encode(other, mask, jnp.asarray([[3, 1]] * 3))
    np.testing.assert_array_equal(both.tokens, hidden.tokens)
    assert "mask_token" in variables["params"]


def test_mean_pooling_needs_no_class_token_and_bfloat16_runs():
    encoder = TINY.clone(pool="mean", dtype="bfloat16", registers=0, positions="learned")
    features, variables = jax.jit(lambda: encoder.init_with_output(KEY, IMAGES, train=False))()
    assert features.pooled.dtype == features.tokens.dtype == jnp.bfloat16
    assert "class_token" not in variables["params"]
    assert all(p.dtype == jnp.float32 for p in jax.tree.leaves(variables))
    exact = jax.jit(lambda: encoder.clone(dtype="float32").apply(variables, IMAGES, train=False))()
    np.testing.assert_allclose(exact.pooled, exact.tokens.mean(1), atol=1e-5)
    np.testing.assert_allclose(np.asarray(features.pooled, np.float32), exact.pooled, atol=0.1)
    # Another size of image: the learned table is resampled.
    small = jax.eval_shape(lambda: encoder.apply(variables, IMAGES[:, :8], train=False))
    assert small.tokens.shape == (3, 4, 16)


def test_stochastic_depth_draws_from_dropout_in_training_only(variables):
    encoder = TINY.clone(drop_path=0.8, capture=("block1.attention",))
    features = encoder.apply(variables, IMAGES, train=False)
    assert features.extras["block1.attention"].shape == (3, 2, 3 + N, 3 + N)
    draws = [
        encoder.apply(variables, IMAGES, train=True, rngs={"dropout": jax.random.key(i)}).pooled
        for i in range(3)
    ]
    assert any(np.any(draws[0] != d) for d in draws[1:])
    np.testing.assert_array_equal(
        TINY.apply(variables, IMAGES, train=True).pooled,
        TINY.apply(variables, IMAGES, train=False).pooled,
    )


def test_presets_can_be_overridden():
    assert ViT(variant="Ti").shape == (192, 12, 3)
    assert ViT(variant="L", depth=2).shape == (1024, 2, 16)
    assert vit("H/14", drop_path=0.1) == ViT(variant="H", patch_size=14, drop_path=0.1)
    assert hash(vit("B")) == hash(ViT(variant="B"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: vit("Tiny"), "did you mean 'Ti'"),
        (lambda: vit("S/x"), "as in 'S/16'"),
        (lambda: ViT(variant="Q").shape, "no ViT variant is called 'Q'"),
        (lambda: TINY.init(KEY, IMAGES[:, :, :7], train=False), "multiples of 4"),
        (lambda: TINY.init(KEY, IMAGES[0], train=False), r"images \[B, H, W, C\]"),
        (lambda: TINY.clone(pool="avg").init(KEY, IMAGES, train=False), "no pooling"),
        (lambda: TINY.clone(positions="sin").init(KEY, IMAGES, train=False), "'sincos'"),
        (
            lambda: TINY.clone(class_token=False).init(KEY, IMAGES, train=False),
            "needs class_token=True",
        ),
        (
            lambda: TINY.init(KEY, IMAGES, mask=jnp.zeros((3, N + 1), bool), train=False),
            r"mask must be bool \(3, 8\)",
        ),
        (
            lambda: TINY.init(KEY, IMAGES, keep=jnp.zeros((3, N + 1), int), train=False),
            "1 <= K <= 8",
        ),
    ],
)
def test_mistakes_are_said(make, message):
    with pytest.raises(UserError, match=message):
        make()
