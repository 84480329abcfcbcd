"""Evaluates a run under named protocols: the implementation of `jssl evaluate RUN --protocol`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jax
import numpy as np

from jssl.config.experiment import load
from jssl.config.overrides import override
from jssl.core.state import TrainState
from jssl.data.source import Splits, fingerprint, labels
from jssl.errors import UserError
from jssl.evaluation import record, supervision
from jssl.evaluation.linear import check_selection
from jssl.evaluation.protocols import protocol
from jssl.evaluation.record import FORMER_NAMES, RAW, UNTRAINED, Evaluation, Record
from jssl.evaluation.representations import PARTS, Representations, Row
from jssl.evaluation.tables import record_table
from jssl.runs.loop import Options
from jssl.runs.restoring import restore
from jssl.runs.run import Run, command, hardware, versions
from jssl.training.program import Program

FOLDER = "evaluations"
_LABEL_FREE = 1024  # examples of a measurement that goes with training
TRAINED, STUDENT, SUPERVISED = "trained", "student", "supervised"


def choose(
    names: Sequence[str], overrides: Sequence[str] = (), seed: int | None = None
) -> dict[str, Evaluation]:
    """Looks up protocols and applies overrides to their settings.

    Args:
      names: names of protocols.
      overrides: settings such as "epochs=20", applied to every named protocol.
      seed: replaces the protocols' seed; None keeps it.

    Returns:
      Name -> protocol.

    Raises:
      UserError: an unknown protocol or setting, or one that would select on the test split.
    """
    chosen = {}
    for name in names:
        name = FORMER_NAMES.get(name, name)
        evaluation = override(protocol(name), *overrides)
        chosen[name] = evaluation if seed is None else dataclasses.replace(evaluation, seed=seed)
        check_selection(evaluation.select_on)
    return chosen


def evaluate_run(
    run: Run,
    chosen: Mapping[str, Evaluation],
    options: Options | None = None,
    *,
    on: Sequence[str] = (),
    on_overrides: Sequence[str] = (),
    supervised: bool = False,
    log: Callable[[str], None] = print,
) -> list[Record]:
    """Evaluates the newest checkpoint of a run and writes one record per protocol.

    Records are written to `evaluations/<protocol>.json` in the run's folder, or to
    `evaluations/<protocol>@<data>.json` for transfer.

    Args:
      run: the run.
      chosen: protocols by name; see `choose`.
      options: devices to use.
      on: experiments on whose data the features are probed; none for the run's own data.
      on_overrides: overrides for those experiments.
      supervised: whether to add a row for the same encoder trained on the labels.
      log: prints a line.

    Returns:
      The records.

    Raises:
      UserError: no checkpoint, no labels, or an error of a protocol.
    """
    if jax.process_count() > 1:
        raise UserError("protocols run in one process: evaluate the run's folder after training")
    others = {name: override(load(name), *on_overrides) for name in on}
    options = options or Options()
    program, state, splits = restore(run, options, log=log)
    more = {SUPERVISED: supervision.row(run, options, splits, log=log)} if supervised else {}
    rows = representations(run, program, state, more)
    records = []
    for where in on or (None,):
        data = splits if where is None else others[where].data.load()
        if "label" not in data.train[0] and any(one.needs_labels for one in chosen.values()):
            raise UserError(
                f"the data {data.name} has several labels an example: --protocol multi_label"
                if data.tags
                else f"the data {data.name} has no labels, so there is nothing to measure"
            )
        subject = Representations(rows, data, program, run if where is None else None)
        for name, evaluation in chosen.items():
            place = "" if where is None else f" on {data.name}"
            log(f"{name}{place}: {', '.join(rows)}")
            found = measure(run, subject, name, evaluation)
            found.save(path_of(run, name, "" if where is None else where))
            records.append(found)
            log(record_table(found).markdown())
    return records


def label_free(
    run: Run,
    program: Program,
    state: TrainState,
    splits: Splits,
    *,
    log: Callable[[str], None] = print,
) -> Record | None:
    """Measures what needs no labels on a run that has just been trained, and writes the record.

    Args:
      run: the run.
      program: its compiled experiment.
      state: of the training.
      splits: the data.
      log: prints a line.

    Returns:
      The record, also in `evaluations/label_free.json`; None if there are too few examples or the
      features have collapsed, which is said.
    """
    rows = {
        TRAINED: Row(program, state),
        UNTRAINED: Row(program, program.init(program.root_key(run.seed))),
    }
    evaluation = protocol("label_free")
    count = min(len(splits.train), _LABEL_FREE)
    evaluation = dataclasses.replace(
        evaluation, limit=_LABEL_FREE, clusters=max(2, min(evaluation.clusters, count // 4))
    )
    try:
        found = measure(run, Representations(rows, splits, program, run), "label_free", evaluation)
    except UserError as error:
        log(f"no label-free measures, because {error}")
        return None
    found.save(path_of(run, "label_free"))
    log(record_table(found).markdown())
    return found


def representations(
    run: Run, program: Program, state: TrainState, more: Mapping[str, Row] | None = None
) -> dict[str, Row]:
    """What a run's state is compared with.

    Args:
      run: the run.
      program: its program.
      state: its state.
      more: further representations.

    Returns:
      The trained encoder, of some methods with a teacher the student beside it, `more`, the
      untrained encoder and the raw input, by name.
    """
    untrained = program.init(program.root_key(run.seed))
    raw = f"{RAW} {program.experiment.preprocess.field}"
    student = program.experiment.method.of_student()
    if student is not None:
        same = dataclasses.replace(program.experiment, method=student)
        more = {STUDENT: Row(dataclasses.replace(program, experiment=same), state), **(more or {})}
    return {
        TRAINED: Row(program, state),
        **(more or {}),
        UNTRAINED: Row(program, untrained),
        raw: Row(None),
    }


def measure(run: Run, subject: Representations, name: str, evaluation: Evaluation) -> Record:
    """Evaluates the representations of a run under one protocol.

    Args:
      run: the run.
      subject: its representations and the data.
      name: name of the protocol.
      evaluation: the protocol.

    Returns:
      The record, not saved.

    Raises:
      UserError: see `jssl.evaluation.record.evaluate`.
    """
    return record.evaluate(
        subject,
        name,
        evaluation,
        run=_run_facts(run),
        data=_data_facts(subject.splits),
        seeds={"training": run.seed},
        versions=versions(),
        hardware=hardware(),
        command=command(),
    )


def path_of(run: Run, name: str, where: str = "") -> Path:
    """Path of a protocol's record."""
    tag = f"@{Path(where).stem if where.endswith('.py') else where.replace('/', '_')}"
    return run.folder / FOLDER / f"{name}{tag if where else ''}.json"


def _run_facts(run: Run) -> dict:
    return {
        "name": run.experiment.name,
        "method": type(run.experiment.method).__name__,
        "seed": run.seed,
        "fingerprint": run.fingerprint,
        "overrides": list(run.overrides),
        "expected": [list(item) for item in run.experiment.expected],
    }


def _data_facts(data: Splits) -> dict:
    known = labels(data.test) if data.classes else None
    chance = {}
    if known is not None and known.ndim == 1:
        chance["chance"] = float(np.unique(known, return_counts=True)[1].max()) / len(known)
    return {
        "name": data.name,
        "classes": len(data.classes),
        **({"labels": len(data.tags)} if data.tags else {}),
        **chance,
        "splits": {
            part: {"size": len(source), "fingerprint": fingerprint(source)}
            for part, source in ((part, getattr(data, part)) for part in PARTS)
        },
    }
