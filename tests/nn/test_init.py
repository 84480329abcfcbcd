"""How parameters start: the spreads of the published codes."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.config import experiment
from jssl.encoders.vit import ViT
from jssl.errors import UserError
from jssl.methods.distillation.dino import DINO
from jssl.methods.predictive.ijepa import IJEPA
from jssl.nn.init import initializer, output_scales
from jssl.nn.transformer import Transformer

KEY = jax.random.key(0)


def _kernel(name: str, shape: tuple[int, int], parts: int = 1) -> np.ndarray:
    return np.asarray(initializer(name, parts)(KEY, shape, jnp.float32), np.float64)


@pytest.mark.parametrize(
    ("name", "std"),
    [
        ("trunc_normal", 0.02),
        ("trunc_normal_depth", 0.02),
        ("trunc_normal_beit", 0.02 * 0.5396),
        ("uniform_fan_in", 1 / math.sqrt(3 * 500)),
        ("lecun", 1 / math.sqrt(500)),
        ("he_fan_out", math.sqrt(2 / 400)),
    ],
)
def test_kernels_start_with_the_spread_their_name_says(name, std):
    kernel = _kernel(name, (500, 400))
    np.testing.assert_allclose(kernel.std(), std, rtol=0.01)
    assert abs(kernel.mean()) < 4 * std / math.sqrt(kernel.size)


def test_queries_keys_and_values_start_as_three_matrices_or_as_one():
    joint, split = (_kernel(name, (64, 192), 3) for name in ("xavier", "xavier_split"))
    np.testing.assert_allclose(np.abs(joint).max(), math.sqrt(6 / (64 + 192)), rtol=0.01)
    np.testing.assert_allclose(np.abs(split).max(), math.sqrt(6 / (64 + 64)), rtol=0.01)
    query, key, _ = np.split(split, 3, axis=1)
    assert np.abs(np.corrcoef(query.ravel(), key.ravel())[0, 1]) < 0.06
    np.testing.assert_array_equal(_kernel("xavier_split", (8, 4)), _kernel("xavier", (8, 4)))
    with pytest.raises(UserError, match="did you mean 'trunc_normal"):
        initializer("trunc_norm")


@pytest.mark.parametrize("scan", [False, True])
def test_output_layers_of_a_block_start_smaller_with_its_depth(scan):
    """I-JEPA's `fix_init_weight`: attn.proj and mlp.fc2 of block l over sqrt(2 l), l from 1."""
    net = Transformer(3, 4, scan=scan, kernel_init="trunc_normal_depth")
    params = jax.jit(lambda k: net.init(k, jnp.zeros((1, 2, 96)), train=False))(KEY)["params"]
    for i in range(3):
        block = (
            params[f"block{i}"] if not scan else jax.tree.map(lambda a, i=i: a[i], params["blocks"])
        )
        for kernel in (block["attention"]["out"], block["mlp"]["dense1"]):
            expected = 0.02 / math.sqrt(2 * (i + 1))
            np.testing.assert_allclose(np.std(kernel["kernel"]), expected, rtol=0.03)
        for kernel in (block["attention"]["qkv"], block["mlp"]["dense0"]):
            np.testing.assert_allclose(np.std(kernel["kernel"]), 0.02, rtol=0.03)
    assert output_scales("trunc_normal", 3) is None


def test_prototypes_start_at_the_length_of_a_pytorch_linear():
    """Weight normalisation of `nn.Linear(256, K)`: uniform within 1/16, columns 0.577 long."""
    head = DINO(hidden=(8,), prototypes=500).head()
    params = head.init(KEY, jnp.zeros((1, 4)), train=False)["params"]
    kernel = np.asarray(params["prototypes"]["kernel"])
    assert kernel.shape == (256, 500)
    assert np.abs(kernel).max() <= 1 / 16
    np.testing.assert_allclose(np.linalg.norm(kernel, axis=0).mean(), 1 / math.sqrt(3), rtol=0.01)


def test_tokens_of_a_vit_start_as_asked():
    net = ViT(width=512, depth=1, heads=2, registers=2, token_std=1e-6, mask_std=0.0)
    x, mask = jnp.zeros((1, 32, 32, 3)), jnp.ones((1, 4), bool)
    params = jax.jit(lambda k: net.init(k, x, mask=mask, train=False))(KEY)["params"]
    for name in ("class_token", "register_tokens"):
        np.testing.assert_allclose(np.std(params[name]), 1e-6, rtol=0.2)
    assert not np.any(params["mask_token"])


def test_imagenet_experiments_start_as_the_authors_nets_do():
    def encoder(name: str) -> object:
        return experiment.load(f"image/{name}_imagenet").encoder

    assert encoder("ijepa").kernel_init == IJEPA().kernel_init == "trunc_normal_depth"
    assert encoder("ijepa").positions == encoder("mae").positions == "sincos_mae"
    moco = encoder("moco_v3")
    assert (moco.kernel_init, moco.token_std, moco.positions) == ("xavier_split", 1e-6, "sincos")
    for name in ("dbot", "droppos", "flexpredict"):
        assert encoder(name).positions == "sincos_mae"
    for name in ("data2vec", "mfm", "simmim"):
        assert encoder(name).kernel_init == "trunc_normal_beit"
    for name, token, mask in (("dino", 0.02, 0.02), ("ibot", 0.02, 0.0), ("dinov2", 1e-6, 0.0)):
        net = encoder(name)
        assert (net.kernel_init, net.interpolation) == ("trunc_normal", "dino")
        assert (net.token_std, net.mask_std) == (token, mask)
    # MoCo v2, SwAV and DeepCluster v2 take torchvision's default, the others ask for zeros.
    zero = {n for n in ("moco_v2", "swav", "deepcluster_v2") if encoder(n).zero_init_residual}
    assert not zero
    for name in ("simclr", "simsiam", "barlow_twins", "vicreg"):
        assert encoder(name).zero_init_residual
