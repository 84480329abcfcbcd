"""The check that compiles nothing: one trace of loss and gradients, and what its shapes say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from jssl.core.state import TrainState, paths
from jssl.testing.method_harness import MethodHarness, Outcome
from jssl.training.gradients import loss_and_gradients


def contract(harness: MethodHarness) -> Outcome:
    """Traced, without compiling: shapes, structures and declared names fit, gradients can flow.

    Outputs of `forward` are [B, ...], loss and metrics are scalars, the memory keeps its structure,
    shapes and dtypes, and the names that a method declares are those of its views and outputs. A
    parameter whose gradient is zero whatever the numbers are must be declared `unused_params`.
    """
    program, method = harness.program, harness.method
    state, batch = program.abstract_state, _abstract(harness.batch)

    def compute(state: TrainState, batch: Any, key: jax.Array) -> tuple[Any, ...]:
        views = harness.experiment.views(key, batch)
        found = loss_and_gradients(method, program.at(state, key), views)
        memory = method.after_update(program.at(state).replace(memory=found.memory))
        rest = (found.loss, found.metrics, found.outputs, memory, views)
        return found.gradients, *rest

    jaxpr, shapes = jax.make_jaxpr(compute, return_shape=True)(state, batch, jax.random.key(0))
    gradients, loss, metrics, outputs, memory, views = shapes
    for sentence in _faults(harness, loss, metrics, outputs, memory, views):
        return Outcome(False, "traced", sentence)
    zero = _always_zero(jaxpr.jaxpr)[: len(jax.tree.leaves(gradients))]
    dead = [
        name
        for name, never in zip(paths(gradients), zero, strict=True)
        if never and not any(re.search(pattern, name) for pattern in method.unused_params)
    ]
    if dead:
        return Outcome(
            False,
            f"{len(dead)} of {len(zero)}",
            f"the loss does not depend on {', '.join(dead[:3])}: a stop-gradient too many, or "
            "declare it in `unused_params`",
        )
    return Outcome(True, f"{len(zero)} leaves")


def _abstract(tree: Any) -> Any:
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(np.shape(x), np.asarray(x).dtype), tree)


def _faults(
    harness: MethodHarness, loss: Any, metrics: Any, outputs: Any, memory: Any, views: Any
) -> Iterator[str]:
    """Sentences about shapes, structures and names that do not fit."""
    method, size = harness.method, harness.experiment.batch_size
    if (loss.shape, loss.dtype) != ((), np.float32):
        yield f"the loss is {loss.dtype}{list(loss.shape)}, and must be a float32 scalar"
    for name, x in paths(metrics).items():
        if x.shape != ():
            yield f"the metric {name} has shape {x.shape}, and must be a scalar"
    for name, x in paths(outputs).items():
        if x.shape[:1] != (size,):
            yield f"the output {name} has shape {x.shape}, and must begin with the batch, {size}"
    before = {name: (x.shape, x.dtype) for name, x in paths(_memory(harness)).items()}
    after = {name: (x.shape, x.dtype) for name, x in paths(memory).items()}
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield f"memory/{name} is {before.get(name)} before a step and {after.get(name)} after"
    for field, there in (
        ("targets", outputs),
        ("scale_invariant", outputs),
        ("symmetric_views", views),
    ):
        for name in getattr(method, field):
            if name not in there:
                yield f"`{field}` names {name!r}, and there are: {', '.join(sorted(there))}"


def _memory(harness: MethodHarness) -> Any:
    return harness.program.abstract_state.memory


def _always_zero(jaxpr: Any) -> list[bool]:
    """For each output of a traced program, whether it is zeros whatever the inputs are."""
    zeros: set[Any] = set()

    def is_zero(atom: Any) -> bool:
        if hasattr(atom, "val"):
            return np.ndim(atom.val) == 0 and not np.any(np.asarray(atom.val))
        return atom in zeros

    for equation in jaxpr.eqns:
        name = equation.primitive.name
        moves = name in ("broadcast_in_dim", "reshape", "transpose", "convert_element_type")
        if moves and is_zero(equation.invars[0]):
            zeros.update(equation.outvars)
        elif name in ("jit", "pjit") and not equation.invars:
            inner = _always_zero(equation.params["jaxpr"].jaxpr)
            zeros.update(v for v, zero in zip(equation.outvars, inner, strict=True) if zero)
    return [is_zero(atom) for atom in jaxpr.outvars]
