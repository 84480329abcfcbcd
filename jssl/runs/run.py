"""A run's folder: its identity, the paths of its files, and protection against other runs."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from jssl.config.experiment import Experiment, load
from jssl.config.overrides import describe, fingerprint, override
from jssl.config.user_code import files_of, is_file
from jssl.errors import UserError
from jssl.logging.writer import read_metrics
from jssl.own.opened import OwnData, reopen_own
from jssl.runs.run_files import (
    Start,
    check_local,
    command,
    hardware,
    read_record,
    versions,
    write_json,
)


@dataclasses.dataclass(frozen=True)
class Run:
    """One run: an experiment, a seed and a folder.

    Attributes:
      experiment: the experiment, overrides applied.
      seed: of everything random in the run.
      folder: that holds its files.
      overrides: the assignments given on the command line.
      start: the run that it is initialised from; None for random initialisation.
      trust: whether a Python file that another run's folder names may be executed.
      accept_changes: whether to continue with data or code that differ from the record.
      file: the file that the experiment was loaded from, if that is not given by its name.
      own: the user's data, to which the experiment is adapted; None for the experiment's own.
    """

    experiment: Experiment
    seed: int
    folder: Path
    overrides: tuple[str, ...] = ()
    start: Start | None = None
    trust: bool = False
    accept_changes: bool = False
    file: Path | None = None
    own: OwnData | None = None

    def __post_init__(self) -> None:
        check_local(self.folder)

    @property
    def code(self) -> Path | None:
        """The experiment's file, if it is an existing file of the user's."""
        path = self.file or Path(self.experiment.name)
        return path if is_file(path.name) and path.is_file() else None

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
        """Folder with a copy of the experiment's file, if it is a file of the user's."""
        return self.folder / "source"

    @property
    def metrics(self) -> Path:
        """`metrics.jsonl`."""
        return self.folder / "metrics.jsonl"

    @property
    def alarms(self) -> Path:
        """`alarms.json`: diagnoses of the collapse alarm; missing if there were none."""
        return self.folder / "alarms.json"

    @property
    def results(self) -> Path:
        """`results.json`, written by the evaluation."""
        return self.folder / "results.json"

    @property
    def fingerprint(self) -> str:
        """A hash of everything that determines the results of the run.

        That is every value of the experiment, the seed and the checkpoint that it starts from.

        The experiment's name and its published figures are left out, since they do not affect
        results.
        """
        bare = dataclasses.replace(self.experiment, name="", expected=())
        described = describe(bare)
        if self.own is not None:
            described = self.own.before(described)
        values = {"experiment": described, "seed": self.seed}
        if self.start is not None:
            values |= {"start": [self.start.fingerprint, self.start.step]}
        return fingerprint(values)

    def open(self, **facts: Any) -> None:
        """Creates the folder, or checks that it belongs to this run.

        Args:
          **facts: further things to record, e.g. the mesh.

        Raises:
          UserError: if the folder holds another run, or one whose record is lost.
        """
        if self.record_path.exists():
            saved = read_record(self.folder)
            if (
                saved["fingerprint"] != self.fingerprint
                and self.own
                and self.own.path in self.own.moved
            ):
                raise UserError(
                    f"{self.folder} was trained on {self.own.moved[self.own.path]}, and what is at "
                    f"{self.own.path} now is something else: give the data of the run, unchanged, "
                    "or another --workdir"
                )
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
            self.copy_code()
            write_json(self.record_path, self._record() | facts)

    def check_folder(self, *, metrics: bool = False) -> None:
        """Checks the content of the folder before anything is loaded or compiled.

        Args:
          metrics: whether the metrics will be read.

        Raises:
          UserError: there is a file in place of the folder, or the metrics are damaged.
        """
        for path in (self.checkpoints, self.source):
            if path.exists() and not path.is_dir():
                raise UserError(f"{path} is a file where the run's folder of that name should be")
        for path in (self.metrics, self.results, self.alarms):
            if path.is_dir():
                raise UserError(f"{path} is a folder where the run's file of that name should be")
        if metrics and self.metrics.exists():
            read_metrics(self.folder)

    def copy_code(self, *, keep: bool = False) -> None:
        """Copies the experiment's file and the modules beside it, which may be edited later.

        Args:
          keep: whether an earlier copy is moved aside rather than overwritten.
        """
        if self.code is None:
            return
        files = {name: file.read_bytes() for name, file in files_of(self.code).items()}
        if keep and self.source.exists():
            self.source.rename(self.source.with_name(f"source.before.{time.time_ns()}"))
        for name, content in files.items():
            target = self.source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def _record(self) -> dict[str, Any]:
        return {
            "name": self.experiment.name,
            "seed": self.seed,
            "overrides": list(self.overrides),
            **({} if self.own is None else {"own": self.own.record()}),
            "start": None if self.start is None else self.start.record(),
            "fingerprint": self.fingerprint,
            "paper": self.experiment.paper,
            "method": f"{self.experiment.family}/{type(self.experiment.method).__name__}",
            "experiment": describe(dataclasses.replace(self.experiment, expected=())),
            "versions": versions(),
            "hardware": hardware(),
            "command": command(),
            "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        }


def reopen(
    folder: Path,
    *,
    as_it_was: bool = False,
    trust: bool = False,
    accept_changes: bool = False,
    log: Callable[[str], None] = print,
) -> Run:
    """The run of a folder, rebuilt from its record.

    An experiment that ships with jssl is loaded by its name. A Python file named in the record is
    code from whoever made the folder and is executed only with `trust`.

    Args:
      folder: a run's folder.
      as_it_was: for an experiment in a user's file, use the copy that was made when the run began.
      trust: whether such a file may be executed; its name is printed first.
      accept_changes: see `Run`.
      log: prints a line.

    Returns:
      The run.

    Raises:
      UserError: if there is no run there, its experiment is a file that is not trusted, or the
        experiment's values have changed since.
    """
    record, folder = read_record(folder), Path(folder)
    name = record["name"]
    file = experiment_file(folder, name, trust=trust, as_it_was=as_it_was)
    if file is not None:
        others = [path.name for path in list(files_of(file).values())[1:]]
        beside = f" and, beside it, {', '.join(others)}" if others else ""
        log(f"executing {file}{beside}, as --trust allows")
    loaded = dataclasses.replace(load(name if file is None else str(file)), name=name)
    own = None
    if record.get("own"):
        loaded, own = reopen_own(loaded, record["own"], log=log)
    try:
        experiment = override(loaded, *record["overrides"])
    except UserError as error:
        raise UserError(f"{folder / 'run.json'} does not fit {name} any more: {error}") from error
    start = Start(**record["start"]) if record.get("start") else None
    overrides = tuple(record["overrides"])
    run = Run(
        experiment, record["seed"], folder, overrides, start, trust, accept_changes, file, own
    )
    if run.fingerprint != record["fingerprint"]:
        raise UserError(
            f"the experiment {record['name']} has changed since {folder} was made. "
            f"{_first_difference(record, run._record())}"
        )
    return run


def experiment_file(
    folder: Path, name: str, *, trust: bool, as_it_was: bool = False
) -> Path | None:
    """The Python file that a run's experiment is loaded from; None for one that ships with jssl.

    Args:
      folder: the run's folder.
      name: of the experiment, as the record has it.
      trust: whether it may be executed.
      as_it_was: use the copy in the folder even if the original file still exists.

    Raises:
      UserError: there is such a file and it is not trusted, or it is gone.
    """
    if not is_file(name):
        return None
    file, copy = Path(name), folder / "source" / Path(name).name
    if copy.is_file() and (as_it_was or not file.is_file()):
        file = copy
    if not file.is_file():
        raise UserError(f"there is no file {name}, which {folder} is a run of, and no copy of it")
    if not trust:
        raise UserError(
            f"{folder} is a run of the Python file {file}, which would be executed with all your "
            "rights: read it, and add --trust (trust=True in Python) to run it"
        )
    return file


def default_folder(
    name: str,
    seed: int,
    overrides: tuple[str, ...],
    start: Start | None = None,
    data: str | None = None,
) -> Path:
    """`runs/<experiment>/<overrides>seed<N>`, so that the same command finds its run again.

    The user's own data come first, as `jssl.own.opened.tag` names them.
    """
    if data is not None:
        overrides = (data, *overrides)
    if start is not None:
        overrides = (*overrides, f"from-{start.fingerprint}")
    stem = Path(name).stem if is_file(name) else name
    tag = "".join(f"{text.replace('/', '_').replace(' ', '')}," for text in overrides)
    if len(tag) > 150:  # file systems end a name at 255 bytes
        tag = f"{tag[:100]}...{fingerprint(list(overrides))},"
    return Path("runs") / stem / f"{tag}seed{seed}"


def _first_difference(old: dict[str, Any], new: dict[str, Any]) -> str:
    before, after = flatten(old["experiment"]), flatten(new["experiment"])
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


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """The values of a nested record by their paths, such as "optimizer.learning_rate"."""
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, part in items:
        flat |= flatten(part, f"{prefix}.{key}" if prefix else str(key))
    return flat
