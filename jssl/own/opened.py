"""One's own data as a run keeps them: what to open again, and what was measured."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jssl.config.experiment import Experiment
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
    """

    path: str
    form: str
    options: OwnOptions
    line: str
    facts: Mapping[str, Any]

    def record(self) -> dict[str, Any]:
        """As JSON values, for `run.json`."""
        return {
            "path": self.path,
            "form": self.form,
            "options": self.options.record(),
            "line": self.line,
            "facts": dict(self.facts),
        }


def open_own(
    experiment: Experiment,
    path: str | Path,
    options: OwnOptions | None = None,
    *,
    say: Callable[[str], None] = print,
) -> tuple[Experiment, OwnData]:
    """Recognises the user's data and adapts an experiment to them.

    Args:
      experiment: any experiment of their modality.
      path: of the data.
      options: how they are read; with `known`, what was measured before is not measured again.
      say: prints a line: what was found, and each change of the recipe.

    Returns:
      (the adapted experiment, what a run keeps).

    Raises:
      UserError: see `recognise` and `adapt`.
    """
    options = options or OwnOptions()
    found = recognise(path, options, prefer=modality_of(experiment))
    adapted, notes = adapt(experiment, found, options)
    say(f"data: {found.line}")
    for note in notes:
        say(f"note: {note}")
    return adapted, OwnData(found.path, found.form, options, found.line, found.facts)


def reopen_own(
    experiment: Experiment, record: Mapping[str, Any], say: Callable[[str], None] = print
) -> tuple[Experiment, OwnData]:
    """The data of a run's record, with what was measured when the run began; see `open_own`."""
    options = OwnOptions.from_record(record["options"], record["facts"])
    return open_own(
        experiment, record["path"], dataclasses.replace(options, form=record["form"]), say=say
    )


def known_facts(
    record: Mapping[str, Any] | None, path: Path, options: OwnOptions
) -> Mapping[str, Any] | None:
    """What a run's record says of the same data, opened with the same options; None otherwise."""
    own = (record or {}).get("own")
    if own is None or own["path"] != str(path):
        return None
    same = {**own["options"], "form": None} == {**options.record(), "form": None}
    return own["facts"] if same and options.form in (None, own["form"]) else None


def tag(path: str | Path, options: OwnOptions) -> str:
    """A part of a run folder's name: the last part of the path and a hash of path and options."""
    where = Path(path).expanduser().resolve()
    text = json.dumps([str(where), options.record()], sort_keys=True)
    return f"{where.stem}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
