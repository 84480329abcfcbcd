"""The cost of a run: compilation, speed, time waiting for input, memory, share of peak speed."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import jax

from jssl.errors import MALFORMED
from jssl.plan import flops
from jssl.plan.chips import peak_flops
from jssl.training import sharding
from jssl.training.program import Program

FILE = "accounting.json"
_COMPILING = (
    "/jax/core/compile/jaxpr_trace_duration",
    "/jax/core/compile/jaxpr_to_mlir_module_duration",
    "/jax/core/compile/backend_compile_duration",
)


class RunStats:
    """Measures one process of a run, from construction to `close`."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._compiling = 0.0
        self._marks: list[tuple[int, float]] = []
        self._listening = True
        jax.monitoring.register_event_duration_secs_listener(self._hear)

    def _hear(self, event: str, seconds: float, **facts: Any) -> None:
        del facts
        if event in _COMPILING:
            self._compiling += seconds

    def forget(self) -> None:
        """Stops listening to the compiler; a second call does nothing."""
        if self._listening:
            jax.monitoring.unregister_event_duration_listener(self._hear)
        self._listening = False

    def mark(self, step: int) -> None:
        """Records that the metrics of the steps up to `step` have reached the host."""
        self._marks.append((step, time.perf_counter()))

    def close(self, program: Program, *, waited: float) -> dict[str, Any]:
        """The accounts.

        Args:
          program: what ran.
          waited: seconds that the loop spent waiting for batches.

        Returns:
          "steps" (of this process), "seconds" of them all, "compile_seconds" (tracing, lowering,
          compiling), "views_per_second" and "step_seconds" between the first and the last numbers
          fetched (None for a single fetch), "input_wait" as a share of the seconds,
          "peak_bytes" of the fullest device (on a CPU, of the process), "devices" and
          "device_kind".
        """
        self.forget()
        seconds = time.perf_counter() - self._start
        pace = None
        if len(self._marks) > 1 and self._marks[-1][0] > self._marks[0][0]:
            (first, begin), (last, end) = self._marks[0], self._marks[-1]
            pace = (end - begin) / (last - first)
        return {
            "steps": self._marks[-1][0] if self._marks else 0,
            "seconds": round(seconds, 3),
            "compile_seconds": round(self._compiling, 3),
            "step_seconds": pace,
            "views_per_second": program.views_per_step / pace if pace else None,
            "input_wait": round(waited / seconds, 4),
            "peak_bytes": peak_bytes(),
            "devices": program.mesh.size,
            "device_kind": jax.devices()[0].device_kind,
        }


def peak_bytes() -> int:
    """Peak memory so far of the device that uses most; on a CPU, of the process."""
    found = [(device.memory_stats() or {}) for device in jax.local_devices()]
    peaks = [stats["peak_bytes_in_use"] for stats in found if "peak_bytes_in_use" in stats]
    if peaks:
        return max(peaks)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def step_flops(program: Program) -> float:
    """Operations of a step on all devices, counted in the traced program."""
    batch = {
        name: jax.ShapeDtypeStruct(
            (program.experiment.batch_size, *spec.shape),
            spec.dtype,
            sharding=sharding.batch_sharding(program.mesh),
        )
        for name, spec in program.example.items()
    }
    root = jax.eval_shape(lambda: jax.random.key(0))
    traced = program.step.trace(program.abstract_state, batch, root)
    return flops.count(traced.jaxpr, platform=flops.device_platform()).total


def summary(folder: Path, program: Program) -> dict[str, str]:
    """The measurements of the process that trained last, for a run's report.

    Args:
      folder: the run's.
      program: the run's; its step is traced for the count of operations.

    Returns:
      Text by name; empty if there are no measurements.
    """
    try:
        found = json.loads((Path(folder) / FILE).read_text())
    except (OSError, ValueError):
        return {}
    operations = step_flops(program)
    try:
        return _lines(found, operations)
    except MALFORMED:
        return {"accounts": f"{FILE} is damaged and was not read"}


def _lines(found: dict[str, Any], operations: float) -> dict[str, str]:
    lines = {
        "operations a step": f"{operations / 1e9:.4g} GFLOP",
        "compilation": f"{found['compile_seconds']:.1f} s of {found['seconds']:.1f} s",
        "waiting for input": f"{100 * found['input_wait']:.1f} %",
        "peak memory": f"{found['peak_bytes'] / 2**20:,.0f} MiB",
    }
    pace = found["step_seconds"]
    if pace:
        lines["speed"] = f"{found['views_per_second']:,.0f} views/s, {1e3 * pace:.4g} ms a step"
        lines["arithmetic"] = f"{operations / pace / 1e9:,.1f} GFLOP/s"
        peak = peak_flops(found["devices"])
        if peak is not None and found["device_kind"] == jax.devices()[0].device_kind:
            lines["share of the peak (MFU)"] = f"{100 * operations / pace / peak:.1f} %"
    return lines
