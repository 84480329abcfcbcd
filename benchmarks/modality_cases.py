"""What `learning_modalities.py` runs: data sets, their baselines, and a method on one of them."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import modality_baselines as simple
import modality_figures as figures
import numpy as np
import symbol_baselines as symbols

from jssl.data.audio import SpokenDigits
from jssl.data.forecasting import ETT
from jssl.data.graphs import TU, CitationGraph
from jssl.data.sequences import FLIP, Sequences
from jssl.data.series import UCR
from jssl.data.source import Splits
from jssl.data.tables import Table
from jssl.errors import UserError
from jssl.evaluation.knn import knn_accuracy
from jssl.evaluation.linear import linear_probe
from jssl.evaluation.protocols.forecast import Forecast
from jssl.evaluation.protocols.nodes import Nodes
from jssl.evaluation.protocols.regression import Regression
from jssl.evaluation.subject import Row, Subject
from jssl.experiment import Experiment, load
from jssl.loop import Finished, Options, fit
from jssl.overrides import fingerprint as digest
from jssl.overrides import override
from jssl.run import Run, hardware, versions
from jssl.session import features
from jssl.state import TrainState
from jssl.train import Program

Scores = dict[str, float]
Record = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Data:
    """A data set and how it is judged.

    Attributes:
      name: "modality/data".
      open: folder -> data spec.
      score: (program, state, splits) -> scores of an encoder.
      baselines: splits -> baseline -> scores.
      first: the score that the page shows first and "better" is judged by.
      higher: whether more of it is better.
      about: one sentence for the page.
    """

    name: str
    open: Callable[[Path], Any]
    score: Callable[[Program, TrainState, Splits], Scores]
    baselines: Callable[[Splits], dict[str, Scores]]
    first: str = "linear"
    higher: bool = True
    about: str = ""


@dataclasses.dataclass(frozen=True)
class Case:
    """A method on a data set.

    Attributes:
      data: name of the data set.
      method: short name of the method.
      experiment: the experiment that is run.
      overrides: what is changed in it, besides its data.
      figure: "reconstruction", "map", "nodes", "prediction" or "" for none.
    """

    data: str
    method: str
    experiment: str
    overrides: tuple[str, ...] = ()
    figure: str = ""

    @property
    def name(self) -> str:
        """ "modality/data/method"."""
        return f"{self.data}/{self.method}"


def found(root: Path, name: str) -> Path:
    """The file of a name, or that name with `.gz`, somewhere below a folder."""
    for pattern in (name, f"{name}.gz"):
        paths = sorted(root.rglob(pattern))
        if paths:
            return paths[0]
    raise UserError(f"{root} has no file {name} in any of its folders")


def ucr(name: str) -> Callable[[Path], UCR]:
    """A data set of the UCR or UEA archive."""
    return lambda root: UCR(str(found(root, f"{name}_TRAIN.*").parent), name)


def digits(root: Path) -> SpokenDigits:
    """Free Spoken Digit Dataset."""
    return SpokenDigits(str(found(root, "7_jackson_32.wav").parent))


def adult(root: Path) -> Table:
    """Adult, from `adult.data` and `adult.test`."""
    return Table(str(found(root, "adult.data")), str(found(root, "adult.test")), header=False)


def splice(root: Path) -> Sequences:
    """UCI's splice junctions, as `splice.data` or as a table with a column a base."""
    path = found(root, "splice.*")
    column = "sequence" if ".data" in path.name else "attribute_"
    return Sequences(str(path), sequence=column, label="class", length=60, fraction=0.2)


# --- scores -------------------------------------------------------------------------------------


def probes(k: int = 5, most: int = 8000) -> Callable[[Program, TrainState, Splits], Scores]:
    """Linear probe and kNN accuracy on pooled features."""

    def score(program: Program, state: TrainState, splits: Splits) -> Scores:
        parts = [features(program, state, simple.front(part, most)) for part in three(splits)]
        return classify(parts, k)

    return score


def classify(parts: list[tuple[np.ndarray, np.ndarray]], k: int) -> Scores:
    """Test accuracies of the linear probe, chosen on validation, and of kNN."""
    train, _, test = parts
    k = min(k, len(train[0]))
    linear = linear_probe(*parts, strengths=(0.001, 0.01, 0.1, 1.0))
    return {"linear": linear.top1, "knn": knn_accuracy(*train, *test, ks=(k,))[k]}


