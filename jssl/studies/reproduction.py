"""Tables of papers: experiments and protocols as rows, beside the published figures."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jssl.config.experiment import Experiment, load
from jssl.config.overrides import override
from jssl.core.intervals import mean_interval, plus_minus
from jssl.core.table import Table
from jssl.errors import Interrupted, UserError, nearest
from jssl.evaluation.evaluating import choose, evaluate_run, path_of
from jssl.evaluation.protocols import protocol
from jssl.evaluation.record import Evaluation, Record, identity
from jssl.runs.options import Options
from jssl.runs.run import Run
from jssl.studies import session

BUDGETS = ("smoke", "small", "full")


@dataclass(frozen=True)
class Column:
    """One figure of every row.

    Attributes:
      title: of the column.
      protocol: that measures it.
      score: which of the protocol's scores is shown.
      settings: assignments for the protocol.
      smoke: assignments and score for the smoke budget, if its data is too small for the settings.
    """

    title: str
    protocol: str
    score: str
    settings: tuple[str, ...] = ()
    smoke: tuple[tuple[str, ...], str] | None = None

    def at(self, budget: str) -> tuple[tuple[str, ...], str]:
        """Settings and score for a budget."""
        if budget == "smoke" and self.smoke is not None:
            return self.smoke
        return self.settings, self.score


@dataclass(frozen=True)
class PaperRow:
    """One row.

    Attributes:
      name: of the row.
      experiment: its experiment's name.
      published: (column title, value in [0, 1], source) of every figure that is known.
      overrides: assignments that turn the experiment into that of the table.
    """

    name: str
    experiment: str
    published: tuple[tuple[str, float, str], ...] = ()
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class PaperTable:
    """A table.

    Attributes:
      title: what it shows.
      columns: its columns, each with a protocol of its own.
      rows: its rows.
      small: makes an experiment small enough for a few minutes on two CPU cores.
      adapt: adapts an experiment of another data set to the table; None if that is not needed.
      differs: how our setup differs from the published one; sentences printed below the table.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[PaperRow, ...]
    small: Callable[[Experiment], Experiment]
    adapt: Callable[[Experiment], Experiment] | None = None
    differs: tuple[str, ...] = ()


def names() -> list[str]:
    """Names of all tables that ship with the project, sorted."""
    package = importlib.import_module("jssl.experiments.tables")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__))


def load_table(name: str) -> PaperTable:
    """A table by its name.

    Raises:
      UserError: there is none of that name.
    """
    known = names()
    if name not in known:
        raise UserError(f"unknown table {name!r}: {nearest(name, known)}")
    return importlib.import_module(f"jssl.experiments.tables.{name}").get_table()


def experiment_of(
    table: PaperTable,
    row: PaperRow,
    budget: str,
    overrides: Sequence[str] = (),
    data: Any = None,
) -> Experiment:
    """The experiment of a row at a budget.

    Args:
      table: whose rule for the small budget is used.
      row: the row.
      budget: one of `BUDGETS`.
      overrides: assignments for every row, applied last.
      data: a data spec that takes the place of the table's, or None.

    Returns:
      The experiment.

    Raises:
      UserError: an assignment that does not fit.
    """
    experiment = override(load(row.experiment), *row.overrides)
    if table.adapt is not None:
        experiment = table.adapt(experiment)
    if data is not None:
        experiment = dataclasses.replace(experiment, data=data)
    if budget == "smoke":
        experiment = experiment.smoke()
    elif budget == "small":
        experiment = table.small(experiment)
    return override(experiment, *overrides)


@dataclass
class Cell:
    """The results of a row: records by column title, one per seed, or why there are none."""

    records: dict[str, list[Record]] = dataclasses.field(default_factory=dict)
    failure: str = ""


