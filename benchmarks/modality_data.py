"""The data sets of `learning_modalities.py`: how each is read, judged and compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import clip_baselines as films
import cloud_baselines as points
import modality_baselines as simple
import modality_scores as scores
import symbol_baselines as symbols
from modality_scores import Scores

from jssl.config.experiment import load
from jssl.core.state import TrainState
from jssl.data.activity import PhoneAndWatch
from jssl.data.audio import ESC, SpokenDigits
from jssl.data.captions import CaptionedShapes
from jssl.data.cells import Described
from jssl.data.clips import MovingShapes
from jssl.data.forecasting import ETT
from jssl.data.graphs import TU, CitationGraph
from jssl.data.radar import RadHAR
from jssl.data.radar_clips import RadHARClips
from jssl.data.sentence_pairs import SentencePairs
from jssl.data.sequences import FLIP, Sequences
from jssl.data.series import UCR
from jssl.data.solids import Solids
from jssl.data.source import Splits
from jssl.data.tables import Table
from jssl.data.text import Texts
from jssl.data.wordpiece import PiecedPairs, PiecedTexts, WordPiece
from jssl.errors import UserError
from jssl.runs.loop import Finished
from jssl.runs.run import Run
from jssl.training.program import Program


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
      plain: folder -> data spec for the baselines, where encoders see another form.
      words: folder -> overrides that open it, for what is trained further from a run's folder.
      further: (run, finished, "trained" or "untrained") -> scores after further training.
    """

    name: str
    open: Callable[[Path], Any]
    score: Callable[[Program, TrainState, Splits], Scores]
    baselines: Callable[[Splits], dict[str, Scores]]
    first: str = "linear"
    higher: bool = True
    about: str = ""
    plain: Callable[[Path], Any] | None = None
    words: Callable[[Path], tuple[str, ...]] = lambda root: ()
    further: Callable[[Run, Finished, str], Scores] | None = None


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


def phone(root: Path) -> PhoneAndWatch:
    """Phones' sensors while people walk and sit down, published or as one file."""
    files = sorted(root.rglob("har_smartphone.npz"))
    return PhoneAndWatch(str(files[0] if files else found(root, "s01_01_sp.csv").parents[1]))


def digits(root: Path) -> SpokenDigits:
    """Free Spoken Digit Dataset."""
    return SpokenDigits(str(found(root, "7_jackson_32.wav").parent))


def adult(root: Path) -> Described:
    """Adult, from `adult.data` and `adult.test`; its rows as numbers and as cells."""
    files = (str(found(root, f"adult.{part}")) for part in ("data", "test"))
    return Described(Table(*files, header=False), load("tabular/transtab_adult").data.names)


def sst2(root: Path) -> Texts:
    """SST-2 as bytes, from `train.tsv`, `dev.tsv` and `test.tsv`."""
    paths = (str(found(root, f"{part}.tsv")) for part in ("train", "dev", "test"))
    return Texts(*paths, length=256)


def ag_news(root: Path) -> Texts:
    """The articles of AG News' `test.csv`, as bytes."""
    path = str(found(root, "ag_news.csv"))
    return Texts(path, text=(1, 2), label=0, delimiter=",", length=512)


def sts(root: Path) -> SentencePairs:
    """The STS benchmark in English as bytes, from `stsb-en-train.csv` and its kin."""
    paths = (str(found(root, f"stsb-en-{part}.csv")) for part in ("train", "dev", "test"))
    return SentencePairs(*paths, length=256)


def pieced(
    read: Callable[[Path], Texts | SentencePairs], pieces: int, length: int
) -> Callable[[Path], PiecedTexts | PiecedPairs]:
    """The same texts as pieces of words, whose vocabulary is learnt beside them if it is not."""

    def texts(root: Path) -> PiecedTexts | PiecedPairs:
        plain = read(root)
        kind = PiecedPairs if isinstance(plain, SentencePairs) else PiecedTexts
        path = Path(plain.train).parent / f"vocabulary_{kind.__name__}_{pieces}.txt"
        made = kind(**vars(plain) | {"length": length}, pieces=WordPiece(str(path)))
        if not path.exists():
            made.learn(pieces)
        return made

    return texts


