"""A run's folder: what it is, where its files lie, and that no other run gets into it."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import platform
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import jax

from jssl import __version__
from jssl.errors import UserError
from jssl.experiment import Experiment, load
from jssl.handover import Start
from jssl.overrides import describe, fingerprint, override

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy", "scikit-learn")


@dataclasses.dataclass(frozen=True)
class Run:
    """One run: an experiment, a seed and a folder.

    Attributes:
      experiment: the experiment, overrides applied.
      seed: of everything random in the run.
      folder: where its files lie.
      overrides: the assignments given on the command line.
      start: the run that it starts from; None for a random start.
    """

    experiment: Experiment
    seed: int
    folder: Path
    overrides: tuple[str, ...] = ()
    start: Start | None = None

    @property
    def record_path(self) -> Path:
        """`run.json`: the resolved experiment, versions, hardware and command."""
        return self.folder / "run.json"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.folder / "checkpoints"

    @property
    def source(self) -> Path:
        """Folder with the experiment's file as it was, if it is a file of the user's."""
        return self.folder / "source"

    @property
    def metrics(self) -> Path:
        """`metrics.jsonl`."""
        return self.folder / "metrics.jsonl"

    @property
    def alarms(self) -> Path:
        """`alarms.json`: what the collapse alarm said; missing where it said nothing."""
        return self.folder / "alarms.json"

    @property
    def results(self) -> Path:
        """`results.json`, written by the evaluation."""
        return self.folder / "results.json"

    @property
    def fingerprint(self) -> str:
        """Changes with anything that changes the numbers: every value of the experiment, the seed,
        and the checkpoint that the run starts from.

        The experiment's name and its published figures are left out; they change no number.
        """
        bare = dataclasses.replace(self.experiment, name="", expected=())
        values = {"experiment": describe(bare), "seed": self.seed}
        if self.start is not None:
            values |= {"start": [self.start.fingerprint, self.start.step]}
        return fingerprint(values)

    def open(self, **facts: Any) -> None:
        """Creates the folder, or makes sure that it belongs to this very run.

        Args:
          **facts: further things to record, e.g. the mesh.

        Raises:
          UserError: if the folder holds another run, or one whose record is lost.
        """
        if self.record_path.exists():
            saved = read_record(self.folder)
            if saved["fingerprint"] != self.fingerprint:
                raise UserError(
                    f"{self.folder} holds another run ({saved['name']}, seed {saved['seed']}, "
                    f"fingerprint {saved['fingerprint']}; this one is {self.experiment.name}, seed "
                    f"{self.seed}, fingerprint {self.fingerprint}): choose another --workdir, or "
                    f"remove that folder. {_first_difference(saved, self._record())}"
                )
            return
        for path in (self.checkpoints, self.metrics, self.results):
            if path.exists() and jax.process_index() == 0:  # which writes; others may come later
                raise UserError(
                    f"{self.folder} has {path.name} and no run.json, so there is no telling whose "
                    "run it holds: choose another --workdir, or remove that folder"
                )
        if self.folder.exists() and not self.folder.is_dir():
            raise UserError(f"{self.folder} is a file; --workdir names a folder")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot make the folder {self.folder}: {error.strerror}") from error
        if jax.process_index() == 0:
            if self.experiment.name.endswith(".py"):  # may be edited while the run goes on
                self.source.mkdir(exist_ok=True)
                shutil.copy(self.experiment.name, self.source)
            write_json(self.record_path, self._record() | facts)

    def _record(self) -> dict[str, Any]:
        return {
            "name": self.experiment.name,
            "seed": self.seed,
            "overrides": list(self.overrides),
            "start": None if self.start is None else dataclasses.asdict(self.start),
            "fingerprint": self.fingerprint,
            "paper": self.experiment.paper,
            "method": f"{self.experiment.family}/{type(self.experiment.method).__name__}",
            "experiment": describe(dataclasses.replace(self.experiment, expected=())),
            "versions": versions(),
            "hardware": hardware(),
            "command": command(),
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        }


def reopen(folder: Path, *, as_it_was: bool = False) -> Run:
    """The run of a folder, rebuilt from its record.

    Args:
      folder: a run's folder.
      as_it_was: of an experiment in a user's file, take the copy that was made when the run began.

    Returns:
      The run.

    Raises:
      UserError: if there is no run there, or the experiment's code has changed since.
    """
    record = read_record(folder)
    name = record["name"]
    copy = Path(folder) / "source" / Path(name).name
    loaded = load(str(copy) if as_it_was and name.endswith(".py") and copy.is_file() else name)
    experiment = override(dataclasses.replace(loaded, name=name), *record["overrides"])
    start = Start(**record["start"]) if record.get("start") else None
    run = Run(experiment, record["seed"], Path(folder), tuple(record["overrides"]), start)
    if run.fingerprint != record["fingerprint"]:
        raise UserError(
            f"the experiment {record['name']} has changed since {folder} was made. "
            f"{_first_difference(record, run._record())}"
        )
    return run


def read_record(folder: Path) -> dict[str, Any]:
    """`run.json` of a folder; raises `UserError` if it is missing or unreadable."""
    path = Path(folder) / "run.json"
    if not path.exists():
        raise UserError(f"{folder} is not the folder of a run: it has no run.json")
    try:
        record = json.loads(path.read_text())
        for key in ("fingerprint", "name", "seed", "overrides", "experiment"):
            record[key]
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} is damaged ({error}); restore it from a copy, or start in a new --workdir"
        ) from error
    return record


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file so that a reader never sees half of it."""
    temporary = path.with_name(path.name + ".new")
    try:
        temporary.write_text(json.dumps(value, indent=1) + "\n")
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error


