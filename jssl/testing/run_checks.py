"""Checks of execution: meshes, resuming, data paths, micro-batches and compilations."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from jssl.config.experiment import Experiment
from jssl.errors import UserError
from jssl.testing.bench import Bench, Outcome
from jssl.testing.rig import CUT, STEPS
from jssl.testing.runs import Trajectory, deviation
from jssl.testing.trees import host
from jssl.training.checkpoint import Checkpoints
from jssl.training.gradients import check_accumulation


def repeatable(bench: Bench) -> Outcome:
    """Two identical runs are bit-identical."""
    state, records = bench.run(bench.start(), 0, STEPS)
    return _bits(bench.reference, (host(state), records), "a second time")


def resume(bench: Bench) -> Outcome:
    """A run saved, discarded and restored in the middle of an epoch is bit-identical."""
    with tempfile.TemporaryDirectory() as folder:
        state, before = bench.run(bench.start(), 0, CUT)
        checkpoints = Checkpoints(Path(folder))
        checkpoints.save(state)
        checkpoints.finish()
        del state
        state, _ = checkpoints.restore(bench.program.abstract_state)
        checkpoints.close()
    state, after = bench.run(state, CUT, STEPS)
    records = {k: [*before[k], *after[k]] for k in before}
    return _bits(bench.reference, (host(state), records), f"resumed at step {CUT}")


def mesh(bench: Bench) -> Outcome:
    """Eight devices (data 2 x fsdp 4) with streamed data agree with one device."""
    if jax.device_count() < 8:
        return Outcome(
            None,
            sentence="needs 8 devices; XLA_FLAGS=--xla_force_host_platform_device_count=8 fakes "
            "them on a CPU",
        )
    return _close(bench, "on 8 devices with streamed data")


def streamed(bench: Bench) -> Outcome:
    """A run on streamed data resumes bit-identically; `mesh` compares it with in-memory data."""
    if jax.device_count() < 8:
        found = _close(bench, "with streamed data")
        if not found.passed:
            return found
    program = bench.spread_program
    state, before = bench.run(bench.start(program), 0, CUT, program=program, path="stream")
    state = jax.device_put(jax.tree.map(np.asarray, state), program.state_shardings)
    state, after = bench.run(state, CUT, STEPS, program=program, path="stream")
    records = {k: [*before[k], *after[k]] for k in before}
    how = f"with streamed data, resumed at step {CUT}"
    return _bits(bench.trajectory(program), (host(state), records), how)


def compilations(bench: Bench) -> Outcome:
    """Single steps, chunks of any length and resumed runs share one compilation."""
    bench.reference  # noqa: B018
    bench.run(bench.start(), 0, 2)
    count = bench.program.chunk._cache_size()
    if count == 1:
        return Outcome(True, "1")
    return Outcome(False, str(count), f"the step was compiled {count} times for one shape of batch")


def accumulation(bench: Bench) -> Outcome:
    """Micro-batches give the gradient of the whole batch, or are rejected with a clear error."""
    if not bench.program.abstract_state.stats:
        state, whole = bench.state, bench.slopes[0]
    else:
        try:
            check_accumulation(bench.method, bench.state.stats, 2, approximate=False)
            return Outcome(False, "", "micro-batches with batch statistics were not refused")
        except UserError:
            pass
        memory, views = bench.state.memory, bench.views
        bench = bench.changed(**_without_batch_norm(bench.experiment))
        bench.views = views
        if bench.program.abstract_state.stats:
            return Outcome(None, "refused", "it keeps batch statistics, and refuses micro-batches")
        state = bench.filled()
        if jax.tree.map(jnp.shape, memory) == jax.tree.map(jnp.shape, state.memory):
            state = state.replace(memory=memory)  # queues or clusters filled by a run
        whole = bench.gradients(state, 1)
    pieces = bench.gradients(state, 2)
    worst, where = deviation(
        *({f"gradient/{k}": g for k, g in host(found).items()} for found in (whole, pieces))
    )
    if not any(g.any() for g in host(whole).values()):
        return Outcome(False, "no gradient", "there is no gradient to compare")
    if worst <= bench.tolerance:
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


def _close(bench: Bench, how: str) -> Outcome:
    worst, where = bench.compare(bench.trajectory(bench.spread_program))
    if worst <= bench.tolerance:
        return Outcome(True, f"{worst:.1e}" if worst else "exact")
    return Outcome(False, f"{worst:.1e}", f"{where} differs by {worst:.1e} of its size {how}")