def splice(root: Path) -> Sequences:
    """UCI's splice junctions, as `splice.data` or as a table with a column a base."""
    path = found(root, "splice.*")
    column = "sequence" if ".data" in path.name else "attribute_"
    return Sequences(str(path), sequence=column, label="class", length=60, fraction=0.2)


DATA = {
    data.name: data
    for data in (
        Data(
            "series/SyntheticControl",
            ucr("SyntheticControl"),
            scores.probes(),
            simple.series,
            about="UCR: control charts, 300 / 300 series of 60 steps, 6 classes.",
        ),
        Data(
            "series/JapaneseVowels",
            ucr("JapaneseVowels"),
            scores.probes(),
            simple.series,
            about="UEA: cepstra of two vowels, 270 / 370 series, 12 channels, 9 speakers.",
        ),
        Data(
            "series/activity",
            phone,
            scores.probes(),
            simple.activity,
            about="Accelerometer and gyroscope of a phone in the pocket, 23 people who stand up, "
            "walk, turn and sit down (Matey-Sanz et al., 2023): 2013 / 684 / 922 windows of "
            "1.28 s, five activities, nobody in two splits. Half of a window is also in the next. "
            "Unturned: without random turns of the phone in the views, the first form of both "
            "experiments; turns were added when its test scores were known, so the difference is "
            "not a prediction.",
        ),
        Data(
            "series/ETTh1",
            lambda root: ETT(str(found(root, "ETTh1.csv"))),
            scores.forecast,
            simple.forecast,
            first="mse",
            higher=False,
            words=lambda root: (f"data.path={found(root, 'ETTh1.csv')}",),
            further=scores.tuned_forecast,
            about="Hourly transformer data, 12 / 4 / 4 months, 336 hours to the next 96; errors on "
            "the standardised scale. Encoder and head are fine-tuned as in the paper, for the "
            "untrained row from scratch (mse, mae). Frozen, the encoder sees the past and a hidden "
            "future, and a linear head reads all tokens, or those of that future, of which an "
            "untrained encoder knows nothing. PatchTST, self-supervised and then fine-tuned, "
            "reports 0.366 and 0.397: 100 epochs and 30 of fine-tuning, width 128, a past of 512. "
            "Here: 8 and 6 epochs, width 32 and 336 hours.",
        ),
        Data(
            "tabular/adult",
            adult,
            scores.probes(k=20, auc=True),
            simple.table,
            about="UCI Adult, 32561 / 16281 rows, 14 columns, income above 50000; probes see 8000 "
            "labelled rows and 8000 test rows.",
        ),
        Data(
            "audio/digits",
            digits,
            scores.probes(),
            simple.audio(),
            about="FSDD: 2700 / 300 recordings of 6 speakers, 8 kHz, 10 spoken digits.",
        ),
        Data(
            "audio/ESC10",
            lambda root: ESC(str(found(root, "esc50.csv").parent.parent)),
            scores.probes(),
            simple.audio(rate=16000, window=512, hop=400, mels=64, frames=192),
            about="ESC-10: 400 environmental sounds of 5 s, ten classes; folds 1 to 3 train, 4 "
            "validation, 5 test (80 sounds: one of them is 1.25 points).",
        ),
        Data(
            "graph/Cora",
            lambda root: CitationGraph(str(found(root, "cora.npz"))),
            scores.nodes,
            simple.nodes,
            about="Citations of 2708 papers, 7 topics, the public split of 140 / 500 / 1000 nodes. "
            "GraphMAE reports 84.2 (attention of width 512, 1500 steps, dropout, 20 runs). Here: "
            "graphmae, convolutions of width 256 and 300 steps; graphmae_gat, its attention and "
            "steps, without dropout.",
        ),
        Data(
            "graph/MUTAG",
            lambda root: TU(str(found(root, "MUTAG_A.txt").parent), ignore=("edge_labels",)),
            scores.ten_fold,
            simple.graphs,
            about="188 molecules, 2 classes; ten-fold accuracy of a support-vector machine on the "
            "features of all graphs, which are also what is trained on, as in the field. GraphMAE "
            "reports 88.2 and GraphCL 86.8.",
        ),
        Data(
            "points/RadHAR",
            lambda root: RadHAR(str(found(root, "radhar.npz"))),
            scores.clouds(5),
            points.clouds,
            first="svm",
            about="RadHAR: what a radar sees of a person in 2 s, five activities; 2104 / 380 / "
            "1042 windows (186 of the 200 recordings), 512 of some 1260 points each, their order "
            "in time and speed left out; validation by whole recordings. The authors' supervised "
            "net, which sees the order, has 92.",
        ),
        Data(
            "points/solids",
            lambda root: Solids(),
            scores.clouds(10),
            points.clouds,
            first="svm",
            about="Procedural solids, 2048 / 256 / 512 clouds of 38 to 256 points, ten classes, "
            "turned at will, stretched, noisy and partly hidden.",
        ),
        Data(
            "video/actions",
            lambda root: MovingShapes(),
            scores.probes(k=20),
            films.clips,
            about="Procedural clips, 2048 / 256 / 512 of 12 frames of 32 x 32 pixels: silhouettes "
            "that drift (four directions), turn (two), grow, shrink or stay. A single frame tells "
            "nothing of a drift or a turn. Encoders and baselines see eight frames.",
        ),
        Data(
            "video/RadHAR",
            lambda root: RadHARClips(str(found(root, "radhar.npz"))),
            scores.probes(k=20),
            films.clips,
            about="The windows of points/RadHAR as clips: 12 pictures of 5 frames of the radar, "
            "seen from three sides, of which encoders and baselines see eight (1.3 s).",
        ),
        Data(
            "text/sst2",
            pieced(sst2, 4000, 32),
            scores.probes(k=20),
            symbols.texts,
            about="SST-2: 6920 / 872 / 1821 sentences of film reviews, two classes; encoders see "
            "32 of 4000 pieces of words, whose vocabulary is learnt from the training split.",
            plain=sst2,
        ),
        Data(
            "text/ag_news",
            pieced(ag_news, 4000, 32),
            scores.probes(k=20),
            symbols.texts,
            about="The 7600 articles of AG News' published test file, four topics (1 world, "
            "2 sports, 3 business, 4 science), 80 / 10 / 10 % "
            "(its training file of 120000 is not used: no figure to compare with); encoders see "
            "32 of 4000 pieces of words, title first.",
            plain=ag_news,
        ),
        Data(
            "text/stsb",
            pieced(sts, 4000, 24),
            scores.similarity,
            symbols.pairs,
            first="spearman",
            about="STS-B: 1379 test pairs, cosine of frozen features against people's scores; "
            "trained on the first sentences of 5749 training pairs, no score seen; encoders see "
            "24 of 4000 pieces of words.",
            plain=sts,
        ),
        Data(
            "image_text/shapes",
            lambda root: CaptionedShapes(train=4096, test=512),
            scores.paired,
            symbols.captioned,
            first="zero-shot",
            about="Procedural shapes with five captions each, 4096 / 512; retrieval among 512 "
            "images and 2560 captions, many of which fit several images.",
        ),
        Data(
            "biology/splice",
            splice,
            scores.site,
            symbols.sequence_classes,
            first="site",
            about="UCI splice junctions: 3190 stretches of 60 bases, exon to intron, intron to "
            "exon, or neither; 60 / 20 / 20 % by class, as there is no published split.",
        ),
        Data(
            "biology/promoter",
            lambda root: Sequences(str(found(root, "promoter_dev.csv")), length=101, fraction=0.2),
            scores.probes(k=20),
            symbols.sequence_classes,
            about="The 1000 promoters and shuffled ones of DNABERT's sample data, 101 bases, 60 / "
            "20 / 20 %.",
        ),
        Data(
            "biology/gb1",
            lambda root: FLIP(str(found(root, "splits.zip")), "three_vs_rest", length=56),
            scores.regression,
            symbols.sequence_numbers,
            first="spearman",
            about="FLIP's GB1 landscape, split three-vs-rest: trained on up to three mutations "
            "(2691 / 299), tested on 5743 with four; only the first 56 residues vary.",
        ),
    )
}
