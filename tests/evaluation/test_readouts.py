"""Readouts are slices and means of what the encoder returned."""

import jax
import numpy as np
import pytest

from jssl.encoders.mlp import MLP
from jssl.encoders.resnet import ResNet
from jssl.encoders.vit import ViT
from jssl.errors import UserError
from jssl.evaluation.readouts import choose, readouts


def encoded(encoder, size=16):
    x = np.random.default_rng(0).normal(size=(2, size, size, 3)).astype(np.float32)
    variables = encoder.init(jax.random.key(0), x, train=False)
    return encoder.apply(variables, x, train=False)


def normalised(x):
    x = np.asarray(x)
    mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5)


def test_a_transformer_has_layers_by_pooling():
    features = encoded(ViT(width=12, depth=3, heads=2, patch_size=8, registers=1))
    found = readouts(features, last=(1, 2, 9))  # it has no nine blocks
    cls, mean = features.extras["cls"], np.asarray(features.tokens).mean(axis=1)
    inner = normalised(features.extras["block1"])
    assert set(found) == {
        *("last/pooled", "last/cls", "last/mean", "last/cls+mean"),
        *("last2/cls", "last2/mean", "last2/cls+mean"),
    }
    np.testing.assert_allclose(found["last/mean"], mean, atol=1e-6)
    np.testing.assert_allclose(found["last/cls+mean"], np.concatenate([cls, mean], 1), atol=1e-6)
    np.testing.assert_allclose(
        found["last2/cls"], np.concatenate([inner[:, 0], cls], axis=1), atol=1e-5
    )
    np.testing.assert_allclose(
        found["last2/mean"], np.concatenate([inner[:, 2:].mean(axis=1), mean], axis=1), atol=1e-5
    )
    chosen = choose(found, ("last2/cls", "last/cls"))
    assert list(chosen) == ["last2/cls", "last/cls"]
    assert choose(found, ("*",)) is found
    with pytest.raises(UserError, match=r"no readout 'last4/cls': did you mean"):
        choose(found, ("last4/cls",))


def test_other_encoders_have_stages_and_layers():
    features = encoded(ResNet(depth=10, stem="cifar", width=1 / 16), size=8)
    found = readouts(features)
    for stage in range(1, 5):
        layer = np.asarray(features.extras[f"stage{stage}"])
        np.testing.assert_allclose(found[f"stage{stage}/mean"], layer.mean(axis=(1, 2)), atol=1e-6)
    np.testing.assert_allclose(found["last/pooled"], found["stage4/mean"], atol=1e-6)
    features = encoded(MLP(hidden=(8, 6), norm="none"), size=4)
    found = readouts(features)
    np.testing.assert_array_equal(found["layer1/mean"], features.extras["layer1"])
