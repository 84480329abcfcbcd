"""Several experiments under one small protocol: a record a run, and one table of all of them.

A study is a list of cases (an experiment with overrides, how its method is judged, the margin it
has to clear) and a protocol. Each (case, seed) is trained and measured on its own and leaves one
JSON file, so that a study can be stopped anywhere and goes on where it was.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jssl.config.experiment import Experiment, load
from jssl.config.overrides import fingerprint, override
from jssl.core.intervals import mean_spread, plus_minus
from jssl.data.source import Splits, SubsetSource
from jssl.errors import UserError, nearest
from jssl.evaluation import evaluating
from jssl.evaluation.arrays import FeatureSplits
from jssl.evaluation.evaluating import TRAINED
from jssl.evaluation.protocols import protocol
from jssl.evaluation.record import UNTRAINED, Evaluation
from jssl.evaluation.representations import PARTS, Representations, Row
from jssl.evaluation.strengths import BOUNDS, STRENGTHS
from jssl.logging.writer import read_metrics
from jssl.runs.loop import Options, fit
from jssl.runs.run import Run, hardware, versions, write_json

PROBES = ("knn", "linear")
Record = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Case:
    """One method of a benchmark suite.

    Attributes:
      method: "family/name" of its file.
      experiment: the experiment that is run.
      overrides: what the study changes in it, besides its protocol.
      probe: "knn" or "linear": the probe that the method's family is judged by.
      margin: points by which the mean over seeds has to beat the untrained encoder's.
      known_failures: what was tried in vain, for a method that does not clear its margin.
    """

    method: str
    experiment: str
    overrides: tuple[str, ...] = ()
    probe: str = "knn"
    margin: float = 10.0
    known_failures: str = ""


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What is the same for every case.

    Attributes:
      overrides: changes of every experiment.
      examples: at most so many training, validation and test examples in the probes.
      k: neighbours of the kNN probe.
      strengths: values of C that the linear probe chooses from, on validation.
      bounds: smallest and largest C that it tries while the best one is at an end of the grid.
    """

    overrides: tuple[str, ...] = ()
    examples: tuple[int, int, int] = (2000, 1000, 2000)
    k: int = 20
    strengths: tuple[float, ...] = STRENGTHS
    bounds: tuple[float, float] = BOUNDS


@dataclasses.dataclass(frozen=True)
class BenchmarkSuite:
    """Cases, their protocol and where the records lie.

    Attributes:
      cases: the methods.
      protocol: what they share.
      prepare: changes an experiment where overrides cannot, e.g. gives it other data.
    """

    cases: tuple[Case, ...]
    protocol: Protocol
    prepare: Callable[[Experiment], Experiment] = lambda experiment: experiment

    def case(self, method: str) -> Case:
        """The case of a method; raises `UserError` if there is none."""
        found = {case.method: case for case in self.cases}
        if method not in found:
            raise UserError(f"the study has no method {method!r}: {nearest(method, found)}")
        return found[method]

    def experiment(self, case: Case) -> Experiment:
        """The experiment of a case as the study runs it."""
        prepared = self.prepare(load(case.experiment))
        return override(prepared, *self.protocol.overrides, *case.overrides)

    def fingerprint(self, case: Case, seed: int) -> str:
        """Changes with anything that changes the numbers of a record."""
        run = Run(self.experiment(case), seed, Path()).fingerprint
        probes = dataclasses.replace(self.protocol, overrides=())
        return fingerprint({"run": run, "probes": dataclasses.asdict(probes)})

    def run(self, case: Case, seed: int, log: Callable[[str], None] = print) -> Record:
        """Trains and measures one case.

        Args:
          case: the method.
          seed: of the run.
          log: prints a line.

        Returns:
          The record: under "records" those of the protocols knn and linear for the trained and the
          untrained encoder, under "validation" their accuracies on that split, and how the run was
          made. Accuracies are in [0, 1]; see `accuracy`.
        """
        experiment = self.experiment(case)
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            made = train(Run(experiment, seed, Path(folder)), self.protocol.examples)
        run, subject, steps = made.run, made.subject, made.steps
        program, splits = subject.program, subject.splits
        probes = self.probes(len(splits.train))
        measured = [evaluating.measure(run, subject, *named) for named in probes.items()]
        # The protocol of kNN measures the test split only.
        held_out = Representations.of_features(
            {row: _on_validation(subject.features(row)) for row in subject.rows}
        )
        validation = {
            row: {
                "knn": _first(probes["knn"].measure(held_out, row).scores).value,
                "linear": measured[1].rows[row]["validation"]["value"],
            }
            for row in subject.rows
        }
        record = {
            "method": case.method,
            "experiment": case.experiment,
            "overrides": [*self.protocol.overrides, *case.overrides],
            "seed": seed,
            "fingerprint": self.fingerprint(case, seed),
            "records": [dataclasses.asdict(one) for one in measured],
            "validation": validation,
            "loss": [steps[0]["loss"], steps[-1]["loss"]],
            "steps": program.steps,
            "alarms": made.alarms,
            "train_seconds": steps[-1]["time"] - steps[0]["time"],
            "views_per_second": _rate(steps) * program.views_per_step,
            "seconds": time.perf_counter() - began,
            "examples": [len(part) for part in (splits.train, splits.validation, splits.test)],
            "hardware": hardware(),
            "versions": versions(),
        }
        said = "; ".join(
            f"{probe} {100 * validation[TRAINED][probe]:.1f}, untrained "
            f"{100 * validation[UNTRAINED][probe]:.1f}"
            for probe in PROBES
        )
        log(f"{case.method} seed {seed}: {said} (validation); {record['seconds']:.0f} s")
        return record

    def probes(self, examples: int) -> dict[str, Evaluation]:
        """The protocols that measure a run, by name, for a training split of so many examples."""
        k = min(self.protocol.k, examples)
        searched = {"strengths": self.protocol.strengths, "bounds": self.protocol.bounds}
        return {
            "knn": dataclasses.replace(protocol("knn"), ks=(k,)),
            "linear": dataclasses.replace(protocol("linear"), **searched),
        }


