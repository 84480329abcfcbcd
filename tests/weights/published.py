"""Random weights in published layouts, and forward passes of the architectures in NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]


class Draw:
    """Draws arrays by name."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.arrays: Arrays = {}

    def add(self, name: str, *shape: int, mean: float = 0.0, std: float = 0.2) -> None:
        value = mean + std * self.rng.normal(size=shape)
        self.arrays[name] = value.astype(np.float32)

    def linear(self, name: str, out: int, inner: int, *, bias: bool = True) -> None:
        self.add(f"{name}.weight", out, inner, std=inner**-0.5)
        if bias:
            self.add(f"{name}.bias", out)

    def norm(self, name: str, width: int) -> None:
        self.add(f"{name}.weight", width, mean=1.0)
        self.add(f"{name}.bias", width)

    def batch_norm(self, name: str, width: int) -> None:
        self.norm(name, width)
        self.add(f"{name}.running_mean", width)
        self.arrays[f"{name}.running_var"] = self.rng.uniform(0.5, 2, width).astype(np.float32)
        self.arrays[f"{name}.num_batches_tracked"] = np.int64(7)


def resnet(blocks: tuple[int, ...], width: int, *, bottleneck: bool, seed: int = 0) -> Arrays:
    """A ResNet in torchvision's names."""
    draw, grow = Draw(seed), 4 if bottleneck else 1
    draw.add("conv1.weight", width, 3, 7, 7, std=0.1)
    draw.batch_norm("bn1", width)
    inner = width
    for stage, count in enumerate(blocks):
        mid = width * 2**stage
        for j in range(count):
            name = f"layer{stage + 1}.{j}"
            sizes = ((mid, inner, 1), (mid, mid, 3), (4 * mid, mid, 1))
            for c, (out, i, k) in enumerate(sizes if bottleneck else ((mid, inner, 3), sizes[1])):
                draw.add(f"{name}.conv{c + 1}.weight", out, i, k, k, std=(i * k * k) ** -0.5)
                draw.batch_norm(f"{name}.bn{c + 1}", out)
            if inner != grow * mid or (j == 0 and stage):
                shape = (grow * mid, inner, 1, 1)
                draw.add(f"{name}.downsample.0.weight", *shape, std=inner**-0.5)
                draw.batch_norm(f"{name}.downsample.1", grow * mid)
            inner = grow * mid
    return draw.arrays


def conv(x: np.ndarray, w: np.ndarray, stride: int, padding: int, groups: int = 1) -> np.ndarray:
    """Convolution of x [B, C, H, W] with w [O, I, k, k], float64."""
    x = np.pad(x, ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2))
    k = w.shape[-1]
    views = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(2, 3))
    views = views[:, :, ::stride, ::stride]
    parts = zip(np.split(views, groups, axis=1), np.split(w, groups), strict=True)
    made = [np.tensordot(v, p, ((1, 4, 5), (1, 2, 3))) for v, p in parts]  # [B, H, W, O]
    return np.concatenate(made, axis=-1).transpose(0, 3, 1, 2)


def batch_norm(x: np.ndarray, w: Mapping[str, Any], name: str) -> np.ndarray:
    """In evaluation mode, eps 1e-5."""
    scale = w[f"{name}.weight"] / np.sqrt(w[f"{name}.running_var"] + 1e-5)
    shift = w[f"{name}.bias"] - w[f"{name}.running_mean"] * scale
    return x * scale[:, None, None] + shift[:, None, None]


def resnet_forward(weights: Arrays, x: np.ndarray) -> np.ndarray:
    """Images [B, H, W, 3] -> the last feature map [B, C, h, w], by torchvision's definition."""
    w = {name: np.asarray(value, np.float64) for name, value in weights.items()}
    x = np.asarray(x, np.float64).transpose(0, 3, 1, 2)
    x = np.maximum(batch_norm(conv(x, w["conv1.weight"], 2, 3), w, "bn1"), 0)
    x = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    x = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))[:, :, ::2, ::2]
    x = x.max(axis=(-1, -2))
    for stage in range(1, 5):
        j = 0
        while f"layer{stage}.{j}.conv1.weight" in w:
            name, stride = f"layer{stage}.{j}", 2 if stage > 1 and j == 0 else 1
            count = 3 if f"{name}.conv3.weight" in w else 2
            y = x
            for c in range(1, count + 1):
                kernel = w[f"{name}.conv{c}.weight"]
                here = stride if c == count - 1 else 1  # the 3x3 of a bottleneck, the first of two
                y = batch_norm(conv(y, kernel, here, kernel.shape[-1] // 2), w, f"{name}.bn{c}")
                y = y if c == count else np.maximum(y, 0)
            if f"{name}.downsample.0.weight" in w:
                x = conv(x, w[f"{name}.downsample.0.weight"], stride, 0)
                x = batch_norm(x, w, f"{name}.downsample.1")
            x, j = np.maximum(x + y, 0), j + 1
    return x
