"""ONNX operators for JAX's primitives, as far as encoders in evaluation mode use them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jssl.core.scans import scan_inputs
from jssl.errors import UserError

Rule = Callable[..., list[str]]
RULES: dict[str, Rule] = {}

_UNARY = {
    "exp": "Exp",
    "log": "Log",
    "neg": "Neg",
    "tanh": "Tanh",
    "logistic": "Sigmoid",
    "erf": "Erf",
    "sqrt": "Sqrt",
    "abs": "Abs",
    "floor": "Floor",
    "ceil": "Ceil",
    "sign": "Sign",
    "sin": "Sin",
    "cos": "Cos",
    "not": "Not",
    "stop_gradient": "Identity",
    "copy": "Identity",
    "copy_p": "Identity",
    "optimization_barrier": "Identity",
}
_BINARY = {
    "add": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "div": "Div",
    "max": "Max",
    "min": "Min",
    "pow": "Pow",
    "and": "And",
    "or": "Or",
    "eq": "Equal",
    "gt": "Greater",
    "ge": "GreaterOrEqual",
    "lt": "Less",
    "le": "LessOrEqual",
}


def _rule(*names: str) -> Callable[[Rule], Rule]:
    def add(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return add


def _simple(operator: str) -> Rule:
    return lambda graph, eqn, *inputs: [graph.node(operator, inputs)]


RULES.update({name: _simple(operator) for name, operator in (_UNARY | _BINARY).items()})


@_rule("ne")
def _ne(graph: Any, eqn: Any, a: str, b: str) -> list[str]:
    return [graph.node("Not", [graph.node("Equal", [a, b])])]


@_rule("rem")
def _rem(graph: Any, eqn: Any, a: str, b: str) -> list[str]:
    return [graph.node("Mod", [a, b], fmod=1)]  # of the sign of the dividend, as JAX has it


@_rule("add_any")
def _add_any(graph: Any, eqn: Any, a: str, b: str) -> list[str]:
    return [graph.node("Add", [a, b])]


@_rule("square")
def _square(graph: Any, eqn: Any, x: str) -> list[str]:
    return [graph.node("Mul", [x, x])]


@_rule("rsqrt")
def _rsqrt(graph: Any, eqn: Any, x: str) -> list[str]:
    return [graph.node("Reciprocal", [graph.node("Sqrt", [x])])]


@_rule("integer_pow")
def _integer_pow(graph: Any, eqn: Any, x: str) -> list[str]:
    power = np.asarray(eqn.params["y"], eqn.invars[0].aval.dtype)
    return [graph.node("Pow", [x, graph.constant(power)])]


@_rule("erfc")
def _erfc(graph: Any, eqn: Any, x: str) -> list[str]:
    one = graph.constant(np.asarray(1, eqn.invars[0].aval.dtype))
    return [graph.node("Sub", [one, graph.node("Erf", [x])])]


@_rule("log1p", "expm1")
def _near_one(graph: Any, eqn: Any, x: str) -> list[str]:
    one = graph.constant(np.asarray(1, eqn.invars[0].aval.dtype))
    if eqn.primitive.name == "log1p":
        return [graph.node("Log", [graph.node("Add", [x, one])])]
    return [graph.node("Sub", [graph.node("Exp", [x]), one])]


@_rule("clamp")
def _clamp(graph: Any, eqn: Any, low: str, x: str, high: str) -> list[str]:
    return [graph.node("Min", [graph.node("Max", [x, low]), high])]


@_rule("select_n")
def _select(graph: Any, eqn: Any, which: str, *cases: str) -> list[str]:
    if len(cases) != 2 or eqn.invars[0].aval.dtype != np.bool_:
        raise UserError("a choice among more than two cases has no ONNX operator")
    return [graph.node("Where", [which, cases[1], cases[0]])]


@_rule("convert_element_type")
def _convert(graph: Any, eqn: Any, x: str) -> list[str]:
    return [graph.node("Cast", [x], to=graph.dtype(eqn.params["new_dtype"]))]


@_rule("reshape", "squeeze", "expand_dims")
def _reshape(graph: Any, eqn: Any, x: str) -> list[str]:
    return [graph.reshape(x, eqn.outvars[0].aval.shape)]


@_rule("transpose")
def _transpose(graph: Any, eqn: Any, x: str) -> list[str]:
    return [graph.node("Transpose", [x], perm=list(eqn.params["permutation"]))]


@_rule("broadcast_in_dim")
def _broadcast(graph: Any, eqn: Any, x: str, *sizes: str) -> list[str]:
    source, shape = eqn.invars[0].aval.shape, eqn.params["shape"]
    middle: list[Any] = [1] * len(shape)
    for axis, size in zip(eqn.params["broadcast_dimensions"], source, strict=True):
        middle[axis] = size
    if list(source) != middle:
        x = graph.reshape(x, middle)
    if list(middle) == list(shape):
        return [x]
    return [graph.node("Expand", [x, graph.shape(shape)])]


@_rule("concatenate")
def _concatenate(graph: Any, eqn: Any, *parts: str) -> list[str]:
    return [graph.node("Concat", parts, axis=eqn.params["dimension"])]


@_rule("slice")
def _slice(graph: Any, eqn: Any, x: str) -> list[str]:
    limits = eqn.params["limit_indices"]
    strides = eqn.params["strides"] or [1] * len(limits)
    shape = eqn.invars[0].aval.shape
    cut = []
    for axis, (start, stop, step) in enumerate(
        zip(eqn.params["start_indices"], limits, strides, strict=True)
    ):
        if (start, step) == (0, 1) and str(stop) == str(shape[axis]):
            continue
        cut.append((start, stop if isinstance(stop, int) else 2**31, axis, step))
    if not cut:
        return [x]
    parts = [graph.constant(np.asarray(values, np.int64)) for values in zip(*cut, strict=True)]
    return [graph.node("Slice", [x, *parts])]


@_rule("split")
def _split(graph: Any, eqn: Any, x: str) -> list[str]:
    sizes = graph.constant(np.asarray(eqn.params["sizes"], np.int64))
    return graph.nodes("Split", [x, sizes], len(eqn.outvars), axis=eqn.params["axis"])


@_rule("pad")
def _pad(graph: Any, eqn: Any, x: str, value: str) -> list[str]:
    config = eqn.params["padding_config"]
    if any(inner or low < 0 or high < 0 for low, high, inner in config):
        raise UserError("padding between elements, or by a negative amount, has no ONNX operator")
    amounts = [low for low, _, _ in config] + [high for _, high, _ in config]
    return [graph.node("Pad", [x, graph.constant(np.asarray(amounts, np.int64)), value])]


@_rule("reduce_sum", "reduce_max", "reduce_min", "reduce_prod")
def _reduce(graph: Any, eqn: Any, x: str) -> list[str]:
    operator = {"sum": "Sum", "max": "Max", "min": "Min", "prod": "Prod"}
    name = "Reduce" + operator[eqn.primitive.name.removeprefix("reduce_")]
    axes = graph.constant(np.asarray(eqn.params["axes"], np.int64))
    return [graph.node(name, [x, axes], keepdims=0)]


@_rule("argmax", "argmin")
def _arg(graph: Any, eqn: Any, x: str) -> list[str]:
    name = "ArgMax" if eqn.primitive.name == "argmax" else "ArgMin"
    found = graph.node(name, [x], axis=eqn.params["axes"][0], keepdims=0)
    return [graph.node("Cast", [found], to=graph.dtype(eqn.params["index_dtype"]))]


@_rule("iota")
def _iota(graph: Any, eqn: Any) -> list[str]:
    shape, axis = eqn.params["shape"], eqn.params["dimension"]
    if not all(isinstance(size, int) for size in shape):
        raise UserError("numbering the examples of a batch has no form for any batch size")
    flat = np.arange(shape[axis], dtype=eqn.params["dtype"])
    around = [1] * len(shape)
    around[axis] = shape[axis]
    return [graph.constant(np.broadcast_to(flat.reshape(around), shape))]


@_rule("reduce_precision")
def _reduce_precision(graph: Any, eqn: Any, x: str) -> list[str]:
    raise UserError("arithmetic in reduced precision is not exported: use dtype float32")


@_rule("dot_general")
def _dot(graph: Any, eqn: Any, a: str, b: str) -> list[str]:
    """A matrix product with any leading batch axes, as MatMul between transposes."""
    (left, right), (batch_a, batch_b) = eqn.params["dimension_numbers"]
    shape_a, shape_b = (v.aval.shape for v in eqn.invars)
    free_a = [i for i in range(len(shape_a)) if i not in (*left, *batch_a)]
    free_b = [i for i in range(len(shape_b)) if i not in (*right, *batch_b)]
    a = graph.transpose(a, [*batch_a, *free_a, *left])
    b = graph.transpose(b, [*batch_b, *right, *free_b])
    batch = [shape_a[i] for i in batch_a]
    sizes_a, sizes_b = [shape_a[i] for i in free_a], [shape_b[i] for i in free_b]
    inner = [shape_a[i] for i in left]
    if len(free_a) != 1 or len(left) != 1:
        a = graph.reshape(a, [*batch, _product(sizes_a), _product(inner)])
    if len(free_b) != 1 or len(right) != 1:
        b = graph.reshape(b, [*batch, _product(inner), _product(sizes_b)])
    out = graph.node("MatMul", [a, b])
    shape = eqn.outvars[0].aval.shape
    if len(free_a) != 1 or len(free_b) != 1:
        out = graph.reshape(out, shape)
    wanted = eqn.outvars[0].aval.dtype
    if wanted != eqn.invars[0].aval.dtype:
        out = graph.node("Cast", [out], to=graph.dtype(wanted))
    return [out]


@_rule("conv_general_dilated")
def _conv(graph: Any, eqn: Any, x: str, kernel: str) -> list[str]:
    """Any layout of JAX, as a Conv of [B, C, ...] with a kernel [O, I, ...]."""
    numbers, dilation = eqn.params["dimension_numbers"], eqn.params["lhs_dilation"]
    if any(d != 1 for d in dilation) or eqn.params["batch_group_count"] != 1:
        raise UserError("a transposed convolution is not exported")
    x = graph.transpose(x, numbers.lhs_spec)
    kernel = graph.transpose(kernel, numbers.rhs_spec)
    pads = eqn.params["padding"]
    out = graph.node(
        "Conv",
        [x, kernel],
        strides=list(eqn.params["window_strides"]),
        pads=[low for low, _ in pads] + [high for _, high in pads],
        dilations=list(eqn.params["rhs_dilation"]),
        group=eqn.params["feature_group_count"],
    )
    return [graph.transpose(out, list(np.argsort(numbers.out_spec)))]


@_rule("reduce_window_max", "reduce_window_sum")
def _pool(graph: Any, eqn: Any, x: str) -> list[str]:
    """A window over the inner axes of [B, ..., C], as a pooling of [B, C, ...]."""
    window, strides = eqn.params["window_dimensions"], eqn.params["window_strides"]
    pads, rank = eqn.params["padding"], len(window)
    if any(d != 1 for d in (*eqn.params["base_dilation"], *eqn.params["window_dilation"])):
        raise UserError("a dilated pooling is not exported")
    if any(window[i] != 1 or strides[i] != 1 or tuple(pads[i]) != (0, 0) for i in (0, rank - 1)):
        raise UserError("a pooling over the batch or the channels is not exported")
    inner = range(1, rank - 1)
    options: dict[str, Any] = {
        "kernel_shape": [window[i] for i in inner],
        "strides": [strides[i] for i in inner],
        "pads": [pads[i][0] for i in inner] + [pads[i][1] for i in inner],
    }
    x = graph.transpose(x, [0, rank - 1, *inner])
    if eqn.primitive.name == "reduce_window_max":
        out = graph.node("MaxPool", [x], **options)
    else:
        out = graph.node("AveragePool", [x], count_include_pad=1, **options)
        size = np.asarray(np.prod([window[i] for i in inner]), eqn.invars[0].aval.dtype)
        out = graph.node("Mul", [out, graph.constant(size)])
    return [graph.transpose(out, [0, *range(2, rank), 1])]


@_rule("gather")
def _gather(graph: Any, eqn: Any, x: str, indices: str) -> list[str]:
    """A part of an array at given offsets, or rows along one axis by a list of indices: take."""
    numbers, sizes = eqn.params["dimension_numbers"], eqn.params["slice_sizes"]
    shape, axes = eqn.invars[0].aval.shape, numbers.start_index_map
    if numbers.operand_batching_dims:
        raise UserError("a gather of this form is not exported")
    if eqn.invars[1].aval.shape == (len(axes),):
        cut = graph.constant(np.asarray([sizes[axis] for axis in axes], np.int64))
        start = graph.node("Cast", [indices], to=graph.dtype(np.int64))
        places = graph.constant(np.asarray(axes, np.int64))
        part = graph.node("Slice", [x, start, graph.node("Add", [start, cut]), places])
        return [graph.reshape(part, eqn.outvars[0].aval.shape)]
    one = len(numbers.start_index_map) == 1 and numbers.collapsed_slice_dims == (
        numbers.start_index_map
    )
    axis = numbers.start_index_map[0]
    others = all(str(sizes[i]) == str(shape[i]) for i in range(len(shape)) if i != axis)
    leading = len(eqn.invars[1].aval.shape) - 1
    kept = list(range(axis)) + [axis + leading + i for i in range(len(shape) - axis - 1)]
    if not one or not others or list(numbers.offset_dims) != kept:
        raise UserError("a gather of this form is not exported")
    flat = graph.reshape(indices, eqn.invars[1].aval.shape[:-1])
    return [graph.node("Gather", [x, flat], axis=axis)]


@_rule("scan")
def _scan(graph: Any, eqn: Any, *inputs: str) -> list[str]:
    """A loop of known length, written out."""
    body, (fixed, carried) = eqn.params["jaxpr"], scan_inputs(eqn.params)
    consts, carry = inputs[:fixed], list(inputs[fixed : fixed + carried])
    stacked, length = inputs[fixed + carried :], eqn.params["length"]
    collected: list[list[str]] = []
    for i in range(length)[:: -1 if eqn.params["reverse"] else 1]:
        here = [graph.take(x, i) for x in stacked]
        found = graph.run(body.jaxpr, body.consts, [*consts, *carry, *here])
        carry = found[:carried]
        collected.append(found[carried:])
    if eqn.params["reverse"]:
        collected.reverse()
    avals = body.out_avals[carried:]
    for k, aval in enumerate(avals):
        parts = [graph.reshape(row[k], [1, *aval.shape]) for row in collected]
        carry.append(graph.node("Concat", parts, axis=0))
    return carry


def _product(sizes: Sequence[Any]) -> Any:
    total: Any = 1
    for size in sizes:
        total = total * size
    return total
