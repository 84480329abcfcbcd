"""Layers of an encoder and their pooling, by the names of the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from jssl.encoders.features import Features
from jssl.errors import UserError, nearest
from jssl.nn import module as nn

POOLS = ("cls", "mean", "tokens")
LAST = "last"
_NUMBERED = ("block", "stage", "layer")


def select(
    module: nn.Module, layers: Sequence[str] = (LAST,), pool: str | None = None
) -> Callable[[Features], list[jax.Array]]:
    """A function that takes layers out of an encoder's output.

    Args:
      module: the encoder.
      layers: "last" for the encoder's output after its final norm, a number i for the output of
        block, stage or layer i as the encoder numbers them ("block8" of a ViT, whose first is
        "block0"; "stage3" of a ResNet), or the name of any entry of `Features.extras`.
      pool: "cls" (the class token), "mean" (over the positions that are no padding), "tokens" (all
        positions), or None: of "last" the encoder's own pooling, of others the class token if the
        encoder pools by one, and the mean otherwise.

    Returns:
      Function of `Features`: one array a layer, float32 [B, D], or [B, N, D] for "tokens".

    Raises:
      UserError: by the function, where there is no such layer, or it has no class token or tokens.
    """
    if pool is not None and pool not in POOLS:
        raise UserError(f"no pooling is called {pool!r}: {nearest(pool, POOLS)}")
    if not layers:
        raise UserError("no layer is named: --layers takes last, numbers or names of layers")
    return lambda features: [
        _layer(features, module, layer, pool).astype(jnp.float32) for layer in layers
    ]


def _layer(features: Features, module: nn.Module, layer: str, pool: str | None) -> jax.Array:
    kind = type(module).__name__
    extras = features.extras
    if layer == LAST:
        if pool is None:
            return features.pooled
        if pool == "cls":
            if "cls" not in extras:
                raise UserError(f"this {kind} has no class token: use --pool mean")
            return extras["cls"]
        if features.tokens is None:
            raise UserError(f"this {kind} has no tokens to pool: leave --pool out")
        return features.tokens if pool == "tokens" else _mean(features.tokens, features)
    name = next((n for n in (f"{way}{layer}" for way in _NUMBERED) if n in extras), layer)
    if name not in extras:
        known = [LAST, *(key for key, value in extras.items() if value.ndim in (2, 3, 4))]
        raise UserError(f"this {kind} has no layer {layer!r}: {nearest(name, known)}")
    value = extras[name]
    if value.ndim == 4:
        value = value.reshape(value.shape[0], -1, value.shape[-1])
    if value.ndim == 2:
        if pool in ("cls", "tokens"):
            raise UserError(
                f"layer {name} of this {kind} is one vector an example: leave --pool out"
            )
        return value
    if value.ndim != 3:
        raise UserError(f"layer {name} of this {kind} is neither vectors nor tokens")
    prefix = getattr(module, "prefix_tokens", 0) if _has_prefix(name) else 0
    if pool == "cls" or (pool is None and prefix and getattr(module, "pool", "") == "cls"):
        if "cls" not in extras or not prefix:
            raise UserError(f"layer {name} of this {kind} has no class token: use --pool mean")
        return value[:, 0]
    tokens = value[:, prefix:]
    return tokens if pool == "tokens" else _mean(tokens, features)


def _has_prefix(name: str) -> bool:
    return name == "embedding" or (name.startswith("block") and name[5:].isdigit())


def _mean(tokens: jax.Array, features: Features) -> jax.Array:
    """Over the positions, those of padding left out where the encoder tells them."""
    valid = features.extras.get("valid")
    if valid is None or valid.shape != tokens.shape[:2]:
        return jnp.mean(tokens, axis=1)
    weights = valid.astype(tokens.dtype)[..., None]
    return jnp.sum(tokens * weights, axis=1) / jnp.maximum(jnp.sum(weights, axis=1), 1.0)