def default_folder(
    name: str, seed: int, overrides: tuple[str, ...], start: Start | None = None
) -> Path:
    """`runs/<experiment>/<overrides>seed<N>`, so that the same command finds its run again."""
    if start is not None:
        overrides = (*overrides, f"from-{start.fingerprint}")
    stem = Path(name).stem if name.endswith(".py") else name
    tag = "".join(f"{text.replace('/', '_').replace(' ', '')}," for text in overrides)
    if len(tag) > 150:  # file systems end a name at 255 bytes
        tag = f"{tag[:100]}...{fingerprint(list(overrides))},"
    return Path("runs") / stem / f"{tag}seed{seed}"


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that make the numbers."""
    found = {"python": platform.python_version(), "jssl": __version__}
    return found | {name: importlib.metadata.version(name) for name in _PACKAGES}


def hardware() -> str:
    """What the run computes on, e.g. "8 x cpu (x86_64)"."""
    device = jax.devices()[0]
    kind = platform.machine() if device.platform == "cpu" else device.device_kind
    return f"{jax.device_count()} x {device.platform} ({kind})"


def command() -> str:
    """The command line, with the program's name instead of its path."""
    name = Path(sys.argv[0]).name
    return " ".join(["python -m jssl" if name == "__main__.py" else name, *sys.argv[1:]])


def _first_difference(old: dict[str, Any], new: dict[str, Any]) -> str:
    before, after = _flatten(old["experiment"]), _flatten(new["experiment"])
    for key in sorted(before.keys() | after.keys()):
        if key != "name" and before.get(key) != after.get(key):
            return f"First difference: {key} was {before.get(key)!r}, is {after.get(key)!r}."
    if old["seed"] != new["seed"]:
        return f"The seed was {old['seed']}, is {new['seed']}."
    if old.get("start") != new.get("start"):
        was, now = (
            f"step {start['step']} of {start['folder']}" if start else "a random start"
            for start in (old.get("start"), new.get("start"))
        )
        return f"It started from {was}; this one would from {now}."
    return ""


def _flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, part in items:
        flat |= _flatten(part, f"{prefix}.{key}" if prefix else str(key))
    return flat
