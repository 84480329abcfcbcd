"""Evaluates float32 functions in float64, for finite differences.

Objectives cast to float32 explicitly, so that float64 inputs alone do not help. Here the traced
program is re-evaluated with all floating-point values widened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jssl.core.scans import scan_inputs

_INLINE = {"jit", "pjit", "closed_call", "core_call", "remat", "checkpoint", "remat2"}
_INLINE |= {"custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr", "custom_lin"}


def directional_derivatives(
    function: Callable[..., jax.Array],
    point: Sequence[jax.Array],
    directions: Sequence[Sequence[np.ndarray]],
    *,
    step: float = 1e-5,
) -> list[float]:
    """Central differences in float64.

    Values under `stop_gradient` are held constant at the point, as in automatic differentiation.

    Args:
      function: float arrays -> scalar.
      point: the point of evaluation, float arrays.
      directions: for each derivative, one array per array of the point.
      step: step size of the differences.

    Returns:
      One derivative per direction.
    """
    jaxpr = jax.make_jaxpr(function)(*point)
    with jax.enable_x64(True):

        def at(values: list[jax.Array]) -> list[jax.Array]:
            stopped: list[jax.Array] = []
            _evaluate(jaxpr.jaxpr, jaxpr.consts, values, stopped, None)
            return stopped

        def held(values: list[jax.Array], stopped: list[jax.Array]) -> jax.Array:
            return _evaluate(jaxpr.jaxpr, jaxpr.consts, values, None, iter(stopped))[0]

        value = jax.jit(held)
        base = [np.asarray(x).astype(np.float64) for x in point]
        # Few values are stopped, and computing them needs only a small part of the program.
        stopped = jax.jit(at)(base)
        found = []
        for direction in directions:
            sides = (
                value([x + sign * step * v for x, v in zip(base, direction, strict=True)], stopped)
                for sign in (1, -1)
            )
            found.append((float(next(sides)) - float(next(sides))) / (2 * step))
        return found


def _evaluate(
    jaxpr: Any, consts: Sequence[Any], args: Sequence[Any], record: list | None, replay: Any
) -> list[Any]:
    values: dict[Any, Any] = {}

    def read(atom: Any) -> Any:
        return _wide(atom.val) if hasattr(atom, "val") else values[atom]

    def write(variables: Sequence[Any], results: Sequence[Any]) -> None:
        values.update(zip(variables, results, strict=True))

    write(jaxpr.constvars, [_wide(c) for c in consts])
    write(jaxpr.invars, [_wide(a) for a in args])
    for equation in jaxpr.eqns:
        inputs = [read(atom) for atom in equation.invars]
        name, params = equation.primitive.name, equation.params
        if name == "stop_gradient":
            if replay is not None:
                results = [next(replay)]
            else:
                results = inputs
                if record is not None:
                    record.append(inputs[0])
        elif name in _INLINE:
            inner = next(params[k] for k in ("jaxpr", "call_jaxpr", "fun_jaxpr") if k in params)
            results = _evaluate(*_open(inner), inputs, record, replay)
        elif name in ("scan", "while", "cond"):
            results = _control(name, params, inputs)
        elif name == "bitcast_convert_type":
            results = [_wide(equation.primitive.bind(_as(inputs[0], equation.invars[0]), **params))]
        elif name == "reduce_precision":
            results = inputs
        else:
            widened = {k: _wide_dtype(v) for k, v in params.items()}
            results = equation.primitive.bind(*inputs, **widened)
            results = results if equation.primitive.multiple_results else [results]
        write(equation.outvars, results)
    return [read(atom) for atom in jaxpr.outvars]


def _control(name: str, params: dict[str, Any], inputs: Sequence[Any]) -> list[Any]:
    """Evaluates loops and branches; a `stop_gradient` inside them is not held constant."""
    if name == "cond":
        branches = [_closed(branch) for branch in params["branches"]]
        return list(jax.lax.switch(inputs[0], branches, *inputs[1:]))
    if name == "while":
        n, m = params["cond_nconsts"], params["body_nconsts"]
        test, body = _closed(params["cond_jaxpr"]), _closed(params["body_jaxpr"])
        before, inner, start = inputs[:n], inputs[n : n + m], tuple(inputs[n + m :])
        end = jax.lax.while_loop(
            lambda carry: test(*before, *carry)[0], lambda carry: tuple(body(*inner, *carry)), start
        )
        return list(end)
    n, m = scan_inputs(params)
    body = _closed(params["jaxpr"])

    def step(carry: Any, x: Any) -> tuple[Any, Any]:
        results = body(*inputs[:n], *carry, *x)
        return tuple(results[:m]), tuple(results[m:])

    carry, stacked = jax.lax.scan(
        step,
        tuple(inputs[n : n + m]),
        tuple(inputs[n + m :]),
        length=params["length"],
        reverse=params["reverse"],
    )
    return [*carry, *stacked]


def _closed(jaxpr: Any) -> Callable[..., list[Any]]:
    return lambda *args: _evaluate(*_open(jaxpr), args, None, None)


def _open(jaxpr: Any) -> tuple[Any, Sequence[Any]]:
    return (jaxpr.jaxpr, jaxpr.consts) if hasattr(jaxpr, "consts") else (jaxpr, ())


def _is_float(dtype: Any) -> bool:
    return jnp.issubdtype(dtype, jnp.floating)


def _is_complex(dtype: Any) -> bool:
    return jnp.issubdtype(dtype, jnp.complexfloating)


def _wide(value: Any) -> Any:
    dtype = jnp.result_type(value)
    if _is_complex(dtype):
        return jnp.asarray(value, jnp.complex128)
    return jnp.asarray(value, jnp.float64) if _is_float(dtype) else value


def _as(value: Any, atom: Any) -> Any:
    return jnp.asarray(value, atom.aval.dtype)


def _wide_dtype(value: Any) -> Any:
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        if _is_complex(value):
            return np.dtype(np.complex128)
        return np.dtype(np.float64) if _is_float(value) else value
    return value
