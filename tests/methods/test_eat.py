"""EAT: targets and losses against plain loops, masks apart from each other, a decoder in place."""

from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.core.progress import Progress
from jssl.encoders.features import Features
from jssl.encoders.vit import ViT
from jssl.errors import UserError
from jssl.methods.contextual_targets import mean_of_blocks
from jssl.methods.distillation.eat import EAT, ManyMasks, across_tokens, mean_of_tokens
from jssl.methods.step import Step
from jssl.nn.decoder import ConvDecoder
from jssl.testing.quick import quick_compilation

KEY = jax.random.key(0)
DRAW = np.random.default_rng(0)


def test_targets_are_blocks_normalised_over_real_tokens() -> None:
    blocks = DRAW.normal(size=(3, 2, 6, 4)).astype(np.float32)  # one prefix token, five others
    real = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], bool)
    extras = {f"block{i}": jnp.asarray(block) for i, block in enumerate(blocks)}
    features = Features(jnp.zeros((2, 4)), jnp.zeros((2, 5, 4)), extras)
    found = mean_of_blocks(features, 2, partial(across_tokens, real=jnp.asarray(real)))
    wanted = np.zeros((2, 5, 4))
    for block in blocks[1:]:
        for b in range(2):
            for d in range(4):
                values = block[b, 1:, d]
                kept = values[real[b]]
                wanted[b, :, d] += (values - kept.mean()) / np.sqrt(kept.var() + 1e-5) / 2
    np.testing.assert_allclose(found[real], wanted[real], atol=1e-5)
    mean = mean_of_tokens(jnp.asarray(blocks[0, :, 1:]), jnp.asarray(real))
    np.testing.assert_allclose(mean[1], blocks[0, 1, 1:4].mean(axis=0), atol=1e-6)


def test_the_loss_is_that_of_every_hidden_token_and_of_every_class_token() -> None:
    shapes = {"frames": (2, 3, 4, 5), "utterance": (2, 3, 5), "target": (2, 4, 5)}
    shapes["utterance_target"] = (2, 5)
    outputs = {name: DRAW.normal(size=shape) for name, shape in shapes.items()}
    mask = np.zeros((2, 3, 4), bool)
    for b in range(2):
        for m in range(3):
            mask[b, m, [m, (m + b + 1) % 4]] = True
    frames = utterance = 0.0
    for b in range(2):
        for m in range(3):
            for n in np.flatnonzero(mask[b, m]):
                error = outputs["frames"][b, m, n] - outputs["target"][b, n]
                frames += np.sum(error**2) / 5 / 2 / 6
            error = outputs["utterance"][b, m] - outputs["utterance_target"][b]
            utterance += np.sum(error**2) / 5 / 6
    given = {**{k: jnp.asarray(x, jnp.float32) for k, x in outputs.items()}, "mask": mask}
    method = EAT(weight=0.5)
    loss, terms = method.objective(Step(memory={}, key=KEY, progress=Progress(0, 10, 5)), given)
    np.testing.assert_allclose(terms["frame_loss"], frames, rtol=1e-5)
    np.testing.assert_allclose(terms["utterance_loss"], utterance, rtol=1e-5)
    np.testing.assert_allclose(loss, frames + 0.5 * utterance, rtol=1e-5)


ENCODER = ViT(width=16, depth=1, heads=2, patch_size=4, kernel_init="lecun")  # 4 x 2 tokens
IMAGES = jnp.asarray(DRAW.normal(size=(2, 16, 8, 1)), jnp.float32)


def test_each_mask_is_a_run_of_its_own() -> None:
    order = np.argsort(DRAW.random((2, 3, 8)), axis=-1)
    keep, masked = jnp.sort(order[..., :3]), jnp.sort(order[..., 3:])
    net = ManyMasks(ENCODER, 8, 1, 1, "float32")
    with quick_compilation():
        run = jax.jit(lambda x, k, m: net.init_with_output(KEY, x, k, m, train=False)[0])
        found = run(IMAGES, keep, masked)
        turned = run(IMAGES[::-1], keep[::-1, ::-1], masked[::-1, ::-1])
    assert [x.shape for x in found] == [(2, 3, 16), (2, 3, 16), (2, 3, 8, 16)]
    for a, b in zip(found, turned, strict=True):
        np.testing.assert_allclose(b, a[::-1, ::-1], atol=1e-5)
        assert np.abs(a[:, 0] - a[:, 1]).max() > 1e-2
    # What is hidden by a mask changes nothing of what is said under it.
    hidden = np.zeros((2, 8, 1), bool)
    hidden[np.arange(2)[:, None], masked[:, 1]] = True
    other = ENCODER.assemble(jnp.where(hidden, 9.0, ENCODER.patches(IMAGES)), IMAGES.shape)
    for a, b in zip(found, run(other, keep, masked), strict=True):
        np.testing.assert_array_equal(b[:, 1], a[:, 1])
        assert np.abs(b[:, 0] - a[:, 0]).max() > 1e-2


def test_a_class_token_is_needed() -> None:
    net = ManyMasks(ENCODER.clone(pool="mean"), 8, 1, 1, "float32")
    places = jnp.arange(8).reshape(1, 1, 8)
    with pytest.raises(UserError, match="pool='cls'"):
        jax.eval_shape(
            lambda: net.init(KEY, IMAGES[:1], places[..., :3], places[..., 3:], train=False)
        )


def test_the_decoder_sees_neighbours_and_no_padding() -> None:
    decoder, tokens = ConvDecoder(6, 1), jnp.asarray(DRAW.normal(size=(1, 8, 4)), jnp.float32)

    def decode(tokens: jax.Array, encoder: object) -> jax.Array:
        shape = jnp.zeros((1, 16, 8, 1))
        return decoder.init_with_output(KEY, encoder, shape, tokens)[0]

    with quick_compilation():
        run = jax.jit(partial(decode, encoder=ENCODER))
        moved = run(tokens.at[:, 6].add(1.0)) != run(tokens)  # at the bottom left
        np.testing.assert_array_equal(np.any(moved, axis=(0, 2)), [0, 0, 0, 0, 1, 1, 1, 1])
        line = {"layout": lambda shape, count: (count, 1)}
        real = jnp.arange(8)[None] < 5
        padded = SimpleNamespace(**line, valid=lambda x: real)
        bare = SimpleNamespace(**line)
        found = jax.jit(partial(decode, encoder=padded))(tokens)[:, :5]
        wanted = jax.jit(partial(decode, encoder=bare))(tokens[:, :5])
    np.testing.assert_allclose(found, wanted, atol=1e-6)
