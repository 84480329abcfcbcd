"""A JAX function as an ONNX model, with a batch of any size.

The function is traced with a symbolic batch size, and each primitive of the trace becomes ONNX
operators (`jssl.interop.onnx_ops`). A primitive without a rule is refused by name.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np
from jax import export
from jax.extend import core

from jssl import __version__
from jssl.errors import UserError
from jssl.interop.onnx_ops import RULES

_OPSET = 18
_BATCH = "batch"
_CALLS = ("jit", "pjit", "closed_call", "custom_jvp_call", "custom_vjp_call", "checkpoint")
_LARGEST = (1 << 31) - (1 << 20)  # bytes of a file, a limit of its container


def write_onnx(
    path: Path, function: Callable[[jax.Array], jax.Array], example: jax.ShapeDtypeStruct
) -> None:
    """Writes a function of a batch as an ONNX file with one input "x" and one output "features".

    Args:
      path: of the file.
      function: f(x [B, ...]) -> [B, D], with its parameters closed over.
      example: shape and dtype of one example of `x`.

    Raises:
      UserError: the package is missing, or an operation of the function has no ONNX form.
    """
    onnx = package("onnx")
    (batch,) = export.symbolic_shape(_BATCH)
    traced = jax.make_jaxpr(function)(jax.ShapeDtypeStruct((batch, *example.shape), example.dtype))
    graph = Graph(onnx)
    (output,) = graph.run(traced.jaxpr, traced.consts, ["x"])
    graph.node("Identity", [output], name="features")
    graph.prune("features")
    helper, value = onnx.helper, onnx.helper.make_tensor_value_info
    (result,) = traced.out_avals
    model = helper.make_model(
        helper.make_graph(
            graph.made,
            "encoder",
            [value("x", graph.dtype(example.dtype), [_BATCH, *example.shape])],
            [value("features", graph.dtype(result.dtype), [_BATCH, *result.shape[1:]])],
            [onnx.numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        producer_name="jssl",
        producer_version=__version__,
        ir_version=10,
    )
    if model.ByteSize() > _LARGEST:
        raise UserError("the encoder has more than 2 GiB of weights, which no ONNX file holds")
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def run_onnx(path: Path, x: np.ndarray) -> np.ndarray:
    """Runs a file of `write_onnx` with onnxruntime on the CPU.

    Raises:
      UserError: the package is missing.
    """
    runtime = package("onnxruntime")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["features"], {"x": x})[0]


def package(name: str) -> ModuleType:
    """Imports onnx or onnxruntime.

    Raises:
      UserError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(
            f"--to onnx needs the package {name}, which is not installed: pip install 'jssl[onnx]'"
        ) from error


