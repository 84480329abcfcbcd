"""The names of Flax Linen that jssl uses: the only module that imports it.

Encoders, heads and methods write ``from jssl.nn import module as nn`` and then `nn.Module`,
`nn.compact` and so on, so that what jssl needs of a module library is the list below. A network of
Flax NNX becomes a module by `jssl.encoders.adapters.NNXEncoder`.
"""

from __future__ import annotations

from flax.errors import ScopeParamShapeError as ParamShapeError
from flax.linen import (
    BatchNorm,
    GroupNorm,
    LayerNorm,
    Module,
    PReLU,
    compact,
    initializers,
    intercept_methods,
    max_pool,
    relu,
    remat,
    scan,
    sigmoid,
)

__all__ = [
    "BatchNorm",
    "GroupNorm",
    "LayerNorm",
    "Module",
    "PReLU",
    "ParamShapeError",
    "compact",
    "initializers",
    "intercept_methods",
    "max_pool",
    "relu",
    "remat",
    "scan",
    "sigmoid",
]
