"""The verbs of the command line as functions: load, train, evaluate."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jssl.config import experiment
from jssl.config.experiment import Experiment
from jssl.config.overrides import override
from jssl.errors import Interrupted, UserError, nearest
from jssl.evaluation import evaluating
from jssl.evaluation.record import Record
from jssl.own import opened
from jssl.own.form import OwnOptions
from jssl.runs import warm_start
from jssl.runs.options import Options
from jssl.runs.run import Run, default_folder, read_record, reopen
from jssl.studies import session

Log = Callable[[str], None]


def load(name: str | Path, *overrides: str) -> Experiment:
    """The experiment of a name, or of a Python file.

    Args:
      name: e.g. "image/simclr_digits", or the path of a file that defines `get_experiment()`.
      *overrides: assignments as `--set` takes them, e.g. "method.temperature=0.2".

    Returns:
      The experiment.

    Raises:
      UserError: if there is no such experiment or setting.
    """
    return override(experiment.load(str(name)), *overrides)


def make_run(
    what: Experiment | str | Path,
    folder: str | Path | None = None,
    *,
    seed: int = 0,
    overrides: Sequence[str] = (),
    init_from: str | Path | None = None,
    init_as: str | None = None,
    trust: bool = False,
    accept_changes: bool = False,
    data: str | Path | None = None,
    data_options: Mapping[str, Any] | OwnOptions | None = None,
    log: Log = print,
) -> Run:
    """A run that is described and not begun; the arguments are those of `train`."""
    overrides = tuple(overrides)
    found = what if isinstance(what, Experiment) else experiment.load(str(what))
    if data is None and data_options:
        raise UserError("data_options (--form, --label, ...) go with data (--data DIR or FILE)")
    options = own_options(data_options)
    start, taken = None, ()
    if init_from is not None:
        given = None if data is None else options
        start, taken, given = warm_start.resolve_any(init_from, init_as, found, given, trust=trust)
        options = given or options
    if folder is None:
        name = found.name if isinstance(what, Experiment) else str(what)
        if not name:
            raise UserError("an experiment without a name needs a folder: train(..., folder=...)")
        folder = default_folder(
            name, seed, overrides, start, None if data is None else opened.tag(data, options)
        )
    own = None
    if data is not None:
        record = read_record(folder) if (Path(folder) / "run.json").exists() else None
        known, moved = opened.known_own(record, Path(data).expanduser().resolve(), options)
        options = dataclasses.replace(options, known=known)
        found, own = opened.open_own(found, data, options, log=log)
        own = dataclasses.replace(own, moved=moved)
    overrides = (*taken, *overrides)
    changed = override(found, *overrides)
    return Run(changed, seed, Path(folder), overrides, start, trust, accept_changes, own=own)


def own_options(given: Mapping[str, Any] | OwnOptions | None) -> OwnOptions:
    """Options for the user's own data, from keyword arguments.

    Raises:
      UserError: there is no option of a name, or a value is wrong.
    """
    if isinstance(given, OwnOptions):
        return given
    given = dict(given or {})
    known = [field.name for field in dataclasses.fields(OwnOptions) if field.compare]
    for name in given:
        if name not in known:
            raise UserError(f"data_options has no {name!r}: {nearest(name, known)}")
    return OwnOptions(**given)


def train(
    what: Experiment | str | Path,
    folder: str | Path | None = None,
    *,
    seed: int = 0,
    overrides: Sequence[str] = (),
    init_from: str | Path | None = None,
    init_as: str | None = None,
    trust: bool = False,
    accept_changes: bool = False,
    data: str | Path | None = None,
    data_options: Mapping[str, Any] | OwnOptions | None = None,
    evaluate: bool = True,
    log: Log = print,
    **options: Any,
) -> Run:
    """Trains an experiment, then evaluates it and writes its page; see `jssl train`.

    Called again with the same arguments, it goes on where it stopped.

    Args:
      what: an experiment, the name of one, or the path of a Python file.
      folder: of the run; by default `runs/NAME/...` in the current folder.
      seed: of everything random in the run.
      overrides: assignments as `--set` takes them.
      init_from: folder of a run to start from, or weights: a folder of `jssl import`, a safetensors
        or PyTorch file. The encoder's architecture becomes that of the weights.
      init_as: family of these weights (`jssl.weights.families`), where names do not tell it.
      trust: whether a Python file that this other run names may be executed.
      accept_changes: whether to go on with other data or code than the run's.
      data: a file or folder of the user's own data, which replace the experiment's; see
        `jssl.own.recognise`.
      data_options: how it is read: fields of `jssl.own.OwnOptions`, such as `label`.
      evaluate: False to train only.
      log: prints a line.
      **options: fields of `jssl.runs.options.Options`, such as `devices`, `stop_at` and
        `sinks`.

    Returns:
      The run, whose folder holds its metrics, checkpoints and results.

    Raises:
      UserError: for a mistake in the arguments, or what `jssl train` refuses.
      Interrupted: a signal ended the training; the run is saved.
    """
    known = [field.name for field in dataclasses.fields(Options)]
    for name in options:
        if name not in known:
            raise UserError(f"train has no option {name!r}: {nearest(name, known)}")
    run = make_run(
        what,
        folder,
        seed=seed,
        overrides=overrides,
        init_from=init_from,
        init_as=init_as,
        trust=trust,
        accept_changes=accept_changes,
        data=data,
        data_options=data_options,
        log=log,
    )
    finished = session.train(run, Options(**options), evaluate=evaluate, log=log)
    if finished.signal is not None:
        raise Interrupted(f"interrupted; {run.folder} is saved", finished.signal)
    return run


def evaluate(
    run: Run | str | Path,
    protocols: Sequence[str] = (),
    *,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    on: Sequence[str] = (),
    on_overrides: Sequence[str] = (),
    supervised: bool = False,
    devices: int | None = None,
    fsdp: int = 1,
    trust: bool = False,
    accept_changes: bool = False,
    log: Log = print,
) -> list[Record] | None:
    """Evaluates the newest checkpoint of a run; see `jssl evaluate`.

    Args:
      run: what `train` returned, or a run's folder.
      protocols: names of protocols; () for the table of the run's page.
      overrides: assignments to the protocols' settings.
      seed: of whatever the protocols draw; None for theirs.
      on: experiments on whose data the features are probed; () for the run's own data.
      on_overrides: assignments to those experiments.
      supervised: whether to add the same encoder trained on the labels.
      devices: how many to use; None for all that divide the batch.
      fsdp: devices that share each parameter.
      trust: whether a Python file that the folder names may be executed.
      accept_changes: whether to go on with other data or code than the run's.
      log: prints a line.

    Returns:
      A record of each protocol, also in `evaluations/`; without protocols those of the table of the
      run's page, also in `results.json` (None where the data cannot be evaluated).

    Raises:
      UserError: if there is no run or checkpoint there, or for a mistake in the arguments.
    """
    if isinstance(protocols, str):
        protocols = (protocols,)
    if not isinstance(run, Run):
        if not read_record(Path(run))["name"]:
            raise UserError(
                f"{run} was made in Python from an experiment without a name, which cannot be "
                "loaded again: evaluate the run that train() returned"
            )
        run = reopen(Path(run), trust=trust, accept_changes=accept_changes, log=log)
    options = Options(devices=devices, fsdp=fsdp)
    if not protocols:
        if overrides or on or on_overrides or supervised or seed is not None:
            raise UserError(
                "overrides, seed, on and supervised go with protocols; without them the page's "
                "table is measured"
            )
        return session.evaluate(run, options, log=log)
    return evaluating.evaluate_run(
        run,
        evaluating.choose(protocols, overrides, seed),
        options,
        on=on,
        on_overrides=on_overrides,
        supervised=supervised,
        log=log,
    )
