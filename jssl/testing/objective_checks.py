"""Checks of outputs, loss and gradients on one batch; see `jssl.testing.conformance`."""

from __future__ import annotations

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np

from jssl.core.state import paths
from jssl.testing.method_harness import MethodHarness, Outcome
from jssl.testing.shadow import directional_derivatives
from jssl.testing.trees import host, relative

_EXACT = 1e-5  # tolerance between float32 sums of the same terms in different order


def permutation(harness: MethodHarness) -> Outcome:
    """The loss is invariant to permuting the batch."""
    if not harness.method.permutation_invariant:
        return Outcome(None, sentence="declared to depend on the order of the examples")
    order = np.random.default_rng(0).permutation(harness.experiment.batch_size)
    mixed = {name: x[order] for name, x in host(harness.outputs).items()}
    return _same(
        harness.loss(harness.outputs), harness.loss(mixed), "in another order of the examples"
    )


def view_symmetry(harness: MethodHarness) -> Outcome:
    """The loss is invariant to swapping the declared views."""
    names = harness.method.symmetric_views
    if not names:
        return Outcome(None, sentence="no symmetric views are declared")
    a, b = names
    swapped = {**harness.views, a: harness.views[b], b: harness.views[a]}
    outputs = harness.pull({}, swapped)[0]
    return _same(harness.loss(harness.outputs), harness.loss(outputs), f"with {a} and {b} swapped")


def coupling(harness: MethodHarness) -> Outcome:
    """A loss that does not couple examples equals the mean over parts of the batch."""
    if harness.method.couples_batch:
        return Outcome(None, sentence="declared to couple the batch")
    middle = harness.experiment.batch_size // 2
    parts = [
        {name: x[rows] for name, x in host(harness.outputs).items()}
        for rows in (slice(0, middle), slice(middle, 2 * middle))
    ]
    half = jax.jit(lambda part: harness.objective(part)[0])
    mean = sum(float(half(part)) for part in parts) / 2
    return _same(harness.loss(harness.outputs), mean, "as the mean of the losses of its two halves")


def memory_order(harness: MethodHarness) -> Outcome:
    """Memory is read before it is updated: entries that a step overwrites still enter its loss."""
    state = harness.state
    step = harness.evaluate
    loss, after, _ = step(harness.outputs, state.memory)
    before, after = host(state.memory), host(after)
    widths = {x.shape[-1]: np.asarray(x, np.float32) for x in harness.floats().values()}
    draw, checked = np.random.default_rng(0), []
    for name, old in before.items():
        if old.ndim < 2 or not np.issubdtype(old.dtype, np.floating) or name not in after:
            continue
        kept = {row.tobytes() for row in after[name]}
        gone = np.asarray([row.tobytes() not in kept for row in old])
        if not gone.any() or gone.all():
            continue  # not a queue: all entries change, or none
        fillings = [draw.normal(size=old[gone].shape).astype(old.dtype)]
        if old.shape[-1] in widths:  # rows that lookups are certain to find
            found = widths[old.shape[-1]].reshape(-1, old.shape[-1])
            found = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
            fillings.append(np.resize(found, old[gone].shape).astype(old.dtype))
        losses = []
        for filling in fillings:
            values = old.copy()
            values[gone] = filling
            losses.append(float(step(harness.outputs, _put(state.memory, name, values))[0]))
        checked.append(name)
        if all(value == float(loss) for value in losses):
            return Outcome(
                False,
                "no influence",
                f"the rows of {name} that a step overwrites have no influence on its loss: it is "
                "updated before it is read",
            )
    return Outcome(True if checked else None, ", ".join(checked), "" if checked else "no queue")


def finite_differences(harness: MethodHarness) -> Outcome:
    """Gradients of the objective agree with central differences in float64."""
    point = {name: harness.outputs[name] for name in harness.differentiated}
    rest = {k: x for k, x in harness.outputs.items() if k not in point}
    draw = np.random.default_rng(0)
    directions = [[draw.normal(size=x.shape) for x in point.values()] for _ in range(4)]
    _, slope = harness.loss_and_slope(harness.floats())
    slopes = [np.asarray(slope[k], np.float64) for k in point]
    size = max(np.sqrt(sum(float(np.sum(s * s)) for s in slopes)), 1e-12)

    def loss(*values: jax.Array) -> jax.Array:
        return harness.objective({**rest, **dict(zip(point, values, strict=True))})[0]

    exact = directional_derivatives(loss, list(point.values()), directions)
    ours = [sum(float(np.sum(s * v)) for s, v in zip(slopes, d, strict=True)) for d in directions]
    worst = max(abs(a - b) for a, b in zip(exact, ours, strict=True)) / size
    if worst < 1e-3:
        return Outcome(True, f"{worst:.1e}")
    return Outcome(
        False, f"{worst:.1e}", "the gradient of the objective is not that of its finite differences"
    )


def scale(harness: MethodHarness) -> Outcome:
    """The loss is invariant to the scale of declared outputs, and finite at any scale of all."""
    point, free = host(harness.floats()), harness.method.scale_invariant
    base = float(harness.loss(harness.outputs))
    for factor in (1e-3, 1e3):
        for name in point:
            value, slope = harness.loss_and_slope({**point, name: point[name] * factor})
            if not _finite(value, slope):
                return Outcome(False, "not finite", f"{name} times {factor:g} gives {value}")
            if name in free and relative(base, value) > 1e-4:
                return Outcome(
                    False,
                    f"{relative(base, value):.1e}",
                    f"{name} is declared scale_invariant, and times {factor:g} the loss goes from "
                    f"{base:.6g} to {float(value):.6g}",
                )
    return Outcome(True, "exact" if free else "finite")


