"""Sinks for experiment trackers. Their packages are imported only when a sink is made."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from jssl.errors import UserError
from jssl.logging.sinks import RunFacts, Sink

PROJECT = "jssl"


def _package(name: str, module: str, extra: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(
            f"the sink {name} needs the package {extra}, which is not installed ({error}): "
            f"pip install 'jssl[{name}]'"
        ) from error


def _flat(value: Any, prefix: str = "") -> dict[str, str]:
    """A nested record as one level, with dots between the names."""
    if not isinstance(value, Mapping):
        return {prefix: value if isinstance(value, str) else json.dumps(value)}
    flat: dict[str, str] = {}
    for key, part in value.items():
        flat |= _flat(part, f"{prefix}.{key}" if prefix else str(key))
    return flat


class WandB(Sink):
    """Weights & Biases, in the run's folder `wandb/`.

    The service's own environment variables apply: `WANDB_MODE=offline` writes to the folder only,
    `WANDB_PROJECT` and `WANDB_ENTITY` name where the run belongs. A resumed run continues the same
    W&B run, which ignores the records of steps that it already has.

    Raises:
      UserError: the package is not installed.
    """

    def __init__(self) -> None:
        self._wandb = _package("wandb", "wandb", "wandb")

    def open(self, run: RunFacts) -> None:
        """Starts or continues the W&B run."""
        settings = self._wandb.Settings(
            console="off",
            x_disable_stats=True,
            silent=True,
            reinit="create_new",  # the runs of a sweep are open side by side
        )
        self._run = self._wandb.init(
            project=self._wandb.Settings().project or PROJECT,
            name=run.folder.name,
            group=run.name or None,
            id=f"{run.fingerprint}-{_place(run)}",
            resume="allow",
            dir=str(run.folder),
            config={"seed": run.record["seed"], **run.record["experiment"]},
            settings=settings,
        )

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Logs the values under the step."""
        self._run.log(dict(scalars), step=step)

    def close(self) -> None:
        """Uploads what is left and ends the W&B run."""
        self._run.finish()


class MLflow(Sink):
    """MLflow tracking, at `MLFLOW_TRACKING_URI` or MLflow's own default.

    The experiment is `MLFLOW_EXPERIMENT_NAME`, or the jssl experiment's name. A resumed run
    continues the same MLflow run, whose id is kept in the run's folder in `mlflow.json`, and does
    not repeat values that it already has.

    Raises:
      UserError: the package is not installed.
    """

    _BATCH = 100  # parameters in a request, the service's limit

    def __init__(self) -> None:
        _package("mlflow", "mlflow", "mlflow-skinny")
        self._entities = importlib.import_module("mlflow.entities")
        self._client_of = importlib.import_module("mlflow.tracking").MlflowClient

    def open(self, run: RunFacts) -> None:
        """Starts or continues the MLflow run."""
        import os
        import time

        self._client, self._last, self._resumed = self._client_of(), {}, False
        note = run.folder / "mlflow.json"
        if run.resume_step and note.exists():
            self._id = json.loads(note.read_text())["run_id"]
            self._client.update_run(self._id, status="RUNNING")
            self._resumed = True
            return
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or run.name or PROJECT
        known = self._client.get_experiment_by_name(name)
        place = known.experiment_id if known else self._client.create_experiment(name)
        made = self._client.create_run(
            place,
            start_time=int(time.time() * 1000),
            run_name=run.folder.name,
            tags={"folder": str(run.folder), "fingerprint": run.fingerprint},
        )
        self._id = made.info.run_id
        settings = _flat({"seed": run.record["seed"], **run.record["experiment"]})
        params = [self._entities.Param(key, text[:500]) for key, text in settings.items()]
        for first in range(0, len(params), self._BATCH):
            self._client.log_batch(self._id, params=params[first : first + self._BATCH])
        note.write_text(json.dumps({"run_id": self._id}) + "\n")

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Logs the values under the step, except those that an interrupted run has logged."""
        import time

        now = int(time.time() * 1000)
        new = {name: value for name, value in scalars.items() if step > self._logged(name)}
        metrics = [self._entities.Metric(name, value, now, step) for name, value in new.items()]
        if metrics:
            self._client.log_batch(self._id, metrics=metrics)

    def close(self) -> None:
        """Ends the MLflow run."""
        self._client.set_terminated(self._id)

    def _logged(self, name: str) -> int:
        """The last step of a metric that was logged before this process began."""
        if not self._resumed:
            return -1
        if name not in self._last:
            history = self._client.get_metric_history(self._id, name)
            self._last[name] = max((metric.step for metric in history), default=-1)
        return self._last[name]


class Trackio(Sink):
    """Trackio, in its local database (`TRACKIO_DIR`); `trackio show` displays it.

    Raises:
      UserError: the package is not installed.
    """

    def __init__(self) -> None:
        self._trackio = _package("trackio", "trackio", "trackio")

    def open(self, run: RunFacts) -> None:
        """Starts or continues the Trackio run."""
        self._resume_step = run.resume_step
        self._run = self._trackio.init(
            project=(run.name or PROJECT).replace("/", "-"),
            name=f"{run.folder.name}-{run.fingerprint[:8]}-{_place(run)}",
            config=_flat({"seed": run.record["seed"], **run.record["experiment"]}),
            resume="allow",
            embed=False,
        )

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Logs the values under the step."""
        self._run.log(dict(scalars), step=step)

    def close(self) -> None:
        """Ends the Trackio run."""
        self._run.finish()


def _place(run: RunFacts) -> str:
    """A short hash of the folder, so that equal runs in different folders stay apart."""
    import hashlib

    return hashlib.sha256(str(run.folder.resolve()).encode()).hexdigest()[:8]


SERVICES: dict[str, type[Sink]] = {"wandb": WandB, "mlflow": MLflow, "trackio": Trackio}
"""Sinks by the names that `--sink` takes."""
