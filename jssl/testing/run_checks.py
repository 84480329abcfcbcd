"""Checks of how a method runs: meshes, resume, data paths, micro-batches, compilations."""

from __future__ import annotations

import tempfile
from pathlib import Path

import jax

from jssl.checkpoint import Checkpoints
from jssl.errors import UserError
from jssl.gradients import check_accumulation
from jssl.testing.bench import CUT, STEPS, Bench, Outcome, host
from jssl.testing.runs import deviation, gradient_of, program_of, trajectory

TOLERANCE = 2e-5  # float32: sums over the batch in another order, STEPS steps of SGD
STREAMED = 5e-6  # the same sums in two programs, which round differently


def repeatable(bench: Bench) -> Outcome:
    """The same run twice is the same bits."""
    state, records = bench.run(bench.program.init(bench.root), 0, STEPS)
    return _bits(bench, host(state), records, "a second time")


def resume(bench: Bench) -> Outcome:
    """Saved, forgotten and restored after an odd step: the same bits."""
    with tempfile.TemporaryDirectory() as folder:
        state, before = bench.run(bench.program.init(bench.root), 0, CUT)
        checkpoints = Checkpoints(Path(folder))
        checkpoints.save(state)
        checkpoints.finish()
        del state
        state, _ = checkpoints.restore(bench.program.abstract_state)
        checkpoints.close()
    state, after = bench.run(state, CUT, STEPS)
    records = {k: [*before[k], *after[k]] for k in before}
    return _bits(bench, host(state), records, f"resumed at step {CUT}")


def mesh(bench: Bench) -> Outcome:
    """Eight devices as data 2 x fsdp 4 give what one gives."""
    if jax.device_count() < 8:
        return Outcome(
            None,
            sentence="needs 8 devices; XLA_FLAGS=--xla_force_host_platform_device_count=8 fakes "
            "them on a CPU",
        )
    other = trajectory(bench.experiment, devices=8, fsdp=4, steps=STEPS)
    return _close(bench, other, TOLERANCE, "on 8 devices")


def streamed(bench: Bench) -> Outcome:
    """Batches streamed from the host give what resident data gives."""
    other = trajectory(bench.experiment, steps=STEPS, data_path="stream")
    return _close(bench, other, STREAMED, "with streamed data")


def compilations(bench: Bench) -> Outcome:
    """Steps, chunks of any length and resumed runs share one compilation."""
    bench.reference  # noqa: B018
    bench.run(bench.program.init(bench.root), 0, 2)
    count = bench.program.chunk._cache_size()
    if count == 1:
        return Outcome(True, "1")
    return Outcome(False, str(count), f"the step was compiled {count} times for one shape of batch")


def accumulation(bench: Bench) -> Outcome:
    """Micro-batches give the gradient of the whole batch, or are refused by name."""
    experiment = bench.experiment
    if bench.state.stats:
        try:
            check_accumulation(bench.method, bench.state.stats, 2, approximate=False)
            return Outcome(False, "", "micro-batches with batch statistics were not refused")
        except UserError:
            pass
        bench = bench.changed(**_without_batch_norm(experiment))
        experiment = bench.experiment
        if bench.program.abstract_state.stats:
            return Outcome(None, "refused", "it keeps batch statistics, and refuses micro-batches")
    state = bench.program.init(bench.root)
    found = []
    for pieces in (1, 2):
        program = program_of(experiment, accumulate=pieces)
        slope = jax.jit(lambda state, batch, p=program: gradient_of(p, state, batch, bench.root))
        found.append({f"gradient/{k}": g for k, g in host(slope(state, bench.batch)).items()})
    worst, where = deviation(*found)
    if worst <= TOLERANCE:
        return Outcome(True, f"{worst:.1e}")
    return Outcome(
        False, f"{worst:.1e}", f"{where} differs by {worst:.1e} of its size in two micro-batches"
    )


def _without_batch_norm(experiment: object) -> dict[str, object]:
    import dataclasses

    changes = {}
    if hasattr(experiment.encoder, "norm"):
        changes["encoder"] = experiment.encoder.clone(norm="layer")
    fields = {field.name for field in dataclasses.fields(experiment.method)}
    if "norm" in fields:
        changes["method"] = dataclasses.replace(experiment.method, norm="layer")
    return changes


def _bits(bench: Bench, state: dict, records: dict, how: str) -> Outcome:
    import numpy as np

    reference = bench.reference
    bad = [k for k, x in reference.state.items() if x.tobytes() != state[k].tobytes()]
    bad += [
        k
        for k, x in reference.metrics.items()
        if x.tobytes() != np.asarray(records[k], x.dtype).tobytes()
    ]
    if not bad:
        return Outcome(True, "exact")
    return Outcome(
        False,
        f"{len(bad)} differ",
        f"{', '.join(bad[:3])} differ {how}: something is remembered outside the state",
    )


def _close(bench: Bench, other: object, tolerance: float, how: str) -> Outcome:
    pairs = [deviation(a, b) for a, b in zip(bench.reference, other, strict=True)]
    worst, where = max(pairs)
    if worst <= tolerance:
        return Outcome(True, f"{worst:.1e}" if worst else "exact")
    return Outcome(False, f"{worst:.1e}", f"{where} differs by {worst:.1e} of its size {how}")