def forecast(program: Program, state: TrainState, splits: Splits) -> Scores:
    """Errors of a linear forecast from frozen tokens."""
    subject = Subject({"row": Row(program, state)}, splits, program)
    scores = Forecast(every=8).measure(subject, "row").scores
    return {name: score.value for name, score in scores.items() if name in ("mse", "mae")}


def nodes(program: Program, state: TrainState, splits: Splits) -> Scores:
    """Linear probe on the nodes of one graph."""
    subject = Subject({"row": Row(program, state)}, splits, program)
    return {"linear": Nodes().measure(subject, "row").scores["nodes"].value}


def regression(program: Program, state: TrainState, splits: Splits) -> Scores:
    """Ridge regression of the number that examples carry."""
    subject = Subject({"row": Row(program, state)}, splits, program)
    scores = Regression().measure(subject, "row").scores
    return {name: scores[name].value for name in ("spearman", "mse")}


def ten_fold(program: Program, state: TrainState, splits: Splits) -> Scores:
    """Ten-fold cross-validation of a support-vector machine on the features of all graphs."""
    parts = [features(program, state, part) for part in three(splits)]
    return {"linear": simple.svm(*(np.concatenate(x) for x in zip(*parts, strict=True)))}


def three(splits: Splits) -> tuple:
    """Train, validation and test."""
    return splits.train, splits.validation, splits.test


# --- what is run --------------------------------------------------------------------------------

DATA = {
    data.name: data
    for data in (
        Data(
            "series/SyntheticControl",
            ucr("SyntheticControl"),
            probes(),
            simple.series,
            about="UCR: control charts, 300 / 300 series of 60 steps, 6 classes.",
        ),
        Data(
            "series/JapaneseVowels",
            ucr("JapaneseVowels"),
            probes(),
            simple.series,
            about="UEA: cepstra of two vowels, 270 / 370 series, 12 channels, 9 speakers.",
        ),
        Data(
            "series/ETTh1",
            lambda root: ETT(str(found(root, "ETTh1.csv"))),
            forecast,
            simple.forecast,
            first="mse",
            higher=False,
            about="Hourly transformer data, 12 / 4 / 4 months, 336 hours to the next 96; errors on "
            "the standardised scale.",
        ),
        Data(
            "tabular/adult",
            adult,
            probes(k=20),
            simple.table,
            about="UCI Adult, 32561 / 16281 rows, 14 columns, income above 50000; probes see 8000 "
            "labelled rows and 8000 test rows.",
        ),
        Data(
            "audio/digits",
            digits,
            probes(),
            simple.audio,
            about="FSDD: 2700 / 300 recordings of 6 speakers, 8 kHz, 10 spoken digits.",
        ),
        Data(
            "graph/Cora",
            lambda root: CitationGraph(str(found(root, "cora.npz"))),
            nodes,
            simple.nodes,
            about="Citations of 2708 papers, 7 topics, the public split of 140 / 500 / 1000 nodes. "
            "GraphMAE reports 84.2 (attention of width 512, 1500 steps, 20 runs).",
        ),
        Data(
            "graph/MUTAG",
            lambda root: TU(str(found(root, "MUTAG_A.txt").parent)),
            ten_fold,
            simple.graphs,
            about="188 molecules, 2 classes; ten-fold accuracy of a support-vector machine on the "
            "features of all graphs, which are also what is trained on, as in the field. GraphMAE "
            "reports 88.2 and GraphCL 86.8.",
        ),
        Data(
            "biology/splice",
            splice,
            probes(k=20),
            symbols.sequence_classes,
            about="UCI splice junctions: 3190 stretches of 60 bases, exon to intron, intron to "
            "exon, or neither; 60 / 20 / 20 % by class, as there is no published split.",
        ),
        Data(
            "biology/promoter",
            lambda root: Sequences(str(found(root, "promoter_dev.csv")), length=101, fraction=0.2),
            probes(k=20),
            symbols.sequence_classes,
            about="The 1000 promoters and shuffled ones of DNABERT's sample data, 101 bases, 60 / "
            "20 / 20 %.",
        ),
        Data(
            "biology/gb1",
            lambda root: FLIP(str(found(root, "splits.zip")), "three_vs_rest", length=56),
            regression,
            symbols.sequence_numbers,
            first="spearman",
            about="FLIP's GB1 landscape, split three-vs-rest: trained on up to three mutations "
            "(2691 / 299), tested on 5743 with four; only the first 56 residues vary.",
        ),
    )
}

_CONV = ("encoder.width=32", "encoder.depth=4", "epochs=40")

