"""What a form of data is: how it is recognised and opened, and what is said of it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jssl.data.splitting import SPLIT_BY, SplitRule
from jssl.errors import UserError

MODALITIES: Mapping[str, str] = {
    "image": "images",
    "audio": "audio",
    "table": "tables",
    "series": "series",
    "text": "texts",
    "sequence": "biological sequences",
    "graph": "graphs",
    "cloud": "point clouds",
    "video": "clips",
    "caption": "images with captions",
}
"""Modality -> what an experiment of it takes, in words."""


@dataclasses.dataclass(frozen=True)
class OwnOptions:
    """How one's own data are read; the options of the command line, shared by all forms.

    Attributes:
      form: name of the form; None recognises it.
      label: where labels are from: a column of a table, a CSV file (`FILE.csv` or
        `FILE.csv:COLUMN`) that names each file and its label, "folder" for the names of
        sub-folders ("folder:N" for those of the N-th level), or "none"; None for what the form
        finds. Several columns of 0 and 1, with "," between, and cells such as "a;b" are several
        labels an example.
      group: a column of a table, or a CSV file that names each file and its group; the examples of
        a group are never in two splits.
      time: the column by which a split by time sorts.
      split_by: "random", "group" or "time"; None is "group" where a group is given, "time" where
        a form is ordered in time, and "random" otherwise.
      validation_share: share of the examples that is set aside for validation.
      test_share: share that is set aside for the test split.
      channels: of images: a number, or "grey", "rgb" or "rgba"; None for those of the files.
      bands: of images and volumes, the numbers of the bands that are kept, from 1; () for all.
      size: of images and clips, pixels; None for the experiment's.
      columns: the columns that are read; () for all that the form can use.
      panel: of series to forecast, the column that tells them apart; None for one series.
      split_at: of a series to forecast, where validation and where the test part begin, instead
        of shares: two dates, numbers or rows.
      length: of clips of sounds in seconds, of windows of series in steps, of texts in bytes or
        pieces of words, of sequences in letters, of clouds in points; None for what the form
        measures.
      horizon: of a series to forecast, steps ahead; None for a quarter of the length, at most 24.
      rate: of sounds, samples a second; None for that of the files, at most 16 000.
      block: of scans, the side of the blocks on the ground that they are cut into; None for 5, 0
        for whole scans.
      tokenizer: of texts, a file or folder (`jssl.data.tokenizers.tokenizer_at`) whose pieces of
        words they are read as; None reads bytes.
      seed: of the draw of the splits.
      known: facts that were measured before and are not measured again (`Found.facts`).
      pieces: of texts, the tokenizer of the encoder that they are for, in place of `tokenizer`.
      longest: texts are read whole, up to this number of pieces.
    """

    form: str | None = None
    label: str | None = None
    group: str | None = None
    time: str | None = None
    split_by: str | None = None
    validation_share: float = 0.1
    test_share: float = 0.1
    channels: str | None = None
    bands: tuple[int, ...] = ()
    size: int | None = None
    columns: tuple[str, ...] = ()
    panel: str | None = None
    split_at: tuple[str, ...] = ()
    length: float | None = None
    horizon: int | None = None
    rate: int | None = None
    block: float | None = None
    tokenizer: str | None = None
    seed: int = 0
    known: Mapping[str, Any] | None = dataclasses.field(default=None, compare=False, repr=False)
    pieces: Any = dataclasses.field(default=None, compare=False, repr=False)
    longest: int | None = dataclasses.field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.split_by is not None and self.split_by not in SPLIT_BY:
            raise UserError(f"--split-by takes {', '.join(SPLIT_BY)}, not {self.split_by!r}")
        if self.split_by == "group" and self.group is None:
            raise UserError(
                "--split-by group needs --group: a CSV file that names each example's group, or a "
                "column"
            )
        for flag, share in (("validation", self.validation_share), ("test", self.test_share)):
            if not 0 < share < 1:
                raise UserError(f"--{flag}-share must be in (0, 1), not {share:g}")
        for flag in ("length", "horizon", "rate"):
            value = getattr(self, flag)
            if value is not None and not 0 < value < 2**31:
                raise UserError(f"--{flag} must be a positive number, not {value:g}")
        if self.block is not None and not 0 <= self.block < math.inf:
            raise UserError(f"--block must be a number of at least 0, not {self.block:g}")
        if any(band < 1 for band in self.bands):
            raise UserError("--bands takes numbers of bands from 1 up, such as 4,3,2")
        if len(self.split_at) not in (0, 2):
            raise UserError(
                "--split-at takes two, with a comma between: where validation begins and where "
                "the test part begins"
            )

    def rule(self, *, timed: bool = False) -> SplitRule:
        """How missing splits are made.

        Args:
          timed: whether the form is ordered in time, so that a split is by time unless told.
        """
        by = self.split_by or ("group" if self.group is not None else "time" if timed else "random")
        return SplitRule(by, self.validation_share, self.test_share, self.seed)

    def record(self) -> dict[str, Any]:
        """The options that differ from their defaults, as JSON values."""
        found = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.compare and value != field.default:
                found[field.name] = list(value) if isinstance(value, tuple) else value
        return found

    @classmethod
    def from_record(cls, record: Mapping[str, Any], known: Mapping[str, Any]) -> OwnOptions:
        """The options of `record()`, with what was measured then.

        Raises:
          UserError: they are not the options of this version.
        """
        names = {field.name for field in dataclasses.fields(cls) if field.compare}
        unknown = sorted(set(record) - names)
        if unknown:
            raise UserError(f"own data were opened with the option {unknown[0]!r}, unknown here")
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in record.items()}
        return cls(**values, known=known)


@dataclasses.dataclass(frozen=True)
class Found:
    """What a path holds.

    Attributes:
      modality: one of `MODALITIES`.
      form: name of the form that opened it.
      path: as given, made absolute.
      data: a data spec of `jssl.data`, a frozen dataclass whose `load()` gives the three splits;
        everything measured is a value of it, so that loading it again gives the same arrays.
      line: what was found, in one line without a period: "12 404 images, 3 bands, no labels; 1 240
        set aside for validation, 1 240 for the test".
      facts: what was measured (sizes, channels, mean, std, ...), as JSON values; recorded in the
        run and given back in `OwnOptions.known`.
      classes: names of the classes; () without labels.
      examples: number of training examples.
      notes: further sentences to say, such as what was converted.
      tags: names of the labels, where an example may have several.
    """

    modality: str
    form: str
    path: str
    data: Any
    line: str
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    classes: tuple[str, ...] = ()
    examples: int = 0
    notes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Form:
    """A form of data on disk. A module of `jssl.own.forms` defines some in a tuple `FORMS`.

    Attributes:
      name: as `--form` takes it, e.g. "image-folder".
      modality: one of `MODALITIES`.
      about: what it is, in a few words, for messages and docs: "a folder of image files".
      matches: whether a path, which exists, looks like it. Cheap: looks at names and at the first
        bytes of few files; raises nothing for a file that is damaged.
      open: (path, options) -> Found; raises `UserError` for what cannot be used. A match that is
        wrong inside (one PDF among images) is refused here, not in `matches`.
      priority: of several forms that match, the highest wins, unless the experiment's modality
        prefers another.
    """

    name: str
    modality: str
    about: str
    matches: Callable[[Path], bool]
    open: Callable[[Path, OwnOptions], Found]
    priority: int = 0


def thousands(count: int) -> str:
    """A number for a line of text: 12404 -> "12 404"."""
    return f"{count:,}".replace(",", " ")


def counted(
    count: int,
    what: str,
    *,
    details: str,
    classes: tuple[str, ...],
    held: Mapping[str, int],
    tags: tuple[str, ...] = (),
) -> str:
    """The line of a `Found`.

    Args:
      count: of all examples.
      what: their plural, "images".
      details: "3 bands", or "" for none.
      classes: their names; () is said as "no labels".
      held: split -> examples, of validation and test.
      tags: names of the labels, where an example may have several.
    """
    labels = f"{len(classes)} classes" if classes else "no labels"
    labels = f"{len(tags)} labels, several an example" if tags else labels
    start = ", ".join(part for part in (f"{thousands(count)} {what}", details, labels) if part)
    return (
        f"{start}; {thousands(held['validation'])} set aside for validation, "
        f"{thousands(held['test'])} for the test"
    )
