"""Heads on tokens, decoders of masked patches and predictors of blocks."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.encoders.vit import ViT
from jssl.errors import UserError
from jssl.nn.decoder import MaskedAutoencoder, TokenPredictor
from jssl.nn.predictor import BlockPredictor, PredictiveNet

KEY = jax.random.key(0)
ENCODER = ViT(width=16, depth=1, heads=2, patch_size=4, pool="mean")
IMAGES = jax.random.normal(KEY, (2, 16, 8, 3))  # 4 x 2 tokens
KEEP = jnp.array([[1, 4, 6], [0, 2, 7]])
MASKED = jnp.array([[0, 2, 3, 5, 7], [1, 3, 4, 5, 6]])
TARGETS = jnp.array([[[0, 2], [3, 5]], [[1, 3], [4, 6]]])
PREDICTIVE = PredictiveNet(ENCODER, BlockPredictor(width=8, depth=1, heads=2))


@functools.cache
def variables_of_blocks() -> dict:
    """Parameters of `PREDICTIVE`."""
    return jax.jit(lambda: PREDICTIVE.init(KEY, IMAGES, KEEP, TARGETS, train=False))()


@functools.partial(jax.jit, static_argnames=("net", "train"))
def predict(variables, x, keep, targets, *, net=PREDICTIVE, train=False) -> jax.Array:
    """Predictions of blocks; tests of one shape share a program."""
    rngs = {"dropout": jax.random.key(1)} if train else None
    return net.apply(variables, x, keep, targets, train=train, rngs=rngs)[1]


@pytest.mark.parametrize(("out", "size"), [("patches", 48), ("features", 16), ("positions", 8)])
def test_sizes_of_predictions(out: str, size: int) -> None:
    for net, args in (
        (TokenPredictor(ENCODER, out), ()),
        (TokenPredictor(ENCODER, out, width=8, depth=1, heads=2), ()),
        (MaskedAutoencoder(ENCODER, 8, 1, 2, "float32", out), (KEEP, MASKED)),
    ):
        make = lambda net=net, args=args: net.init_with_output(KEY, IMAGES, *args, train=False)  # noqa: E731
        pooled, tokens = jax.eval_shape(make)[0]
        assert pooled.shape == (2, 16)
        assert tokens.shape == (2, 8, size)
    with pytest.raises(UserError, match="did you mean 'patches'"):
        TokenPredictor(ENCODER, "patch").init(KEY, IMAGES, train=False)


def test_decoder_runs_as_its_encoder_does() -> None:
    def kernels(net, *args):
        make = lambda: net.init(KEY, IMAGES, *args, train=False)  # noqa: E731
        return jax.eval_shape(make)["params"]["decoder"]

    looped = ENCODER.clone(scan=True, remat="full")
    for make, args in (
        (lambda encoder: TokenPredictor(encoder, width=8, depth=3, heads=2), ()),
        (lambda encoder: MaskedAutoencoder(encoder, 8, 3, 2, "float32"), (KEEP, MASKED)),
    ):
        assert {"block0", "block1", "block2"} <= kernels(make(ENCODER), *args).keys()
        stacked = kernels(make(looped), *args)["blocks"]
        assert all(leaf.shape[0] == 3 for leaf in jax.tree.leaves(stacked))


def test_decoder_puts_tokens_back_in_order() -> None:
    net = MaskedAutoencoder(ENCODER, 8, 1, 2, "float32")
    variables = jax.jit(lambda: net.init(KEY, IMAGES, KEEP, MASKED, train=False))()
    decode = jax.jit(lambda keep, hid: net.apply(variables, IMAGES, keep, hid, train=False)[1])
    tokens = decode(KEEP, MASKED)
    shuffled = decode(KEEP[:, ::-1], MASKED[:, jnp.array([3, 0, 4, 1, 2])])
    np.testing.assert_allclose(shuffled, tokens, atol=1e-5)


def test_a_mask_of_other_patches_is_refused() -> None:
    net, more = MaskedAutoencoder(ENCODER, 8, 1, 2, "float32"), jnp.array([[8], [8]])
    with pytest.raises(UserError, match=r"the mask in the views has 9 tokens and .* makes 8"):
        masked = jnp.concatenate([MASKED, more], axis=1)
        jax.eval_shape(lambda: net.init(KEY, IMAGES, KEEP, masked, train=False))


def test_blocks_are_predicted_one_by_one() -> None:
    variables = variables_of_blocks()
    both = predict(variables, IMAGES, KEEP, TARGETS)
    assert both.shape == (2, 2, 2, 16)
    one = predict(variables, IMAGES, KEEP, TARGETS[:, 1:])
    np.testing.assert_allclose(one, both[:, 1:], atol=1e-5)
    turned = predict(variables, IMAGES, KEEP, TARGETS[..., ::-1])
    # The order of a block's places is that of its predictions.
    np.testing.assert_allclose(turned, both[:, :, ::-1], atol=1e-5)
    others = predict(variables, IMAGES[::-1], KEEP[::-1], TARGETS[::-1])
    np.testing.assert_allclose(others, both[::-1], atol=1e-5)


def test_only_the_context_is_seen() -> None:
    before = predict(variables_of_blocks(), IMAGES, KEEP, TARGETS)
    hidden = jnp.zeros((2, 8), bool).at[jnp.arange(2)[:, None], MASKED].set(True)
    patches = jnp.where(hidden[..., None], 9.0, ENCODER.patches(IMAGES))
    changed = ENCODER.assemble(patches, IMAGES.shape)
    after = predict(variables_of_blocks(), changed, KEEP, TARGETS)
    np.testing.assert_array_equal(after, before)


def test_noise_moves_training_alone_and_is_tied_to_the_context() -> None:
    net = PREDICTIVE.clone(predictor=PREDICTIVE.predictor.clone(noise=0.25))
    variables, inputs = variables_of_blocks(), (IMAGES, KEEP, TARGETS)
    noisy = predict(variables, *inputs, net=net, train=True)
    assert np.abs(noisy - predict(variables, *inputs, train=True)).max() > 1e-3
    quiet = predict(variables, *inputs, net=net)
    np.testing.assert_array_equal(quiet, predict(variables, *inputs))
    # Without the projection A neither context nor noise is left.
    kernel = variables["params"]["predictor"]["embedding"]["kernel"]
    silent = jax.tree.map(jnp.asarray, variables)
    silent["params"]["predictor"]["embedding"]["kernel"] = jnp.zeros_like(kernel)
    noisy = predict(silent, *inputs, net=net, train=True)
    np.testing.assert_allclose(noisy, predict(silent, *inputs, train=True), atol=1e-6)
