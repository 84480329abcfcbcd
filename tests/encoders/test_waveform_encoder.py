import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.augmentations.audio import level
from jssl.encoders.waveform import WaveformTransformer
from jssl.errors import UserError
from jssl.nn.quantiser import straight_through

ENCODER = WaveformTransformer(
    width=8, depth=1, heads=2, channels=4, kernels=(4, 3), strides=(2, 2), kernel_init="lecun"
)
X = np.random.default_rng(0).normal(size=(2, 40)).astype(np.float32)
PADDED = np.pad(X, ((0, 0), (0, 9)))


@pytest.fixture(scope="module")
def variables():
    return ENCODER.init(jax.random.key(1), X, mask=jnp.zeros((2, 9), bool), train=False)


def test_frames_are_strided_convolutions_of_samples(variables):
    params = jax.tree.map(lambda x: np.asarray(x, np.float64), variables["params"])

    def normal(x):
        return (x - x.mean()) / np.sqrt(x.var() + 1e-6)

    frames = X[0][:, None].astype(np.float64)
    for i, (kernel, stride) in enumerate(((4, 2), (3, 2))):
        weights, bias = (params["stack"][f"conv{i}"][k] for k in ("kernel", "bias"))
        weights = weights.reshape(kernel, 1, frames.shape[1], -1)  # strides may be folded in
        made = []
        for start in range(0, len(frames) - kernel + 1, stride):
            y = bias + sum(frames[start + k] @ weights[k, 0] for k in range(kernel))
            y = normal(y)
            made.append([v * 0.5 * (1 + float(jax.scipy.special.erf(v / 2**0.5))) for v in y])
        frames = np.array(made)
    assert ENCODER.field() == (8, 4) and len(frames) == 9
    found = ENCODER.apply(variables, X, method="prepare").values
    np.testing.assert_allclose(found[0], [normal(y) for y in frames], atol=2e-4)
    assert ENCODER.token_positions(X.shape, 8).shape == (9, 8)
    assert WaveformTransformer().field() == (400, 320)


def test_what_fills_a_sound_up_changes_nothing(variables):
    run = jax.jit(lambda x: ENCODER.apply(variables, x, train=False))
    bare, padded = run(X), run(PADDED)
    np.testing.assert_allclose(padded.pooled, bare.pooled, atol=1e-5)
    np.testing.assert_allclose(padded.tokens[:, :9], bare.tokens, atol=1e-5)
    np.testing.assert_array_equal(padded.tokens[:, 9:], 0.0)
    np.testing.assert_allclose(level(None, PADDED[0])[:40], level(None, X[0]), atol=1e-6)
    np.testing.assert_array_equal(level(None, PADDED[0])[40:], 0.0)
    assert np.isfinite(run(np.zeros_like(X)).pooled).all()


def test_hidden_frames_are_not_seen_by_the_transformer(variables):
    mask = jnp.zeros((2, 9), bool).at[:, 3:6].set(True)
    run = jax.jit(lambda x: ENCODER.apply(variables, x, mask=mask, train=False).tokens)
    other = X.copy()
    other[:, 16:20] += 3.0  # frames 3 and 4, and a part of 5 look at these samples
    np.testing.assert_array_equal(run(X), run(other))
    other[:, 0] += 3.0
    assert not np.allclose(run(X), run(other))


def test_other_inputs_and_unbound_patches_are_refused():
    with pytest.raises(UserError, match="at least 8 samples"):
        ENCODER.init(jax.random.key(0), X[:, :7], train=False)
    with pytest.raises(UserError, match="learnt"):
        ENCODER.patches(X)


def test_the_choice_is_hard_and_its_gradient_soft():
    logits, noise = np.random.default_rng(1).normal(size=(2, 3, 5)).astype(np.float32)
    weights = np.random.default_rng(2).normal(size=(3, 5)).astype(np.float32)

    def soft(x):
        return jnp.sum(weights * jax.nn.softmax((x + noise) / 0.7))

    chosen = straight_through(logits, noise, 0.7)
    np.testing.assert_allclose(chosen, np.eye(5)[np.argmax(logits + noise, axis=1)], atol=1e-6)
    slope = jax.grad(lambda x: jnp.sum(weights * straight_through(x, noise, 0.7)))(logits)
    np.testing.assert_allclose(slope, jax.grad(soft)(logits), atol=1e-6)
