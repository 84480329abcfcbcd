"""How a run is carried out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Options:
    """How a run is carried out. None of these changes a number of the run.

    Attributes:
      devices: how many; None for all.
      fsdp: size of the axis that parameters are sharded over.
      accumulate: micro-batches in a step.
      approximate_accumulation: let BatchNorm see micro-batches. (This one does change numbers.)
      data_path: "auto", "device" or "stream".
      workers: decoding processes of a stream.
      log_every: steps between records in `metrics.jsonl`.
      checkpoint_every: steps between checkpoints; None for ten in a run, at most 1000 apart.
      keep_last: newest checkpoints kept.
      keep_every: keep every checkpoint whose step is a multiple of this.
      probe_every: steps between probes on the validation split; None for five in a run, 0 for none.
      probes: which (see `jssl.evaluation.online`).
      stop_at: stop after this step, as if interrupted; None for the end.
      on_collapse: "warn" says so where a run shows that it learns nothing, "stop" ends it, "off"
        does not look.
      sinks: further places that the metrics go to, beside `metrics.jsonl` and TensorBoard: names
        ("wandb", "mlflow", "trackio", "module:Class", "file.py:Class"), classes or objects (see
        `jssl.logging.sinks.Sink`).
      profile: write a trace of one device call, for XProf or Perfetto, into the run's folder.
    """

    devices: int | None = None
    fsdp: int = 1
    accumulate: int = 1
    approximate_accumulation: bool = False
    data_path: str = "auto"
    workers: int = 2
    log_every: int = 10
    checkpoint_every: int | None = None
    keep_last: int = 2
    keep_every: int | None = None
    probe_every: int | None = None
    probes: Sequence[str] = ("knn",)
    stop_at: int | None = None
    on_collapse: str = "warn"
    sinks: Sequence[Any] = ()
    profile: bool = False
