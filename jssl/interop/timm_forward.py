"""The features of timm's ViT and ResNet from its arrays, to check what an export wrote.

Written from timm's definition and in PyTorch's layouts, without jssl's modules, so that a wrong
name, axis or setting shows as a difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Arrays = Mapping[str, Any]


def timm_forward(arrays: Arrays, config: Mapping[str, Any], x: np.ndarray) -> np.ndarray:
    """Features of `timm.create_model(..., num_classes=0)`.

    Args:
      arrays: by timm's names.
      config: "architecture" and "model_args" of `config.json`.
      x: images float32 [B, H, W, C], normalised.

    Returns:
      float32 [B, D].
    """
    forward = _vit if config["architecture"].startswith("vit") else _resnet
    arguments = config["model_args"]
    images = jnp.asarray(x).transpose(0, 3, 1, 2)
    with jax.default_matmul_precision("highest"):
        return np.asarray(jax.jit(lambda a, i: forward(a, arguments, i))(dict(arrays), images))


def _linear(arrays: Arrays, name: str, x: jax.Array) -> jax.Array:
    y = x @ arrays[f"{name}.weight"].T
    return y + arrays[f"{name}.bias"] if f"{name}.bias" in arrays else y


def _layer_norm(arrays: Arrays, name: str, x: jax.Array) -> jax.Array:
    x = x - x.mean(-1, keepdims=True)
    x = x / jnp.sqrt((x * x).mean(-1, keepdims=True) + 1e-6)
    return x * arrays[f"{name}.weight"] + arrays[f"{name}.bias"]


def _conv(arrays: Arrays, name: str, x: jax.Array, stride: int, pad: int) -> jax.Array:
    layout = ("NCHW", "OIHW", "NCHW")
    pads = [(pad, pad)] * 2
    kernel = arrays[f"{name}.weight"]
    return lax.conv_general_dilated(x, kernel, (stride,) * 2, pads, dimension_numbers=layout)


def _vit(arrays: Arrays, arguments: Mapping[str, Any], x: jax.Array) -> jax.Array:
    """timm's `VisionTransformer` with `no_embed_class` and `fc_norm=False`."""
    heads, batch = arguments["num_heads"], x.shape[0]
    x = _conv(arrays, "patch_embed.proj", x, arguments["patch_size"], 0)
    x = x + arrays["patch_embed.proj.bias"][:, None, None]
    x = x.reshape(batch, x.shape[1], -1).swapaxes(1, 2)
    if "pos_embed" in arrays:
        x = x + arrays["pos_embed"]
    prefix = [arrays[name] for name in ("cls_token", "reg_token") if name in arrays]
    x = jnp.concatenate([*(jnp.repeat(p, batch, 0) for p in prefix), x], axis=1)
    skip = sum(p.shape[1] for p in prefix)
    for i in range(arguments["depth"]):
        block = f"blocks.{i}"
        qkv = _linear(arrays, f"{block}.attn.qkv", _layer_norm(arrays, f"{block}.norm1", x))
        q, k, v = qkv.reshape(batch, x.shape[1], 3, heads, -1).transpose(2, 0, 3, 1, 4)
        weights = jax.nn.softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]), axis=-1)
        y = (weights @ v).swapaxes(1, 2).reshape(x.shape)
        y = _linear(arrays, f"{block}.attn.proj", y)
        x = x + y * arrays.get(f"{block}.ls1.gamma", 1.0)
        y = _linear(arrays, f"{block}.mlp.fc1", _layer_norm(arrays, f"{block}.norm2", x))
        y = _linear(arrays, f"{block}.mlp.fc2", jax.nn.gelu(y, approximate=False))
        x = x + y * arrays.get(f"{block}.ls2.gamma", 1.0)
    x = _layer_norm(arrays, "norm", x)
    return x[:, 0] if arguments["global_pool"] == "token" else x[:, skip:].mean(1)


def _resnet(arrays: Arrays, arguments: Mapping[str, Any], x: jax.Array) -> jax.Array:
    """timm's `ResNet`, which is torchvision's: the stride on the first 3x3 convolution."""

    def norm(name: str, x: jax.Array) -> jax.Array:
        mean, var, scale, shift = (
            arrays[f"{name}.{part}"][:, None, None]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / jnp.sqrt(var + 1e-5) * scale + shift

    x = jax.nn.relu(norm("bn1", _conv(arrays, "conv1", x, 2, 3)))
    pads = ((0, 0), (0, 0), (1, 1), (1, 1))
    x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 3, 3), (1, 1, 2, 2), pads)
    for stage, count in enumerate(arguments["layers"], start=1):
        for block in range(count):
            name, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            deep = f"{name}.conv3.weight" in arrays
            plan = [(1, 1, 0), (2, stride, 1), (3, 1, 0)] if deep else [(1, stride, 1), (2, 1, 1)]
            y = x
            for c, step, pad in plan:
                y = norm(f"{name}.bn{c}", _conv(arrays, f"{name}.conv{c}", y, step, pad))
                y = y if c == len(plan) else jax.nn.relu(y)
            if f"{name}.downsample.0.weight" in arrays:
                x = norm(
                    f"{name}.downsample.1", _conv(arrays, f"{name}.downsample.0", x, stride, 0)
                )
            x = jax.nn.relu(x + y)
    return x.mean((2, 3))