def reproduce(
    name: str,
    *,
    budget: str = "small",
    seeds: Sequence[int] = (0,),
    rows: Sequence[str] = (),
    overrides: Sequence[str] = (),
    data: Any = None,
    workdir: Path | None = None,
    collect: bool = False,
    options: Options | None = None,
    accept_changes: bool = False,
    log: Callable[[str], None] = print,
) -> Table:
    """Trains and evaluates every row that is not finished, then tabulates all of them.

    Each row and seed has a folder of its own, so that the same command continues where it stopped.
    A row that cannot be run, for example because its data are missing, reports the reason and does
    not stop the others.

    Args:
      name: of the table.
      budget: "smoke" (seconds, for tests), "small" or "full" (the paper's).
      seeds: training seeds.
      rows: names of the rows wanted; none for all.
      overrides: assignments for every row's experiment.
      data: a data spec that takes the place of the table's, such as `Npz("cifar10.npz")`.
      workdir: folder of the runs; None for runs/tables/<name>/<budget>.
      collect: only tabulate existing records, without training.
      options: how runs are carried out; None for the defaults without probes on the way.
      accept_changes: see `jssl.runs.run.Run`.
      log: prints a line.

    Returns:
      The table.

    Raises:
      UserError: an unknown table, budget or row.
    """
    if budget not in BUDGETS:
        raise UserError(f"unknown budget {budget!r}: {nearest(budget, BUDGETS)}")
    table = load_table(name)
    known = [row.name for row in table.rows]
    for wanted in rows:
        if wanted not in known:
            raise UserError(f"the table {name} has no row {wanted!r}: {nearest(wanted, known)}")
    folder = Path("runs") / "tables" / name / budget if workdir is None else Path(workdir)
    found: dict[str, Cell] = {}
    for row in table.rows:
        if rows and row.name not in rows:
            continue
        cell = found[row.name] = Cell()
        try:
            experiment = experiment_of(table, row, budget, overrides, data)
            for seed in seeds:
                place = folder / row.name.lower().replace(" ", "_") / f"seed{seed}"
                run = Run(experiment, seed, place, tuple(overrides), accept_changes=accept_changes)
                if not collect:
                    log(f"--- {row.name}, seed {seed}: {place}")
                    _carry_out(run, table.columns, budget, options, log)
                for column in table.columns:
                    record = _finished(run, column, budget)
                    if record is not None:
                        cell.records.setdefault(column.title, []).append(record)
        except Interrupted:
            raise
        except UserError as error:
            cell.failure = str(error)
            log(f"{row.name}: {error}")
    return tabulate(table, found, budget)


def tabulate(table: PaperTable, found: dict[str, Cell], budget: str) -> Table:
    """Tabulates the results.

    Args:
      table: the table.
      found: row name -> its results.
      budget: which was run.

    Returns:
      Columns: for each score ours, the published one and the difference, and the untrained
        encoder's.
    """
    header = ["method", "seeds"]
    for column in table.columns:
        header += [column.title, "untrained", "published", "difference"]
    rows, sources, failures = [], [], []
    for row in table.rows:
        if row.name not in found:
            continue
        cell, figures = found[row.name], {title: rest for title, *rest in row.published}
        cells: list[str] = []
        for column in table.columns:
            records = cell.records.get(column.title, [])
            score = column.at(budget)[1]
            ours = [r.rows["trained"][score]["value"] for r in records]
            plain = [r.rows["untrained"][score]["value"] for r in records]
            published, difference = "", ""
            if column.title in figures:
                value, source = figures[column.title]
                if source not in sources:
                    sources.append(source)
                published = f"{100 * value:.1f} [{sources.index(source) + 1}]"
                if ours and budget == "full":
                    difference = f"{100 * (sum(ours) / len(ours) - value):+.1f}"
            alone = records[0].rows["trained"][score]["interval"] if len(records) == 1 else None
            cells += [_spread(ours, alone), _spread(plain), published, difference]
        seeds = len(next(iter(cell.records.values()), ()))
        rows.append((row.name, str(seeds) if seeds else "", *cells))
        if cell.failure:
            failures.append(f"{row.name} was not run: {cell.failure}")
    sizes = [r for cell in found.values() for rs in cell.records.values() for r in rs]
    data = sizes[0].data if sizes else None
    notes = [
        f"{table.title}. Accuracy on test in %, the last epoch, nothing chosen on test.",
        "± is a 95 % interval: over seeds where there are several, over test examples otherwise.",
    ]
    if data:
        counts = ", ".join(f"{s['size']} {part}" for part, s in data["splits"].items())
        notes.append(f"Ours on {data['name']}: {counts}.")
    if budget != "full":
        notes.append(
            f"Budget {budget}: ours is far shorter and smaller than the published runs, so the two "
            "are not to be compared and no difference is given."
        )
    notes += [*table.differs, *failures]
    notes += [f"[{i}] {source}" for i, source in enumerate(sources, 1)]
    return Table(tuple(header), tuple(rows), tuple(notes))


def _carry_out(
    run: Run,
    columns: Sequence[Column],
    budget: str,
    options: Options | None,
    log: Callable[[str], None],
) -> None:
    options = options or Options(probe_every=0)
    missing = [column for column in columns if _finished(run, column, budget) is None]
    if not missing:
        log("finished before")
        return
    finished = session.train(run, options, evaluate=False, log=log)
    finished.require("the run")
    chosen: dict[str, Evaluation] = {}
    for column in missing:
        chosen |= choose([column.protocol], column.at(budget)[0])
    evaluate_run(run, chosen, options, log=lambda line: None)


def _finished(run: Run, column: Column, budget: str) -> Record | None:
    path = path_of(run, column.protocol)
    if not path.exists():
        return None
    settings, score = column.at(budget)
    record = Record.load(path)
    wanted = identity(column.protocol, override(protocol(column.protocol), *settings))
    same = record.protocol["id"] == wanted and record.run["fingerprint"] == run.fingerprint
    return record if same and score in record.rows["trained"] else None


def _spread(values: Sequence[float], alone: float | None = None) -> str:
    if not values:
        return ""
    mean, interval = mean_interval(values)
    interval = alone if len(values) == 1 else interval
    return plus_minus(mean, interval, percent=True)
