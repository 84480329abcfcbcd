"""Initialisers and activations by name, so that the fields of modules are plain values."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jssl.errors import UserError, nearest
from jssl.nn import module as nn

_INITIALIZERS: dict[str, Callable] = {
    "he_fan_out": nn.initializers.variance_scaling(2.0, "fan_out", "normal"),
    "lecun": nn.initializers.lecun_normal(),
    "xavier": nn.initializers.xavier_uniform(),
    "xavier_split": nn.initializers.xavier_uniform(),
    # PyTorch cuts at -2 and 2, which are a hundred of these standard deviations: it never happens.
    "trunc_normal": nn.initializers.normal(0.02),
    "trunc_normal_depth": nn.initializers.normal(0.02),
    # Cut at one standard deviation, which leaves 0.54 of it.
    "trunc_normal_beit": nn.initializers.truncated_normal(0.02, lower=-1.0, upper=1.0),
    "uniform_fan_in": nn.initializers.variance_scaling(1.0 / 3.0, "fan_in", "uniform"),
    "zeros": nn.initializers.zeros,
}

DEPTH_SCALED = ("trunc_normal_depth", "trunc_normal_beit")
"""Initialisers with which the output layers of a transformer's blocks start smaller with depth."""

_ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "relu": jax.nn.relu,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "gelu_tanh": lambda x: jax.nn.gelu(x, approximate=True),
    "quick_gelu": lambda x: x * jax.nn.sigmoid(1.702 * x),
    "silu": jax.nn.silu,
    "tanh": jnp.tanh,
}


def initializer(name: str, parts: int = 1) -> Callable:
    """Finds an initialiser ``f(key, shape, dtype)``.

    Args:
      name: "he_fan_out" (normal, variance 2 / fan_out; He et al., 2015), "lecun" (normal, 1 /
        fan_in), "xavier" (uniform; Glorot & Bengio, 2010), "xavier_split" (the same for each of the
        matrices that are kept as one, such as queries, keys and values: MoCo v3; "xavier" takes
        them for one, as MAE does), "trunc_normal" (standard deviation 0.02, as DINO, timm and
        PyTorch's `trunc_normal_` have it), "trunc_normal_depth" (and the output layers of
        attention and MLP of the l-th block over sqrt(2 l): I-JEPA), "trunc_normal_beit" (the same,
        cut at one standard deviation: BEiT, SimMIM, MFM), "uniform_fan_in" (uniform within 1 /
        sqrt(fan_in), PyTorch's default) or "zeros".
      parts: matrices side by side in the kernel's last axis.

    Returns:
      The initialiser.

    Raises:
      UserError: if there is no such name.
    """
    if name not in _INITIALIZERS:
        raise UserError(f"no initialiser is called {name!r}: {nearest(name, _INITIALIZERS)}")
    start = _INITIALIZERS[name]
    if name != "xavier_split" or parts == 1:
        return start

    def each(key: jax.Array, shape: tuple[int, int], dtype: jnp.dtype) -> jax.Array:
        one = (shape[0], shape[1] // parts)
        keys = jax.random.split(key, parts)
        return jnp.concatenate([start(key, one, dtype) for key in keys], axis=1)

    return each


def output_scales(name: str, depth: int) -> np.ndarray | None:
    """Initial factors on the output layers of each block's branches.

    Args:
      name: of the kernels' initialiser.
      depth: number of blocks.

    Returns:
      float32 [depth], 1 / sqrt(2 l) for block l = 1 ... depth; None if the initialiser has no such
      factors.
    """
    if name not in DEPTH_SCALED:
        return None
    return (1.0 / np.sqrt(2.0 * np.arange(1, depth + 1))).astype(np.float32)


def activation(name: str) -> Callable[[jax.Array], jax.Array]:
    """Finds an element-wise non-linearity.

    Args:
      name: "relu", "gelu" (exact, with the error function), "gelu_tanh",
        "quick_gelu" (x sigmoid(1.702 x), CLIP's), "silu" or "tanh".

    Returns:
      The function.

    Raises:
      UserError: if there is no such name.
    """
    if name not in _ACTIVATIONS:
        raise UserError(f"no activation is called {name!r}: {nearest(name, _ACTIVATIONS)}")
    return _ACTIVATIONS[name]