CASES = (
    Case("series/SyntheticControl", "patchtst", "series/patchtst_ucr", (), "reconstruction"),
    Case("series/SyntheticControl", "simclr", "series/simclr_ucr", _CONV),
    Case("series/SyntheticControl", "vicreg", "series/vicreg_ucr", _CONV),
    Case("series/JapaneseVowels", "patchtst", "series/patchtst_ucr", ("views.mask.rows=12",)),
    Case("series/JapaneseVowels", "simclr", "series/simclr_ucr", _CONV),
    Case(
        "series/ETTh1",
        "patchtst",
        "series/patchtst_etth1",
        ("epochs=1", "batch_size=32"),
        "reconstruction",
    ),
    Case("tabular/adult", "tjepa", "tabular/tjepa_adult", ("epochs=4",), "map"),
    Case("tabular/adult", "simclr", "tabular/simclr_adult", ("epochs=3",)),
    Case("audio/digits", "ssast", "audio/ssast_digits", ("epochs=60",), "reconstruction"),
    Case("audio/digits", "simclr", "audio/simclr_digits", ("epochs=6",)),
    Case("graph/Cora", "graphmae", "graph/graphmae_cora", (), "nodes"),
    Case("graph/MUTAG", "graphmae", "graph/graphmae_tu", ("encoder.width=32",)),
    Case("graph/MUTAG", "simclr", "graph/simclr_tu", ("encoder.width=32",), "map"),
    Case("biology/splice", "mlm", "biology/mlm_splice", (), "map"),
    Case("biology/splice", "simclr", "biology/simclr_splice"),
    Case("biology/promoter", "mlm", "biology/mlm_splice"),
    Case("biology/promoter", "simclr", "biology/simclr_splice"),
    Case("biology/gb1", "mlm", "biology/mlm_gb1", (), "prediction"),
    Case("biology/gb1", "simclr", "biology/simclr_gb1"),
)


def experiment(case: Case, root: Path) -> Experiment:
    """The experiment of a case on its data."""
    prepared = override(load(case.experiment), *case.overrides)
    return dataclasses.replace(prepared, data=DATA[case.data].open(root))


def fingerprint(case: Case, root: Path, seed: int) -> str:
    """Changes with the settings of a run; not with the folder of the data."""
    bare = override(load(case.experiment), *case.overrides)
    return digest({"run": Run(bare, seed, Path()).fingerprint, "data": case.data})


def measure(case: Case, root: Path, seed: int) -> Record:
    """Trains one case and scores its encoder, trained and untrained."""
    made, began = experiment(case, root), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        options = Options(
            devices=1, on_collapse="warn", probe_every=0, checkpoint_every=2**30, log_every=50
        )
        done: Finished = fit(Run(made, seed, Path(folder)), options, say=lambda line: None)
    if not done.complete:
        raise UserError(f"{case.name} seed {seed} was stopped: there is no record of it")
    trained_in = time.perf_counter() - began
    program, splits, score = done.program, done.splits, DATA[case.data].score
    untrained = program.init(program.root_key(seed))
    if case.figure:
        draw(case, program, done.state, splits)
    record = {
        "kind": "run",
        "name": case.name,
        "data": case.data,
        "method": case.method,
        "experiment": case.experiment,
        "overrides": list(case.overrides),
        "seed": seed,
        "fingerprint": fingerprint(case, root, seed),
        "scores": {
            "trained": score(program, done.state, splits),
            "untrained": score(program, untrained, splits),
        },
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


def draw(case: Case, program: Program, state: TrainState, splits: Splits) -> None:
    """The figure of a case, if there is none yet."""
    path = FIGURES / f"{case.data.replace('/', '.')}.png"
    if path.exists():
        return
    if case.figure == "reconstruction":
        figures.reconstruction(program, state, splits, path)
    elif case.figure == "prediction":
        figures.predictions(program, state, splits, path)
    elif case.figure == "map":
        part = simple.front(splits.test, 1000)
        figures.embedding_map(*features(program, state, part), splits.classes, path)
    else:
        subject = Subject({"row": Row(program, state)}, splits, program)
        found, _ = subject.arrays("row", "train", lambda f: {"tokens": f.tokens}, most=1)
        label = splits.train[0]["node_label"]
        figures.embedding_map(found["tokens"][0], label, splits.classes, path)


def baselines(data: Data, root: Path) -> Record:
    """Scores of the simple baselines of a data set."""
    began = time.perf_counter()
    splits = data.open(root).load()
    return {
        "kind": "baselines",
        "data": data.name,
        "about": data.about,
        "first": data.first,
        "higher": data.higher,
        "scores": data.baselines(splits),
        "seconds": time.perf_counter() - began,
        "hardware": hardware(),
    }