def temperature(harness: MethodHarness) -> Outcome:
    """The loss is finite at extreme temperatures; a large one gives the declared trivial loss."""
    names = list(harness.temperatures)
    if not names:
        return Outcome(None, sentence="it has no temperature")
    for name in names:
        losses = []
        for value in (1e-3, 1e3):
            found, _, slope = harness.evaluate(
                harness.outputs, harness.state.memory, **{name: value}
            )
            if not _finite(found, slope):
                return Outcome(False, "not finite", f"{name}={value:g} gives a loss of {found}")
            losses.append(float(found))
    # Taken from the copy with the large temperature: in some losses the value grows with it.
    other = dataclasses.replace(harness.method, **{names[-1]: 1e3})
    trivial = other.monitor(harness.program.at(harness.state), harness.outputs).trivial_loss
    used = losses[0] != losses[1]  # otherwise it is used in `forward`, for weights or targets
    if len(names) == 1 and used and trivial is not None and relative(found, trivial) > 1e-2:
        return Outcome(
            False,
            f"{float(found):.4g}",
            f"{names[0]}=1000 gives {float(found):.4g}, and the declared trivial loss is {trivial}",
        )
    return Outcome(True, "finite")


def precision(harness: MethodHarness) -> Outcome:
    """The objective computes in float32 on bfloat16 outputs."""
    point = harness.floats()
    low = {**harness.outputs, **{k: x.astype(jnp.bfloat16) for k, x in point.items()}}
    rounded = {**harness.outputs, **{k: low[k].astype(jnp.float32) for k in point}}
    loss = jax.jit(lambda outputs: harness.objective(outputs)[0])(low)
    if loss.dtype != jnp.float32:
        return Outcome(False, str(loss.dtype), f"the loss of bfloat16 outputs is {loss.dtype}")
    return _same(harness.loss(rounded), loss, "for the same numbers in bfloat16")


def extremes(harness: MethodHarness) -> Outcome:
    """Loss and gradients are finite for extreme inputs that training can produce."""
    point = host(harness.floats())
    changes = {
        "zeros": lambda x: np.zeros_like(x),
        "equal rows": lambda x: np.repeat(x[:1], len(x), axis=0),
        "1e6 times larger": lambda x: x * x.dtype.type(1e6),
        "1e-20 times as large": lambda x: x * x.dtype.type(1e-20),
    }
    for label, change in changes.items():
        value, slope = harness.loss_and_slope({k: change(x) for k, x in point.items()})
        if not _finite(value, slope):
            where = [
                k for k, g in slope.items() if not np.isfinite(np.asarray(g, np.float32)).all()
            ]
            return Outcome(
                False,
                "not finite",
                f"outputs with {label} give a loss of {float(value)}; gradients that are not "
                f"finite: {', '.join(where) or 'none'}",
            )
    return Outcome(True, "finite")


def reached(harness: MethodHarness) -> Outcome:
    """Gradients are finite and nonzero for every parameter that is not among `unused_params`."""
    slopes = host(harness.slopes[0])
    bad = [name for name, g in slopes.items() if not np.isfinite(g).all()]
    if bad:
        return Outcome(False, "not finite", f"the gradient of {bad[0]} is not finite")
    free = harness.method.unused_params
    dead = [
        name
        for name, g in slopes.items()
        if not g.any() and not any(re.search(pattern, name) for pattern in free)
    ]
    if dead:
        return Outcome(
            False,
            f"{len(dead)} of {len(slopes)}",
            f"no gradient reaches {', '.join(dead[:3])}: a stop-gradient too many, or declare it "
            "in `unused_params`",
        )
    return Outcome(True, f"{len(slopes)} leaves")


def stopped(harness: MethodHarness) -> Outcome:
    """No gradient flows into the memory that `forward` reads, or through declared targets."""
    _, memory, through = harness.slopes
    leaks = [i for i, g in enumerate(memory) if np.asarray(g).any()]
    if leaks:
        names = [
            name
            for name, x in paths(harness.state.memory).items()
            if jnp.issubdtype(x.dtype, jnp.floating)
        ]
        return Outcome(
            False, f"{len(leaks)} leaves", f"a gradient flows into memory/{names[leaks[0]]}"
        )
    leaks = [name for name, g in paths(through).items() if np.asarray(g).any()]
    if leaks:
        targets = ", ".join(harness.method.targets)
        return Outcome(
            False, f"{len(leaks)} leaves", f"a gradient reaches {leaks[0]} through {targets}"
        )
    if not memory and not harness.method.targets:
        return Outcome(None, sentence="no memory and no declared targets")
    return Outcome(True, "exact")


def _same(a: object, b: object, how: str) -> Outcome:
    difference = relative(a, b)
    if difference <= _EXACT:
        return Outcome(True, f"{difference:.1e}")
    return Outcome(
        False, f"{difference:.1e}", f"the loss is {float(a):.7g}, and {float(b):.7g} {how}"
    )


def _finite(value: jax.Array, slope: dict) -> bool:
    return all(
        np.isfinite(np.asarray(x, np.float32)).all() for x in (value, *jax.tree.leaves(slope))
    )


def _put(tree: object, name: str, value: np.ndarray) -> object:
    flat, structure = jax.tree_util.tree_flatten(tree)
    index = list(paths(tree)).index(name)
    flat[index] = jnp.asarray(value)
    return jax.tree_util.tree_unflatten(structure, flat)
