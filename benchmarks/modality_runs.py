"""One run of a case: trained, scored beside its untrained encoder, and drawn; and baselines."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import modality_baselines as simple
import modality_figures as figures
import numpy as np
from modality_cases import Case
from modality_data import DATA, Data
from modality_scores import three

from jssl.config.experiment import Experiment, load
from jssl.config.overrides import fingerprint as digest
from jssl.config.overrides import override
from jssl.core.state import TrainState
from jssl.data.source import Splits
from jssl.errors import UserError
from jssl.evaluation.features import features
from jssl.evaluation.protocols.nodes import all_tokens
from jssl.evaluation.representations import Representations, Row
from jssl.evaluation.strengths import described
from jssl.runs.loop import Finished, Options, fit
from jssl.runs.run import Run, hardware, versions
from jssl.training.program import Program

Record = dict[str, Any]
GRIDS = described()
"""What the probes of a record chose from; records of other grids are made again."""


def experiment(case: Case, root: Path) -> Experiment:
    """The experiment of a case on its data."""
    data, words = DATA[case.data], DATA[case.data].words(root)
    prepared = override(load(case.experiment), *case.overrides, *words)
    return prepared if words else dataclasses.replace(prepared, data=data.open(root))


def fingerprint(case: Case, root: Path, seed: int) -> str:
    """Changes with the settings of a run; not with the folder of the data."""
    bare = override(load(case.experiment), *case.overrides)
    return digest({"run": Run(bare, seed, Path()).fingerprint, "data": case.data})


def measure(case: Case, root: Path, seed: int) -> Record:
    """Trains one case and scores its encoder, trained and untrained."""
    made, began, data = experiment(case, root), time.perf_counter(), DATA[case.data]
    with tempfile.TemporaryDirectory() as folder:
        options = Options(
            devices=1, on_collapse="warn", probe_every=0, checkpoint_every=2**30, log_every=50
        )
        words = data.words(root)
        run = Run(made, seed, Path(folder), (*case.overrides, *words) if words else ())
        done: Finished = fit(run, options, log=lambda line: None)
        if not done.complete:
            raise UserError(f"{case.name} seed {seed} was stopped: there is no record of it")
        trained_in = time.perf_counter() - began
        program, splits = done.program, done.splits
        untrained = program.init(program.root_key(seed))
        scores = {
            "trained": data.score(program, done.state, splits),
            "untrained": data.score(program, untrained, splits),
        }
        if data.further:
            scores = {row: data.further(run, done, row) | found for row, found in scores.items()}
    if case.figure and seed == 0:
        draw(case, program, {"trained": done.state, "untrained": untrained}, splits)
    record = {
        "kind": "run",
        "name": case.name,
        "data": case.data,
        "method": case.method,
        "experiment": case.experiment,
        "overrides": list(case.overrides),
        "seed": seed,
        "fingerprint": fingerprint(case, root, seed),
        "scores": scores,
        "grids": GRIDS,
        "parameters": int(sum(np.size(x) for x in jax.tree.leaves(done.state.params["encoder"]))),
        "steps": program.steps,
        "train_seconds": trained_in,
        "seconds": time.perf_counter() - began,
        "examples": [len(part) for part in three(splits)],
        "hardware": hardware(),
        "versions": versions(),
        "command": f"python benchmarks/learning_modalities.py run --data DIR --only {case.name}",
    }
    jax.clear_caches()
    return record


FIGURES = Path(__file__).resolve().parent.parent / "docs" / "figures" / "modalities"


def draw(case: Case, program: Program, states: dict[str, TrainState], splits: Splits) -> None:
    """The figure of a case, from its "trained" and "untrained" states."""
    path, state = FIGURES / f"{case.data.replace('/', '.')}.png", states["trained"]
    if case.figure == "reconstruction":
        figures.reconstruction(program, state, splits, path)
    elif case.figure == "clouds":
        figures.clouds(program, state, splits, path)
    elif case.figure == "retrieval":
        figures.retrieved(program, state, splits, path)
    elif case.figure == "prediction":
        figures.predictions(program, state, splits, path)
    elif case.figure == "map":
        # A test split of a few graphs shows nothing: there all are drawn, as all are judged.
        shown = [simple.front(splits.test, 1000)] if len(splits.test) >= 100 else three(splits)
        found = {}
        for title, own in states.items():
            parts = [features(program, own, part) for part in shown]
            found[title], label = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        figures.embedding_map(found, label, splits.classes, path)
    else:
        subject = Representations(
            {k: Row(program, own) for k, own in states.items()}, splits, program
        )
        found = {k: subject.arrays(k, "train", all_tokens, limit=1)[0]["tokens"][0] for k in states}
        figures.embedding_map(found, splits.train[0]["node_label"], splits.classes, path)


def baselines(data: Data, root: Path) -> Record:
    """Scores of the simple baselines of a data set."""
    began = time.perf_counter()
    splits = (data.plain or data.open)(root).load()
    return {
        "kind": "baselines",
        "data": data.name,
        "about": data.about,
        "first": data.first,
        "higher": data.higher,
        "scores": data.baselines(splits),
        "grids": GRIDS,
        "seconds": time.perf_counter() - began,
        "hardware": hardware(),
    }
