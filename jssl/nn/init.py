"""Initialisers and activations by name, so that a module's fields stay plain values."""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from jssl.errors import UserError, nearest

_INITIALIZERS: dict[str, Callable] = {
    "he_fan_out": nn.initializers.variance_scaling(2.0, "fan_out", "normal"),
    "lecun": nn.initializers.lecun_normal(),
    "xavier": nn.initializers.xavier_uniform(),
    "trunc_normal": nn.initializers.truncated_normal(0.02),
    "uniform_fan_in": nn.initializers.variance_scaling(1.0 / 3.0, "fan_in", "uniform"),
    "zeros": nn.initializers.zeros,
}

_ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "relu": jax.nn.relu,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "gelu_tanh": lambda x: jax.nn.gelu(x, approximate=True),
    "silu": jax.nn.silu,
    "tanh": jnp.tanh,
}


def initializer(name: str) -> Callable:
    """Finds an initialiser ``f(key, shape, dtype)``.

    Args:
      name: "he_fan_out" (normal, variance 2 / fan_out; He et al., 2015), "lecun" (normal, 1 /
        fan_in), "xavier" (uniform; Glorot & Bengio, 2010), "trunc_normal" (standard deviation
        0.02, as in ViT and BERT), "uniform_fan_in" (uniform within 1 / sqrt(fan_in)) or "zeros".

    Returns:
      The initialiser.

    Raises:
      UserError: if there is no such name.
    """
    if name not in _INITIALIZERS:
        raise UserError(f"no initialiser is called {name!r}: {nearest(name, _INITIALIZERS)}")
    return _INITIALIZERS[name]


def activation(name: str) -> Callable[[jax.Array], jax.Array]:
    """Finds an element-wise non-linearity.

    Args:
      name: "relu", "gelu" (exact, with the error function), "gelu_tanh", "silu" or "tanh".

    Returns:
      The function.

    Raises:
      UserError: if there is no such name.
    """
    if name not in _ACTIVATIONS:
        raise UserError(f"no activation is called {name!r}: {nearest(name, _ACTIVATIONS)}")
    return _ACTIVATIONS[name]
