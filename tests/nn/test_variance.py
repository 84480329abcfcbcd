"""Normalisation far from zero: means of 10 to 10 000 standard deviations against float64."""

from __future__ import annotations

import ast
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jssl
from jssl.augmentations import audio, series
from jssl.evaluation.arrays import moments
from jssl.evaluation.logistic import Scaler
from jssl.methods.distillation.eat import across_tokens
from jssl.nn.norm import batch_norm, layer_norm
from jssl.objectives.common import standardize
from jssl.objectives.masked import normalize_patches
from jssl.objectives.redundancy import (
    standardize_batch,
    vicreg_covariance,
    vicreg_variance,
    whiten,
)

OFFSETS = (10.0, 1e3, 1e4)
NAMES = {"LayerNorm", "BatchNorm", "GroupNorm", "InstanceNorm", "RMSNorm"}


def _far(offset: float, *shape: int) -> np.ndarray:
    """Float32 values of unit spread around `offset`."""
    return (np.random.default_rng(0).standard_normal(shape) + offset).astype(np.float32)


def _exact(x: np.ndarray, axis: int | tuple[int, ...], epsilon: float, ddof: int = 0) -> np.ndarray:
    x = x.astype(np.float64)
    variance = x.var(axis=axis, keepdims=True, ddof=ddof)
    return (x - x.mean(axis=axis, keepdims=True)) / np.sqrt(variance + epsilon)


def _layer(x: np.ndarray) -> jax.Array:
    return layer_norm(scale=False, shift=False).apply({}, x)


def _batch(x: np.ndarray, mask: np.ndarray | None = None) -> jax.Array:
    layer = batch_norm(train=True, scale=False, shift=False)
    return layer.init_with_output(jax.random.key(0), x, mask=mask)[0]


FORMS = {
    "layer_norm": (_layer, -1, 1e-6, 0),
    "batch_norm": (_batch, 0, 1e-5, 0),
    "standardize": (standardize, -1, 1e-5, 0),
    "normalize_patches": (normalize_patches, -1, 1e-6, 1),
    "standardize_batch": (standardize_batch, 0, 1e-5, 0),
    "series instance norm": (lambda x: series.standardise(None, x), 0, 1e-5, 0),
    "spectrogram": (lambda x: audio.standardise(None, x), (0, 1), 0.0, 0),
    "scaler": (lambda x: Scaler.fit(x)(x), 0, 0.0, 0),
    "across_tokens": (lambda x: across_tokens(x[None], jnp.ones((1, len(x)), bool))[0], 0, 1e-5, 0),
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("offset", OFFSETS)
def test_norms_hold_their_digits_far_from_zero(name, offset):
    form, axis, epsilon, ddof = FORMS[name]
    x = _far(offset, 512, 96)
    # A float32 of this size is known to 6e-8 of it, and so is a mean.
    np.testing.assert_allclose(
        form(x), _exact(x, axis, epsilon, ddof), atol=3e-7 * offset + 2e-5, rtol=2e-5
    )


@pytest.mark.parametrize("offset", OFFSETS)
def test_running_variance_is_the_biased_one_and_leaves_padding_out(offset):
    x = _far(offset, 40, 6, 5)
    real = np.random.default_rng(1).random((40, 6, 1)) < 0.7
    layer = batch_norm(train=True, scale=False, shift=False, momentum=0.0)
    padded = np.where(real, x, -1e3).astype(np.float32)
    y, state = layer.init_with_output(jax.random.key(0), padded, mask=real)
    _, state = layer.apply(state, padded, mask=real, mutable=["batch_stats"])
    kept = x[real[..., 0]].astype(np.float64)
    np.testing.assert_allclose(state["batch_stats"]["var"], kept.var(axis=0), rtol=1e-5)
    np.testing.assert_allclose(
        np.asarray(y)[real[..., 0]], _exact(kept, 0, 1e-5), atol=3e-7 * offset + 2e-5, rtol=2e-5
    )


@pytest.mark.parametrize("offset", OFFSETS)
def test_objectives_of_spread_do_not_see_the_mean(offset):
    x = 0.5 * _far(2 * offset, 256, 8)
    exact = x.astype(np.float64)
    hinge = np.maximum(1 - np.sqrt(exact.var(axis=0, ddof=1) + 1e-4), 0).mean()
    np.testing.assert_allclose(vicreg_variance(x), hinge, rtol=1e-4)
    covariance = np.cov(exact.T)
    off = np.square(covariance - np.diag(np.diag(covariance))).sum() / 8
    np.testing.assert_allclose(vicreg_covariance(x), off, rtol=1e-2)
    white = np.cov(np.asarray(whiten(x), np.float64).T)
    np.testing.assert_allclose(white, np.eye(8), atol=2e-3)


def test_moments_of_many_float32_rows_are_summed_in_float64():
    x = _far(1e4, 20000, 3)
    mean, spread = moments(x)
    assert mean.dtype == spread.dtype == np.float32
    np.testing.assert_allclose(mean, x.mean(axis=0, dtype=np.float64), rtol=1e-7)
    np.testing.assert_allclose(spread, x.astype(np.float64).std(axis=0), rtol=1e-6)
    assert moments(np.arange(4))[1] == pytest.approx(np.sqrt(1.25))


def test_every_norm_layer_is_made_in_one_place():
    """A layer of Flax's made elsewhere would bring back its one-pass variance."""
    root = Path(jssl.__file__).parent
    made = {
        f"{path.relative_to(root)}:{node.lineno}"
        for path in root.rglob("*.py")
        if path.relative_to(root).as_posix() != "nn/norm.py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in NAMES
    }
    assert not made
