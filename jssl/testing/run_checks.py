"""Checks of execution: meshes, resuming, data paths, micro-batches and compilations."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jssl.config.experiment import Experiment
from jssl.errors import UserError
from jssl.testing.method_harness import MethodHarness, Outcome
from jssl.testing.run_harness import CUT, STEPS
from jssl.testing.runs import Trajectory, deviation
from jssl.testing.trees import host
from jssl.training.checkpoint import Checkpoints
from jssl.training.gradients import check_accumulation
from jssl.training.program import Program


def repeatable(harness: MethodHarness) -> Outcome:
    """Two identical runs are bit-identical."""
    state, records = harness.run(harness.start(), 0, STEPS)
    return _bits(harness.reference, (host(state), records), "a second time")


def resume(harness: MethodHarness) -> Outcome:
    """A run saved, discarded and restored in the middle of an epoch is bit-identical."""
    with tempfile.TemporaryDirectory() as folder:
        state, before = harness.run(harness.start(), 0, CUT)
        checkpoints = Checkpoints(Path(folder))
        checkpoints.save(state)
        checkpoints.finish()
        del state
        state, _ = checkpoints.restore(harness.program.abstract_state)
        checkpoints.close()
    state, after = harness.run(state, CUT, STEPS)
    records = {k: [*before[k], *after[k]] for k in before}
    return _bits(harness.reference, (host(state), records), f"resumed at step {CUT}")


def mesh(harness: MethodHarness) -> Outcome:
    """Eight devices (data 2 x fsdp 4) with streamed data agree with one device."""
    if jax.device_count() < 8:
        return Outcome(
            None,
            sentence="needs 8 devices; XLA_FLAGS=--xla_force_host_platform_device_count=8 fakes "
            "them on a CPU",
        )
    return _close(harness, "on 8 devices with streamed data")


def streamed(harness: MethodHarness) -> Outcome:
    """A run on streamed data resumes bit-identically; `mesh` compares it with in-memory data."""
    if jax.device_count() < 8:
        found = _close(harness, "with streamed data")
        if not found.passed:
            return found
    program = harness.spread_program
    state, before = harness.run(harness.start(program), 0, CUT, program=program, path="stream")
    state = jax.device_put(jax.tree.map(np.asarray, state), program.state_shardings)
    state, after = harness.run(state, CUT, STEPS, program=program, path="stream")
    records = {k: [*before[k], *after[k]] for k in before}
    how = f"with streamed data, resumed at step {CUT}"
    return _bits(harness.trajectory(program), (host(state), records), how)


def compilations(harness: MethodHarness) -> Outcome:
    """Single steps, chunks of any length and resumed runs share one compilation."""
    harness.reference  # noqa: B018
    with _compiled(Program.run_chunk.__name__) as again:
        state, _ = harness.run(harness.start(), 0, 2)
        state = jax.device_put(jax.tree.map(np.asarray, state), harness.program.state_shardings)
        harness.run(state, 2, CUT)
    if not again:
        return Outcome(True, "1")
    return Outcome(
        False,
        str(1 + len(again)),
        f"the step was compiled {1 + len(again)} times for one shape of batch",
    )


@contextlib.contextmanager
def _compiled(name: str) -> Iterator[list[str]]:
    """Collects the compilations of a function while the context is open."""
    found: list[str] = []

    def hear(event: str, seconds: float, **facts: Any) -> None:
        del seconds
        function = facts.get("fun_name", name)
        if event == "/jax/core/compile/backend_compile_duration" and name in function:
            found.append(function)

    jax.monitoring.register_event_duration_secs_listener(hear)
    try:
        yield found
    finally:
        jax.monitoring.unregister_event_duration_listener(hear)


def accumulation(harness: MethodHarness) -> Outcome:
    """Micro-batches give the gradient of the whole batch, or are rejected with a clear error."""
    if not harness.program.abstract_state.stats:
        state, whole = harness.state, harness.slopes[0]
    else:
        try:
            check_accumulation(harness.method, harness.state.stats, 2, approximate=False)
            return Outcome(False, "", "micro-batches with batch statistics were not refused")
        except UserError:
            pass
        memory, views = harness.state.memory, harness.views
        harness = harness.changed(**_without_batch_norm(harness.experiment))
        harness.views = views
        if harness.program.abstract_state.stats:
            return Outcome(None, "refused", "it keeps batch statistics, and refuses micro-batches")
        state = harness.filled()
        if jax.tree.map(jnp.shape, memory) == jax.tree.map(jnp.shape, state.memory):
            state = state.replace(memory=memory)  # queues or clusters filled by a run
        whole = harness.gradients(state, 1)
    pieces = harness.gradients(state, 2)
    worst, where = deviation(
        *({f"gradient/{k}": g for k, g in host(found).items()} for found in (whole, pieces))
    )
    if not any(g.any() for g in host(whole).values()):
        return Outcome(False, "no gradient", "there is no gradient to compare")
    if worst <= harness.tolerance:
        return Outcome(True, f"{worst:.1e}")
    return Outcome(
        False, f"{worst:.1e}", f"{where} differs by {worst:.1e} of its size in two micro-batches"
    )


def _without_batch_norm(experiment: Experiment) -> dict[str, object]:
    changes = {}
    if hasattr(experiment.encoder, "norm"):
        changes["encoder"] = experiment.encoder.clone(norm="layer")
    fields = {field.name for field in dataclasses.fields(experiment.method)}
    if "norm" in fields:
        changes["method"] = dataclasses.replace(experiment.method, norm="layer")
    return changes


def _bits(one: Trajectory, other: tuple[dict, dict], how: str) -> Outcome:
    bad = []
    for expected, found in zip(one, other, strict=True):
        for name, x in expected.items():
            if x.tobytes() != np.asarray(found[name], x.dtype).tobytes():
                bad.append(name)
    if not bad:
        return Outcome(True, "exact")
    return Outcome(
        False,
        f"{len(bad)} differ",
        f"{', '.join(bad[:3])} differ {how}: something is remembered outside the state",
    )


def _close(harness: MethodHarness, how: str) -> Outcome:
    worst, where = harness.compare(harness.trajectory(harness.spread_program))
    if worst <= harness.tolerance:
        return Outcome(True, f"{worst:.1e}" if worst else "exact")
    return Outcome(False, f"{worst:.1e}", f"{where} differs by {worst:.1e} of its size {how}")