@dataclasses.dataclass(frozen=True)
class Trained:
    """A finished run of a study, ready to be measured.

    Attributes:
      run: the run.
      subject: its rows "trained" and "untrained", on at most so many examples as the study takes.
      steps: the records of its steps that hold a loss.
      alarms: sentences of the alarm.
    """

    run: Run
    subject: Representations
    steps: list[dict[str, float]]
    alarms: list[str]


def train(run: Run, examples: tuple[int, int, int]) -> Trained:
    """Trains a run of a study on one device, with the alarm in every step.

    Args:
      run: the run, with a folder of its own.
      examples: at most so many training, validation and test examples are measured.

    Returns:
      The trained run.

    Raises:
      UserError: the run was interrupted, or its input is bad.
    """
    options = Options(
        devices=1, on_collapse="warn", probe_every=0, checkpoint_every=2**30, log_every=1
    )
    finished = fit(run, options, log=lambda line: None)
    finished.require(f"{run.experiment.name} seed {run.seed}")
    program = finished.program
    untrained = program.init(program.root_key(run.seed))
    rows = {TRAINED: Row(program, finished.state), UNTRAINED: Row(program, untrained)}
    found = json.loads(run.alarms.read_text()) if run.alarms.exists() else []
    return Trained(
        run,
        Representations(rows, _part(finished.splits, examples), program, run),
        [row for row in read_metrics(run.folder) if "loss" in row],
        [alarm["sentence"] for alarm in found],
    )


def _part(splits: Splits, examples: tuple[int, int, int]) -> Splits:
    """The data with at most so many examples a split."""
    parts = {
        name: SubsetSource(source, np.arange(min(len(source), most)))
        for name, most in zip(PARTS, examples, strict=True)
        for source in (getattr(splits, name),)
    }
    return dataclasses.replace(splits, **parts)


def accuracy(record: Record, row: str, probe: str) -> float:
    """Test accuracy in [0, 1] of a row ("trained", "untrained") by a probe ("knn", "linear")."""
    if "records" not in record:  # made before the scores were records of protocols
        return record["scores"][row]["test"][probe]
    (found,) = (one for one in record["records"] if one["protocol"]["name"] == probe)
    return _first(found["rows"][row])["value"]


def _first(scores: Mapping[str, Any]) -> Any:
    return next(iter(scores.values()))


def _on_validation(features: FeatureSplits) -> FeatureSplits:
    return features._replace(test=features.validation)


def work(
    study: BenchmarkSuite,
    folder: Path,
    *,
    methods: Iterable[str] = (),
    seeds: Iterable[int] = (0,),
    log: Callable[[str], None] = print,
) -> None:
    """Runs what is missing of a study.

    Args:
      study: the study.
      folder: where the records lie; a record with another fingerprint is made again.
      methods: "family/name" of the methods wanted; none for all.
      seeds: the seeds wanted.
      log: prints a line.
    """
    cases = [study.case(name) for name in methods] or list(study.cases)
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        for case in cases:
            path = record_path(folder, case.method, seed)
            if path.exists():
                saved = json.loads(path.read_text())
                if saved["fingerprint"] == study.fingerprint(case, seed):
                    continue
            write_json(path, study.run(case, seed, log))
            jax.clear_caches()  # compiled programs of dozens of methods would fill the memory


def record_path(folder: Path, method: str, seed: int) -> Path:
    """Where the record of a run lies."""
    return folder / f"{method.replace('/', '.')}.seed{seed}.json"


