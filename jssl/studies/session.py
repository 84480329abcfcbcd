"""The commands on a run: train, evaluate and report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jax

from jssl.core.state import TrainState
from jssl.data.source import Splits
from jssl.errors import MALFORMED, UserError
from jssl.evaluation import evaluating, run_table
from jssl.evaluation.online import OnlineProbe
from jssl.evaluation.record import Record
from jssl.evaluation.representations import Representations
from jssl.logging.writer import read_metrics
from jssl.runs.loop import Finished, Options, fit
from jssl.runs.malloc import give_back_freed_memory
from jssl.runs.restoring import restore
from jssl.runs.run import Run
from jssl.training.program import Program

Log = Callable[[str], None]


def train(run: Run, options: Options, *, evaluate: bool = True, log: Log = print) -> Finished:
    """Trains a run to its end, then evaluates it and writes its report.

    Args:
      run: the run.
      options: how it is carried out.
      evaluate: False to train only.
      log: prints a line.

    Returns:
      What the loop returned.

    Raises:
      UserError: see `jssl.runs.loop.fit`.
    """
    log = log if jax.process_index() == 0 else lambda line: None
    finished = fit(run, options, probe=OnlineProbe(options.probes), log=log)
    give_back_freed_memory()  # evaluation takes buffers of other sizes
    if not finished.complete or finished.signal is not None:
        log(
            f"stopped at step {int(finished.state.step)} of {finished.program.steps}, saved; the "
            "same command goes on from there"
        )
    elif evaluate:
        records = _measure(run, finished.program, finished.state, finished.splits, log)
        _page(run, finished.program, finished.state, finished.splits, records, log)
    return finished


def evaluate(run: Run, options: Options | None = None, *, log: Log = print) -> list[Record] | None:
    """Evaluates the newest checkpoint of a run and writes `results.json`.

    Args:
      run: the run.
      options: devices to use.
      log: prints a line.

    Returns:
      The records of the run's table, see `jssl.evaluation.run_table`; None if the data cannot be
      evaluated.

    Raises:
      UserError: if the run has no checkpoint.
    """
    program, state, splits = restore(run, options or Options(), log=log)
    return _measure(run, program, state, splits, log)


def report(run: Run, options: Options | None = None, *, log: Log = print) -> Path:
    """Writes `report.html` of a run from its newest checkpoint, evaluating it if need be.

    Args:
      run: the run.
      options: devices to use.
      log: prints a line.

    Returns:
      The page.

    Raises:
      UserError: if the run has no checkpoint.
    """
    read_metrics(run.folder)  # the page shows them; found out before anything is computed
    program, state, splits = restore(run, options or Options(), log=log)
    records = _saved_records(run, log) or _measure(run, program, state, splits, log)
    return _page(run, program, state, splits, records, log)


def _saved_records(run: Run, log: Log) -> list[Record] | None:
    if not run.results.exists():
        return None
    try:
        return run_table.load(run.results)
    except (UserError, OSError, *MALFORMED) as error:
        log(f"warning: {run.results} cannot be read ({error}); the run is evaluated again")
        return None


def _measure(
    run: Run, program: Program, state: TrainState, splits: Splits, log: Log
) -> list[Record] | None:
    several = "tags" in splits.train[0]
    if "label" not in splits.train[0] and not several:
        if jax.process_count() > 1:
            log("the data has no labels: nothing to evaluate")
            return None
        log("the data has no labels: label-free measures of the trained and untrained encoder")
        evaluating.label_free(run, program, state, splits, log=log)
        return None
    try:
        run_table.check_measurable(splits)
    except UserError as error:  # the features are sound, and the page shows them
        log(f"nothing is evaluated, because {error}")
        return None
    log("evaluating: trained, untrained and raw input")
    subject = Representations(evaluating.representations(run, program, state), splits, program, run)
    for row in subject.rows:  # every process encodes its part, and the first one evaluates
        subject.features(row)
    if jax.process_index():
        return None
    protocols = run_table.run_protocols(run_table.SEVERAL if several else run_table.NAMES)
    records = [evaluating.measure(run, subject, *named) for named in protocols.items()]
    run_table.save(records, run.results)
    log(run_table.run_table(records).markdown())
    return records


def _page(
    run: Run,
    program: Program,
    state: TrainState,
    splits: Splits,
    records: list[Record] | None,
    log: Log,
) -> Path | None:
    from jssl.reporting.run_page import write_run_page

    if jax.process_count() > 1:
        log(f"write the page with: jssl report {run.folder}")
        return None
    page = write_run_page(run, program, state, splits, records)
    log(f"page: {page}")
    return page
