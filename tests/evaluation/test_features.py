"""Extraction: order, padding, one compilation, a mesh, and what users get wrong."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jssl.errors import UserError
from jssl.evaluation.features import extract, raw_features

IMAGES = np.random.default_rng(0).integers(0, 256, (11, 3, 2, 1), dtype=np.uint8)


class Source:
    """Eleven images whose label is ten times their position."""

    def __len__(self):
        return len(IMAGES)

    def __getitem__(self, index):
        return {"image": IMAGES[index], "label": np.asarray(index, np.int32) * 10}


def preprocess(batch):
    return batch["image"].reshape(len(batch["image"]), -1) / np.float32(255)


def test_every_example_once_in_order_with_one_compilation():
    traces, seen = [], []

    @jax.jit
    def encode(x):
        traces.append(x.shape)
        return 2 * x

    def watched(batch):
        seen.append(batch["index"])
        return preprocess(batch)

    features, labels = extract(encode, Source(), batch_size=4, preprocess=watched)
    np.testing.assert_allclose(features, IMAGES.reshape(11, 6) * (2 / 255), rtol=1e-6)
    np.testing.assert_array_equal(labels, 10 * np.arange(11))
    assert features.dtype == np.float32
    assert traces == [(4, 6)]
    np.testing.assert_array_equal(seen[-1], [8, 9, 10, 10])


def test_features_are_pooled_and_a_mesh_changes_nothing():
    def encode(x):
        return SimpleNamespace(pooled=jnp.asarray(x, jnp.bfloat16) + 1)

    sharding = NamedSharding(Mesh(jax.devices()[:1], ("data",)), PartitionSpec("data"))
    plain, _ = extract(encode, Source(), batch_size=5, preprocess=preprocess)
    meshed, _ = extract(encode, Source(), batch_size=5, preprocess=preprocess, sharding=sharding)
    assert plain.dtype == np.float32
    assert plain.shape == (11, 6)
    np.testing.assert_array_equal(plain, meshed)


def test_raw_features_are_the_scaled_input():
    features, labels = raw_features(Source(), batch_size=4)
    np.testing.assert_allclose(features, IMAGES.reshape(11, 6) / 255.0, rtol=1e-6)
    np.testing.assert_array_equal(labels, 10 * np.arange(11))


def test_mistakes_are_sentences():
    identity = preprocess
    with pytest.raises(UserError, match="did you mean 'label'"):
        extract(lambda x: x, Source(), batch_size=4, preprocess=identity, label="lable")
    with pytest.raises(UserError, match=r"\[B, D\], but the encoder gave \[4, 3, 2, 1\]"):
        extract(lambda x: x, Source(), batch_size=4, preprocess=lambda b: b["image"])
    with pytest.raises(UserError, match="'picture'"):
        raw_features(Source(), field="picture")

    class Empty(Source):
        def __len__(self):
            return 0

    with pytest.raises(UserError, match="empty"):
        extract(lambda x: x, Empty(), batch_size=4, preprocess=identity)
    with pytest.raises(UserError, match="empty"):
        raw_features(Empty())
    three = SimpleNamespace(mesh=SimpleNamespace(size=3))
    with pytest.raises(UserError, match="batch of 4 cannot be divided among 3 devices"):
        extract(lambda x: x, Source(), batch_size=4, preprocess=identity, sharding=three)
