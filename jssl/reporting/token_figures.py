"""Figures of patch tokens: their principal components and attention maps."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jssl.core.state import TrainState
from jssl.data.source import Source
from jssl.encoders.vit import ViT
from jssl.reporting import figures
from jssl.reporting.page import Figure
from jssl.reporting.visible import visible
from jssl.training.program import Program


def token_pca(tokens: np.ndarray) -> np.ndarray:
    """Maps the first three principal components of all tokens to RGB.

    Oquab et al. 2024, "DINOv2", figure 1, without their background removal. Each component is
    rescaled between its 1st and 99th percentile.

    Args:
      tokens: [B, N, D], tokens of several images.

    Returns:
      float32 [B, N, 3] in [0, 1].
    """
    flat = np.asarray(tokens, np.float64).reshape(-1, tokens.shape[-1])
    flat = flat - flat.mean(axis=0)
    _, vectors = np.linalg.eigh(flat.T @ flat)
    parts = flat @ vectors[:, ::-1][:, :3]
    low, high = np.percentile(parts, (1, 99), axis=0)
    scaled = np.clip((parts - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
    return scaled.reshape(*tokens.shape[:2], -1).astype(np.float32)


def attention_maps(maps: np.ndarray, prefix: int) -> np.ndarray:
    """Attention maps of the last block, averaged over heads.

    Args:
      maps: attention [B, heads, P + N, P + N], rows summing to 1.
      prefix: P, the number of tokens before the patches; the first of them is the class token.

    Returns:
      float32 [B, N]: the attention of the class token to each patch or, without a class token, the
      mean attention that a patch receives; rescaled to [0, 1] per image.
    """
    maps = np.asarray(maps, np.float64).mean(axis=1)[..., prefix:]
    found = maps[:, 0] if prefix else maps.mean(axis=1)
    low, high = found.min(axis=1, keepdims=True), found.max(axis=1, keepdims=True)
    return ((found - low) / np.maximum(high - low, 1e-12)).astype(np.float32)


def token_figures(program: Program, state: TrainState, source: Source, *, shown: int = 8) -> dict:
    """The figure of patch tokens for the page; empty for encoders other than a ViT.

    Args:
      program: the compiled experiment.
      state: the train state whose encoder is visualised.
      source: source of images.
      shown: number of images.

    Returns:
      Heading -> figure.
    """
    encoder = program.experiment.encoder
    if not isinstance(encoder, ViT):
        return {}
    pipeline = program.experiment.preprocess
    images = source[np.arange(min(shown, len(source)))][pipeline.field]
    x = jax.jit(jax.vmap(lambda image: pipeline(None, {pipeline.field: image})))(images)
    depth = encoder.shape[1]
    name = f"block{depth - 1}.attention"
    method = program.experiment.method
    net = method.net(encoder.clone(capture=(name,)))

    def look(state: TrainState, x: jax.Array) -> Any:
        found = method.encode(program.at(state).replace(net=net), x)
        return found.tokens, found.extras.get(name)

    tokens, maps = jax.jit(look)(state, jnp.asarray(x))
    rows, columns = encoder.grid(x.shape[1:3])
    if tokens is None or tokens.shape[1] != rows * columns:
        return {}
    grids = {"PCA": token_pca(np.asarray(tokens)).reshape(len(x), rows, columns, -1)}
    if maps is not None:
        heat = attention_maps(np.asarray(maps), encoder.prefix_tokens)
        grids["attention"] = np.repeat(heat.reshape(len(x), rows, columns, 1), 3, axis=-1)
    height, width = x.shape[1] // rows, x.shape[2] // columns
    large = {n: g.repeat(height, axis=1).repeat(width, axis=2) for n, g in grids.items()}
    originals = visible(images)
    return {
        "Patch tokens": Figure(
            figures.view_grid(originals, large),
            caption="Test images; the first three principal components of their patch tokens, one "
            "basis for all images; and what the last block's class token (without one: the average "
            "token) attends to, averaged over heads, from the least (black) to the most.",
            alt="Rows of images, of their patch tokens in colours, and of attention maps.",
        )
    }
