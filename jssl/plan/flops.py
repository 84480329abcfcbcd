"""Counts the operations of a traced function: products and convolutions, all loop iterations.

XLA's own `cost_analysis` counts the body of a loop once, however often it runs, and includes
operations added by the compiler. Here the jaxpr is walked, which is the same on every machine.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import jax
from jax.extend import core

_CALLS = ("jaxpr", "call_jaxpr", "fun_jaxpr", "body_jaxpr")


@dataclasses.dataclass(frozen=True)
class Flops:
    """Floating-point operations; a multiplication and an addition are two.

    Attributes:
      products: of matrix products.
      convolutions: of convolutions, without the zeros inserted by dilation.
      unbounded: loops with a dynamic number of iterations, each counted as one iteration.
    """

    products: float = 0.0
    convolutions: float = 0.0
    unbounded: int = 0

    @property
    def total(self) -> float:
        """Products and convolutions together."""
        return self.products + self.convolutions

    def __add__(self, other: Flops) -> Flops:
        return Flops(*(a + b for a, b in zip(_values(self), _values(other), strict=True)))

    def __mul__(self, turns: int) -> Flops:
        return Flops(self.products * turns, self.convolutions * turns, self.unbounded)


def count(jaxpr: Any, *, platform: str = "cpu") -> Flops:
    """Counts a jaxpr with everything it calls.

    Args:
      jaxpr: a `ClosedJaxpr` or `Jaxpr`, of global shapes: the count is that of all devices.
      platform: "cpu", "gpu" or "tpu", for functions with platform-specific implementations.

    Returns:
      The count. Of data-dependent branches, the most expensive one is counted.
    """
    jaxpr = getattr(jaxpr, "jaxpr", jaxpr)
    total = Flops()
    for equation in jaxpr.eqns:
        name, params = equation.primitive.name, equation.params
        if name == "dot_general":
            total += Flops(products=_product(equation))
        elif name == "conv_general_dilated":
            total += Flops(convolutions=_convolution(equation))
        elif name.startswith("dot_product_attention"):
            total += Flops(products=_attention(equation))
        elif name == "scan":
            total += count(params["jaxpr"], platform=platform) * params["length"]
        elif name == "while":
            body = count(params["body_jaxpr"], platform=platform)
            total += body + Flops(unbounded=int(body.total > 0))
        elif name == "cond":
            branches, forms = params["branches"], params.get("branches_platforms")
            if forms:
                branches = [branches[_form(forms, platform)]]
            total += max(
                (count(branch, platform=platform) for branch in branches),
                key=lambda flops: flops.total,
            )
        else:
            inner = sum((count(sub, platform=platform) for sub in _inner(params)), Flops())
            if name == "shard_map":  # its body has the shapes of one device
                inner = inner * params["mesh"].size
            total += inner
    return total


def _values(flops: Flops) -> tuple[Any, ...]:
    return dataclasses.astuple(flops)


def _inner(params: dict[str, Any]) -> Iterable[Any]:
    """The function of a call; its differentiation rules are not counted."""
    for name in _CALLS:
        if isinstance(params.get(name), (core.Jaxpr, core.ClosedJaxpr)):
            return (params[name],)
    return ()


def _form(forms: tuple[Any, ...], platform: str) -> int:
    """Which implementation is lowered for a platform; None stands for any other platform."""
    aliases = {"gpu": {"gpu", "cuda", "rocm"}}.get(platform, {platform})
    for index, names in enumerate(forms):
        if names is None or aliases & set(names):
            return index
    return 0


def _product(equation: Any) -> float:
    (contract, _), _ = equation.params["dimension_numbers"]
    depth = math.prod(equation.invars[0].aval.shape[axis] for axis in contract)
    return 2.0 * math.prod(equation.outvars[0].aval.shape) * depth


def _convolution(equation: Any) -> float:
    params = equation.params
    kernel, out = equation.invars[1].aval.shape, equation.outvars[0].aval.shape
    layout = params["dimension_numbers"].rhs_spec  # (out features, in features, *space)
    depth = math.prod(kernel[axis] for axis in layout[1:])
    dilated = math.prod(params["lhs_dilation"])
    return 2.0 * math.prod(out) * depth / dilated / params["batch_group_count"]


def _attention(equation: Any) -> float:
    """Fused attention: two products forward, five backward (the scores are recomputed)."""
    query, key = (variable.aval.shape for variable in equation.invars[:2])
    batch, length, heads, width = query
    products = 5 if "bwd" in equation.primitive.name else 2
    return 2.0 * products * batch * heads * length * key[1] * width


def device_platform() -> str:
    """The platform of this machine, as `count` expects it."""
    platform = jax.default_backend()
    return "gpu" if platform in ("cuda", "rocm") else platform