class Graph:
    """The nodes and constants of an ONNX graph while a trace is translated."""

    def __init__(self, onnx: ModuleType) -> None:
        self.onnx = onnx
        self.made: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}
        self._batch: str | None = None
        self._known: dict[int, tuple[Any, str]] = {}

    def run(self, jaxpr: Any, consts: Sequence[Any], inputs: Sequence[str]) -> list[str]:
        """Translates a trace; returns the names of its results."""
        names: dict[Any, str] = {}
        values: dict[Any, Any] = {}  # what is known now: the platform that code is chosen by

        def read(atom: Any) -> str:
            if isinstance(atom, core.Literal):
                return self.constant(np.asarray(atom.val, atom.aval.dtype))
            return names[atom]

        for variable, value in zip(jaxpr.constvars, consts, strict=True):
            names[variable] = self.held(value)
        names.update(zip(jaxpr.invars, inputs, strict=True))
        for eqn in jaxpr.eqns:
            kind = eqn.primitive.name
            if kind == "platform_index":
                values[eqn.outvars[0]] = _any_platform(eqn.params["platforms"])
                continue
            if kind == "cond" and eqn.invars[0] in values:
                branches = eqn.params["branches"]
                inner = branches[min(values[eqn.invars[0]], len(branches) - 1)]
                found = self.run(inner.jaxpr, inner.consts, [read(v) for v in eqn.invars[1:]])
            elif kind in _CALLS:
                inner = _inner(eqn)
                consts_ = getattr(inner, "consts", ())
                body = getattr(inner, "jaxpr", inner)
                found = self.run(body, consts_, [read(v) for v in eqn.invars])
            elif kind in RULES:
                found = RULES[kind](self, eqn, *(read(v) for v in eqn.invars))
            else:
                raise UserError(
                    f"the encoder uses {kind}, which jssl does not export to ONNX; --to stablehlo "
                    "takes every encoder"
                )
            names.update(zip(eqn.outvars, found, strict=True))
        return [read(v) for v in jaxpr.outvars]

    def node(
        self, operator: str, inputs: Sequence[str], *, name: str | None = None, **options: Any
    ) -> str:
        """Adds a node with one output; returns its name."""
        return self.nodes(operator, inputs, 1, name=name, **options)[0]

    def nodes(
        self,
        operator: str,
        inputs: Sequence[str],
        count: int,
        *,
        name: str | None = None,
        **options: Any,
    ) -> list[str]:
        """Adds a node with several outputs."""
        start = len(self.made)
        outputs = [name or f"v{start}_{i}" for i in range(count)]
        self.made.append(self.onnx.helper.make_node(operator, list(inputs), outputs, **options))
        return outputs

    def constant(self, value: np.ndarray) -> str:
        """Adds an array; returns its name."""
        name = f"c{len(self.constants)}"
        self.constants[name] = np.ascontiguousarray(value)
        return name

    def held(self, value: Any) -> str:
        """A closed-over array, once for all of its uses."""
        if id(value) not in self._known:
            self._known[id(value)] = (value, self.constant(np.asarray(value)))
        return self._known[id(value)][1]

    def take(self, x: str, index: int) -> str:
        """Row `index` of the first axis."""
        if x in self.constants:
            return self.constant(self.constants[x][index])
        return self.node("Gather", [x, self.constant(np.asarray(index, np.int64))], axis=0)

    def prune(self, output: str) -> None:
        """Leaves out what the output does not depend on."""
        needed, kept = {output}, []
        for node in reversed(self.made):
            if needed & set(node.output):
                needed |= set(node.input)
                kept.append(node)
        self.made = kept[::-1]
        self.constants = {name: x for name, x in self.constants.items() if name in needed}

    def transpose(self, x: str, order: Sequence[int]) -> str:
        """Permutes the axes, if they are not in order."""
        order = [int(axis) for axis in order]
        return x if order == sorted(order) else self.node("Transpose", [x], perm=order)

    def reshape(self, x: str, shape: Sequence[Any]) -> str:
        """To a shape in which at most one size depends on the batch."""
        sizes = [size if isinstance(size, int) else -1 for size in shape]
        if sizes.count(-1) > 1:
            raise UserError("an array with two axes that depend on the batch is not exported")
        return self.node("Reshape", [x, self.constant(np.asarray(sizes, np.int64))], allowzero=1)

    def shape(self, shape: Sequence[Any]) -> str:
        """A shape as a tensor, computed from the batch where it depends on it."""
        if all(isinstance(size, int) for size in shape):
            return self.constant(np.asarray(shape, np.int64))
        return self.node("Concat", [self._size(size) for size in shape], axis=0)

    def _size(self, size: Any) -> str:
        if isinstance(size, int):
            return self.constant(np.asarray([size], np.int64))
        if self._batch is None:
            whole = self.node("Shape", ["x"])
            ends = [self.constant(np.asarray([i], np.int64)) for i in (0, 1)]
            self._batch = self.node("Slice", [whole, *ends])
        factor = _multiple(size)
        if factor == 1:
            return self._batch
        return self.node("Mul", [self._batch, self.constant(np.asarray([factor], np.int64))])

    def dtype(self, dtype: Any) -> int:
        """ONNX's number of a NumPy dtype."""
        return self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def _multiple(size: Any) -> int:
    """k of a size k * batch."""
    text = str(size)
    factor, _, rest = text.partition("*")
    if text == _BATCH:
        return 1
    if rest == _BATCH and factor.isdigit():
        return int(factor)
    raise UserError(f"a size of {size} is not exported")


def _any_platform(platforms: Sequence[Any]) -> int:
    """The branch that is not for a certain platform: the plain form of an operation."""
    return next(
        (i for i, names in enumerate(platforms) if names is None or "cpu" not in names),
        len(platforms) - 1,
    )


def _inner(eqn: Any) -> Any:
    for key in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        if key in eqn.params:
            return eqn.params[key]
    raise UserError(f"{eqn.primitive.name} is not exported to ONNX")
