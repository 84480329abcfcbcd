"""Gradient transformations that are missing in Optax, or that it has for whole arrays only.

All of them treat the layers of a stack (see `jssl.core.layers`) like the separate arrays of an
unscanned network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from chex import ArrayTree

from jssl.core import layers
from jssl.core.state import path_name, paths
from jssl.errors import UserError

_EPSILON = 1e-6  # added to norms that gradients are divided by, as torch's `clip_grad_norm_` does


def clip_each(bound: float) -> optax.GradientTransformation:
    """Scales the gradient of every parameter down to a norm of at most `bound`.

    DINO's `clip_gradients` (Caron et al., 2021): factor min(1, bound / (norm + 1e-6)).
    """

    def clip(updates: ArrayTree, params: ArrayTree | None = None) -> ArrayTree:
        del params
        return jax.tree.map(
            lambda g, many: g * _shrink(bound, _norm(g, many)), updates, layers.stacked(updates)
        )

    return optax.stateless(clip)


def clip_modules(bound: float) -> optax.GradientTransformation:
    """Scales the gradients of each part of the net down to a joint norm of at most `bound`.

    The parts are the top-level entries of the parameters: the encoder and each head. DINOv2 (Oquab
    et al., 2023) calls `clip_grad_norm_` in this way, once for the backbone and once per head.
    """

    def clip(updates: ArrayTree, params: ArrayTree | None = None) -> ArrayTree:
        del params
        return {
            name: jax.tree.map(lambda g, f=_shrink(bound, optax.tree.norm(part)): g * f, part)
            for name, part in updates.items()
        }

    return optax.stateless(clip)


def scale_by_trust_ratio(
    coefficient: float, mask: Callable[[ArrayTree], ArrayTree]
) -> optax.GradientTransformation:
    """LARS (You et al., 2017): scales updates to a constant times the norm of the weights.

    Args:
      coefficient: the constant.
      mask: parameters -> booleans; the updates of the others stay as they are.

    Returns:
      The transformation; the ratio is 1 where the norm of the weights or of the update is 0.
    """

    def one(update: jax.Array, param: jax.Array, scaled: bool, many: bool) -> jax.Array:
        if not scaled:
            return update
        weight, length = _norm(param, many), _norm(update, many)
        still = (weight == 0.0) | (length == 0.0)
        ratio = coefficient * weight / jnp.where(still, 1.0, length)
        return update * jnp.where(still, 1.0, ratio).astype(param.dtype)

    def scale(updates: ArrayTree, params: ArrayTree | None = None) -> ArrayTree:
        return jax.tree.map(one, updates, params, mask(params), layers.stacked(params))

    return optax.stateless(scale)


def by_layer(decay: float) -> optax.GradientTransformation:
    """Multiplies the updates of an encoder's parameters by `jssl.core.layers.layer_factors`.

    Updates of parameters outside the encoder (heads, predictors, decoders) are not scaled.
    """

    def multiply(updates: ArrayTree, params: ArrayTree | None = None) -> ArrayTree:
        del params
        encoder = updates.get("encoder") if hasattr(updates, "get") else None
        if encoder is None or not layers.count_blocks(encoder):
            raise UserError(
                f"optimizer.layer_decay is {decay} and the encoder has no numbered blocks that it "
                "could apply to; it must be 1 here"
            )
        factors = layers.layer_factors(encoder, decay)
        slowed = jax.tree.map(lambda update, f: update * f.astype(update.dtype), encoder, factors)
        return {**updates, "encoder": slowed}

    return optax.stateless(multiply)


def multiply_named(multipliers: Sequence[tuple[str, float]]) -> optax.GradientTransformation:
    """Multiplies updates by the factor of the first pattern that matches their path.

    Args:
      multipliers: (regular expression, factor) pairs.

    Returns:
      The transformation; it raises `UserError` for a pattern that matches no path.
    """

    def multiply(updates: ArrayTree, params: ArrayTree | None = None) -> ArrayTree:
        del params
        unused = {pattern for pattern, _ in multipliers}

        def one(path: tuple[Any, ...], update: jax.Array) -> jax.Array:
            for pattern, factor in multipliers:
                if re.search(pattern, path_name(path)):
                    unused.discard(pattern)
                    return update * factor
            return update

        multiplied = jax.tree_util.tree_map_with_path(one, updates)
        if unused:
            raise UserError(
                f"optimizer.multipliers: no parameter's path holds {' or '.join(sorted(unused))}"
            )
        return multiplied

    return optax.stateless(multiply)


def _norm(x: jax.Array, many: bool) -> jax.Array:
    """The norm of an array; of a stack, those of its layers, [L, 1, ...]."""
    axes = tuple(range(1, x.ndim)) if many else None
    return jnp.sqrt(jnp.sum(jnp.square(x), axis=axes, keepdims=many))


def _shrink(bound: float, norm: jax.Array) -> jax.Array:
    return jnp.minimum(bound / (norm + _EPSILON), 1.0)


TRAINED = ("all", "adapters", "last_blocks", "none")
_ENCODER = re.compile(r"(?:^|/)encoder/")
_ADAPTERS = re.compile(r"/(?:lora_[ab]|mask_token|position_token)$")
# What stands before the blocks of encoders of symbols and sounds, beside positions.
_INPUT = re.compile(r"(?:^|/)encoder/(symbols|type_table|input_norm|stack|norm|embedding)(?:/|$)")


def only_trained(trained: str, last_blocks: int) -> optax.GradientTransformation:
    """Sets the updates of the parts of the encoder that are not trained to zero.

    Args:
      trained: "adapters", "last_blocks" or "none"; mask tokens and parameters outside of the
        encoder are always trained.
      last_blocks: how many blocks of the encoder "last_blocks" trains.

    Returns:
      The transformation, without state.

    Raises:
      UserError: when it is applied: nothing would be trained but heads where adapters were asked
        for, or the encoder has fewer blocks.
    """

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        del params
        inside = {n: x for n, x in paths(updates).items() if _ENCODER.search(n)}
        if trained == "adapters" and not any(n.endswith("lora_a") for n in inside):
            raise UserError(
                "optimizer.trained=adapters trains low-rank additions, and the encoder has none: "
                "add --set encoder.lora=8"
            )
        factors = {}
        if trained == "last_blocks":
            found = paths(layers.layer_factors({"encoder": updates["encoder"]}, 1.0, last_blocks))
            factors = {name: x for name, x in found.items() if not _INPUT.search(name)}

        def one(path: tuple[Any, ...], update: jax.Array) -> jax.Array:
            name = path_name(path)
            if name not in inside or _ADAPTERS.search(name):
                return update
            return update * jnp.asarray(factors.get(name, 0.0), update.dtype)

        return jax.tree_util.tree_map_with_path(one, updates), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)
