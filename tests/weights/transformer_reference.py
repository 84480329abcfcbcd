"""Transformers of published architectures in NumPy, float64, and random weights for them.

One function runs the blocks of all of them: what differs is the names of the parts, where the norms
stand, the non-linearity, the epsilon, the attention mask and the rotation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.special import erf

from tests.weights.published import Arrays, Draw

ACTIVATIONS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "gelu": lambda x: x * 0.5 * (1 + erf(x / np.sqrt(2))),
    "quick_gelu": lambda x: x / (1 + np.exp(-1.702 * x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
}


@dataclasses.dataclass(frozen=True)
class Names:
    """Names of the parts of a block, after the block's own name; "" for a part there is not."""

    norm1: str
    qkv: tuple[str, ...]
    out: str
    norm2: str
    fc1: str
    fc2: str
    scale1: str = ""
    scale2: str = ""
    gate: str = ""


AUTHORS = Names("norm1", ("attn.qkv",), "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
SCALED = dataclasses.replace(AUTHORS, scale1="ls1.gamma", scale2="ls2.gamma")
SWIGLU = dataclasses.replace(SCALED, fc1="mlp.w12", fc2="mlp.w3")
SPLIT = dataclasses.replace(SCALED, fc1="mlp.w1", gate="mlp.w2", fc2="mlp.w3")
_QKV = tuple(f"attention.attention.{n}" for n in ("query", "key", "value"))
HF = Names(
    "layernorm_before",
    _QKV,
    "attention.output.dense",
    "layernorm_after",
    "intermediate.dense",
    "output.dense",
)
HF_SCALED = dataclasses.replace(
    HF, norm1="norm1", norm2="norm2", fc1="mlp.fc1", fc2="mlp.fc2",
    scale1="layer_scale1.lambda1", scale2="layer_scale2.lambda1",
)  # fmt: skip


def draw_blocks(
    draw: Draw, at: str, depth: int, width: int, names: Names, hidden: int, *, bias: bool = True
) -> None:
    """Draws the blocks `at` with `{i}` in place of the number."""
    for i in range(depth):
        b = at.replace("{i}", str(i))
        draw.norm(f"{b}.{names.norm1}", width)
        draw.norm(f"{b}.{names.norm2}", width)
        for part in names.qkv:
            draw.linear(f"{b}.{part}", 3 * width // len(names.qkv), width, bias=bias)
        draw.linear(f"{b}.{names.out}", width, width)
        fused = names.fc1.endswith(("w12", "weights_in"))
        draw.linear(f"{b}.{names.fc1}", (1 + fused) * hidden, width)
        if names.gate:
            draw.linear(f"{b}.{names.gate}", hidden, width)
        draw.linear(f"{b}.{names.fc2}", width, hidden)
        for scale in filter(None, (names.scale1, names.scale2)):
            draw.add(f"{b}.{scale}", width, mean=0.5)


def linear(w: Mapping[str, Any], name: str, x: np.ndarray) -> np.ndarray:
    y = x @ w[f"{name}.weight"].T
    return y + w[f"{name}.bias"] if f"{name}.bias" in w else y


def norm(w: Mapping[str, Any], name: str, x: np.ndarray, eps: float) -> np.ndarray:
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + eps) * w[f"{name}.weight"] + w[f"{name}.bias"]


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attention(
    w: Mapping[str, Any],
    b: str,
    names: Names,
    x: np.ndarray,
    heads: int,
    mask: np.ndarray | None,
    rotate: Callable[[np.ndarray], np.ndarray] | None,
) -> np.ndarray:
    parts = [linear(w, f"{b}.{part}", x) for part in names.qkv]
    parts = np.split(parts[0], 3, axis=-1) if len(parts) == 1 else parts
    shape = (*x.shape[:2], heads, x.shape[-1] // heads)
    q, k, v = (p.reshape(shape).transpose(0, 2, 1, 3) for p in parts)
    if rotate is not None:
        q, k = rotate(q), rotate(k)
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(shape[-1])
    if mask is not None:
        scores = np.where(mask, scores, -1e30)
    return linear(w, f"{b}.{names.out}", (softmax(scores) @ v).swapaxes(1, 2).reshape(x.shape))


def mlp(w: Mapping[str, Any], b: str, names: Names, x: np.ndarray, act: str) -> np.ndarray:
    y = linear(w, f"{b}.{names.fc1}", x)
    if names.gate:
        y = ACTIVATIONS["silu"](y) * linear(w, f"{b}.{names.gate}", x)
    elif names.fc1.endswith(("w12", "weights_in")):
        first, second = np.split(y, 2, axis=-1)
        y = ACTIVATIONS["silu"](first) * second
    else:
        y = ACTIVATIONS[act](y)
    return linear(w, f"{b}.{names.fc2}", y)


def run_blocks(
    weights: Arrays,
    at: str,
    x: np.ndarray,
    names: Names,
    heads: int,
    *,
    eps: float = 1e-6,
    act: str = "gelu",
    post_norm: bool = False,
    mask: np.ndarray | None = None,
    rotate: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Runs all blocks `at`; `x` [B, N, D]."""
    w, i = weights, 0
    while f"{(b := at.replace('{i}', str(i)))}.{names.norm1}.weight" in w:
        scale1 = w[f"{b}.{names.scale1}"] if names.scale1 else 1.0
        scale2 = w[f"{b}.{names.scale2}"] if names.scale2 else 1.0
        if post_norm:
            y = attention(w, b, names, x, heads, mask, rotate)
            x = norm(w, f"{b}.{names.norm1}", x + y, eps)
            x = norm(w, f"{b}.{names.norm2}", x + mlp(w, b, names, x, act), eps)
        else:
            y = norm(w, f"{b}.{names.norm1}", x, eps)
            x = x + scale1 * attention(w, b, names, y, heads, mask, rotate)
            y = norm(w, f"{b}.{names.norm2}", x, eps)
            x = x + scale2 * mlp(w, b, names, y, act)
        i += 1
    return x


def doubles(arrays: Arrays) -> Arrays:
    return {name: np.asarray(value, np.float64) for name, value in arrays.items()}


def patches(w: Mapping[str, Any], name: str, images: np.ndarray) -> np.ndarray:
    """The patch embedding by a convolution [D, C, p, p] of stride p: [B, H, W, C] -> [B, N, D]."""
    kernel = w[f"{name}.weight"]
    p = kernel.shape[-1]
    b, h, width, c = images.shape
    x = images.reshape(b, h // p, p, width // p, p, c).transpose(0, 1, 3, 5, 2, 4)
    y = x.reshape(b, -1, c * p * p) @ kernel.reshape(len(kernel), -1).T
    return y + w[f"{name}.bias"] if f"{name}.bias" in w else y


def draw_vit(
    names: Names = AUTHORS,
    *,
    width: int = 16,
    depth: int = 2,
    grid: int = 3,
    patch: int = 4,
    class_token: bool = True,
    class_row: bool = True,
    registers: int = 0,
    positions: bool = True,
    bias: bool = True,
    hidden: int | None = None,
    hf: bool = False,
) -> Arrays:
    """A ViT in the authors' or in transformers' names, with noise everywhere."""
    draw, e = Draw(3), "embeddings." if hf else ""
    shape = (width, 3, patch, patch)
    at = "embeddings.patch_embeddings.projection" if hf else "patch_embed.proj"
    draw.add(f"{at}.weight", *shape, std=0.2)
    draw.add(f"{at}.bias", width)
    if class_token:
        draw.add(f"{e}cls_token", 1, 1, width)
    if registers:
        draw.add(f"{e}register_tokens", 1, registers, width)
    if positions:
        rows = grid * grid + (class_token and class_row)
        draw.add(f"{e}{'position_embeddings' if hf else 'pos_embed'}", 1, rows, width)
    hidden = hidden or 4 * width
    at = "encoder.layer.{i}" if hf else "blocks.{i}"
    draw_blocks(draw, at, depth, width, names, hidden, bias=bias)
    draw.norm("layernorm" if hf else "norm", width)
    return draw.arrays


def vit_forward(
    arrays: Arrays,
    images: np.ndarray,
    names: Names = AUTHORS,
    *,
    heads: int = 2,
    eps: float = 1e-6,
    rope: np.ndarray | None = None,
) -> np.ndarray:
    """Tokens after the final norm, [class], [registers] and patches in this order.

    `rope`: the periods of rotary positions.
    """
    w = doubles(arrays)
    hf = "embeddings.patch_embeddings.projection.weight" in w
    e = "embeddings." if hf else ""
    at = "embeddings.patch_embeddings.projection" if hf else "patch_embed.proj"
    x = patches(w, at, np.asarray(images, np.float64))
    batch, count, width = x.shape
    prefix = []
    if f"{e}cls_token" in w:
        prefix.append(np.broadcast_to(w[f"{e}cls_token"], (batch, 1, width)))
    table = w.get(f"{e}position_embeddings" if hf else "pos_embed")
    if table is not None and table.shape[1] == count:
        x = x + table
    elif table is not None:
        x, prefix = x + table[:, 1:], [prefix[0] + table[:, :1]]
    for name in ("register_tokens", "storage_tokens"):
        if f"{e}{name}" in w:
            tokens = w[f"{e}{name}"]
            prefix.append(np.broadcast_to(tokens, (batch, *tokens.shape[1:])))
    skip = sum(p.shape[1] for p in prefix)
    x = np.concatenate([*prefix, x], axis=1)
    rotate = None
    if rope is not None:
        side = int(np.sqrt(count))

        def rotate(q: np.ndarray) -> np.ndarray:
            q = q.copy()
            for n in range(count):
                spots = [((n // side) + 0.5) / side * 2 - 1, ((n % side) + 0.5) / side * 2 - 1]
                angle = np.concatenate([2 * np.pi * spot / rope for spot in spots])
                half = len(angle)
                a, b = q[:, :, skip + n, :half].copy(), q[:, :, skip + n, half:].copy()
                q[:, :, skip + n, :half] = a * np.cos(angle) - b * np.sin(angle)
                q[:, :, skip + n, half:] = b * np.cos(angle) + a * np.sin(angle)
            return q

    blocks = "encoder.layer.{i}" if hf else "blocks.{i}"
    x = run_blocks(w, blocks, x, names, heads, eps=eps, rotate=rotate)
    return norm(w, "layernorm" if hf else "norm", x, eps)
