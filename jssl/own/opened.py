"""One's own data as a run keeps them: what to open again, and what was measured."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jssl.config.experiment import Experiment
from jssl.data.row_files import names_file
from jssl.errors import UserError
from jssl.own.adapt import adapt, modality_of
from jssl.own.form import OwnOptions
from jssl.own.recognise import recognise


@dataclasses.dataclass(frozen=True)
class OwnData:
    """The user's data of a run.

    Attributes:
      path: of the file or folder, absolute.
      form: that it was recognised as.
      options: how it is read.
      line: what was found, in words.
      facts: what was measured, on the training split, when the run began.
      moved: where the data and the files of labels and groups lie now -> where they lay when the
        run began, which is what its fingerprint has; empty if they lie there still.
    """

    path: str
    form: str
    options: OwnOptions
    line: str
    facts: Mapping[str, Any]
    moved: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """As JSON values, for `run.json`."""
        return {
            "path": self.path,
            "form": self.form,
            "options": self.options.record(),
            "line": self.line,
            "facts": dict(self.facts),
            **({"moved": dict(self.moved)} if self.moved else {}),
        }

    def before(self, values: Any) -> Any:
        """Values of an experiment (`describe`) with the paths of when the run began."""
        return _relocated(values, self.moved, self.path)


def open_own(
    experiment: Experiment,
    path: str | Path,
    options: OwnOptions | None = None,
    *,
    log: Callable[[str], None] = print,
) -> tuple[Experiment, OwnData]:
    """Recognises the user's data and adapts an experiment to them.

    Args:
      experiment: any experiment of their modality.
      path: of the data.
      options: how they are read; with `known`, what was measured before is not measured again.
      log: prints a line: what was found, and each change of the recipe.

    Returns:
      (the adapted experiment, what a run keeps).

    Raises:
      UserError: see `recognise` and `adapt`.
    """
    options = options or OwnOptions()
    found = recognise(path, options, prefer=modality_of(experiment))
    adapted, notes = adapt(experiment, found, options)
    log(f"data: {found.line}")
    for note in notes:
        log(f"note: {note}")
    return adapted, OwnData(found.path, found.form, options, found.line, found.facts)


def reopen_own(
    experiment: Experiment, record: Mapping[str, Any], log: Callable[[str], None] = print
) -> tuple[Experiment, OwnData]:
    """The data of a run's record, with what was measured when the run began; see `open_own`."""
    options = OwnOptions.from_record(record["options"], record["facts"])
    if not Path(record["path"]).exists():
        raise UserError(
            f"the data of the run, {record['path']}, are not there; if they were moved, go on with "
            "the command of the run, --workdir RUN and --data with their new place"
        )
    adapted, own = open_own(
        experiment, record["path"], dataclasses.replace(options, form=record["form"]), log=log
    )
    return adapted, dataclasses.replace(own, moved=record.get("moved", {}))


def known_own(
    record: Mapping[str, Any] | None, path: Path, options: OwnOptions
) -> tuple[Mapping[str, Any] | None, dict[str, str]]:
    """What a run's record says of the data that it is to go on with.

    Args:
      record: of the run; None for a run without one.
      path: of the data, absolute.
      options: how they are read.

    Returns:
      (what was measured when the run began, None if the data were opened with other options; the
      places that have changed since, see `OwnData.moved`).
    """
    own = (record or {}).get("own")
    if own is None:
        return None, {}
    first = own.get("moved", {})
    before, now = {**own["options"], "form": None}, {**options.record(), "form": None}
    moved = {}
    for here, there in ((str(path), own["path"]), *_files(now, before)):
        began = first.get(there, there)
        if began != here:
            moved[here] = began
    if str(path) in moved and path.is_file():
        moved[str(path.parent)] = str(Path(moved[str(path)]).parent)
    same = _relocated(now, moved, str(path)) == _relocated(before, first, own["path"])
    if not same or options.form not in (None, own["form"]):
        return None, {}
    return own["facts"], moved


def _files(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The files of labels and groups of the same names: (where they are, where they were)."""
    pairs = [(now.get(key), before.get(key)) for key in ("label", "group")]
    return [
        (here, there)
        for here, there in pairs
        if here and there and names_file(here) and Path(here).name == Path(there).name
    ]


def _relocated(values: Any, moved: Mapping[str, str], path: str) -> Any:
    """Values in which paths, and what lies below `path`, are replaced."""
    if isinstance(values, Mapping):
        return {key: _relocated(value, moved, path) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_relocated(value, moved, path) for value in values]
    if not isinstance(values, str):
        return values
    if path in moved and values.startswith(f"{path}/"):
        return moved[path] + values.removeprefix(path)
    return moved.get(values, values)


def tag(path: str | Path, options: OwnOptions) -> str:
    """A part of a run folder's name: the last part of the path and a hash of path and options."""
    where = Path(path).expanduser().resolve()
    text = json.dumps([str(where), options.record()], sort_keys=True)
    return f"{where.stem}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