def records(study: BenchmarkSuite, folder: Path) -> dict[str, list[Record]]:
    """The records of every case, by method, in the order of seeds; stale ones are left out."""
    found: dict[str, list[Record]] = {}
    for case in study.cases:
        paths = folder.glob(record_path(folder, case.method, 0).name.replace("seed0", "seed*"))
        read = sorted((json.loads(p.read_text()) for p in paths), key=lambda r: r["seed"])
        fresh = [r for r in read if r["fingerprint"] == study.fingerprint(case, r["seed"])]
        if fresh:
            found[case.method] = fresh
    return found


def summary(case: Case, found: Sequence[Record], probe: str | None = None) -> Record:
    """One method's scores on the test split over its seeds.

    Args:
      case: the method.
      found: its records.
      probe: "knn" or "linear"; None for the case's own.

    Returns:
      In points: mean and spread (standard deviation over seeds, None for one seed) of `trained`,
      `untrained` and the `gain` of one over the other; and whether the gain is at least the margin.
    """
    probe = probe or case.probe
    points = {
        row: 100 * np.asarray([accuracy(r, row, probe) for r in found])
        for row in ("trained", "untrained")
    }
    points["gain"] = points["trained"] - points["untrained"]
    return {
        "method": case.method,
        "judge": probe,
        "seeds": [r["seed"] for r in found],
        **{name: list(mean_spread(x)) for name, x in points.items()},
        "margin": case.margin,
        "cleared": bool(np.mean(points["gain"]) >= case.margin),
    }


def _rate(steps: Sequence[dict[str, float]]) -> float:
    """Steps in a second, without those of the first calls, which compile."""
    late = [row for row in steps if row["time"] > steps[0]["time"]]
    if len(late) < 2 or late[-1]["time"] == late[0]["time"]:
        return 0.0
    # Records of a chunk are written together: count steps between the first and the last writing.
    first = [row for row in late if row["time"] <= late[0]["time"] + 0.25][-1]
    elapsed = late[-1]["time"] - first["time"]
    return (late[-1]["step"] - first["step"]) / elapsed if elapsed > 0 else 0.0


def write_table(
    study: BenchmarkSuite, folder: Path, out: Path, title: str, notes: Sequence[str]
) -> None:
    """Writes OUT.json and OUT.md from the records of a study.

    Args:
      study: the study.
      folder: where its records lie.
      out: path of the two files, without their endings.
      title: of the page.
      notes: sentences below it.

    Raises:
      UserError: if there is no record yet.
    """
    found = records(study, folder)
    if not found:
        raise UserError(f"{folder} has no record of this study yet: run it first")
    rows = []
    for case in study.cases:
        if case.method in found:
            own = found[case.method]
            both = {probe: summary(case, own, probe) for probe in PROBES}
            row = {**both[case.probe], "tried": case.known_failures, "probes": both}
            row["views_per_second"] = float(np.mean([r["views_per_second"] for r in own]))
            rows.append({**row, "steps": own[0]["steps"], "runs": own})
    first = rows[0]["runs"][0]
    missing = [case.method for case in study.cases if case.method not in found]
    result = {"title": title, "protocol": dataclasses.asdict(study.protocol), "methods": rows}
    result |= {"missing": missing, "hardware": first["hardware"], "versions": first["versions"]}
    out.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    lines = [f"# {title}", "", *notes, ""]
    lines += [
        "| method | probe | trained | untrained | gain | margin | cleared | seeds | kNN | linear "
        "| steps | views/s |",
        "|---|---|---:|---:|---:|---:|---|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        cells = [row["method"], row["judge"]]
        cells += [points(row["trained"]), points(row["untrained"]), points(row["gain"], "+")]
        cells += [f"{row['margin']:.0f}", "yes" if row["cleared"] else "**no**"]
        cells += [" ".join(map(str, row["seeds"]))]
        cells += [points(row["probes"][probe]["trained"]) for probe in PROBES]
        cells += [str(row["steps"]), f"{row['views_per_second']:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    failing = [row for row in rows if not row["cleared"]]
    if failing:
        lines += ["", "## Not working", ""]
        lines += [f"- {row['method']}: {row['tried'] or 'nothing tried yet.'}" for row in failing]
    if missing:
        lines += ["", f"No record yet: {', '.join(missing)}."]
    lines += ["", f"Hardware: {first['hardware']}; JAX {first['versions']['jax']}."]
    out.with_suffix(".md").write_text("\n".join(lines) + "\n")


def points(value: Sequence[float | None], sign: str = "") -> str:
    """A mean and its spread over seeds, as text; the mean alone where there is one seed."""
    return plus_minus(*value, digits=".1f", sign=sign)
