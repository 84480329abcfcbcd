"""One's own protein or DNA sequences: FASTA, with labels in its headers or a CSV file, or none."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from jssl.core.ranges import Count, Ranged
from jssl.data.file_table import read_column, split_spec
from jssl.data.holdout import divide
from jssl.data.notes import repeated
from jssl.data.sequence_files import Entry, column, places, read_entries
from jssl.data.sequences import DNA, Planted, kept_letters
from jssl.data.source import ArraySource, Source, Splits
from jssl.data.split_files import split_files
from jssl.data.splitting import SplitRule
from jssl.data.targets import Targets, read_targets
from jssl.errors import UserError

FASTA = (".fasta", ".fa", ".faa", ".fna")
SEQUENCES = (*FASTA, *(f"{ending}.gz" for ending in FASTA))
_ROWS = (".csv", ".tsv", ".data", ".csv.gz", ".tsv.gz", ".data.gz")
_LABELS = ("label", "class")


@dataclass(frozen=True)
class SequenceSource(Ranged):
    """Sequences as symbols, from FASTA or a table (`jssl.data.sequence_files.read_entries`).

    Attributes:
      path: of the file, or of a folder with `train`, `test` and perhaps `validation` files.
      alphabet: see `jssl.data.sequences.to_symbols`.
      length: symbols to which sequences are cut or filled up.
      label: a KEY of `KEY=VALUE` in the headers (a column of a table), a CSV file with names of
        sequences and labels, or "none"; None takes a key or a column that is called label or class.
      group: likewise, whose values stay in one split; or None.
      sequence: name of the column of sequences, in a table.
      split: how the splits that are not there are made.
    """

    path: str
    alphabet: str = DNA
    length: Count = 128
    label: str | None = None
    group: str | None = None
    sequence: str = "sequence"
    split: SplitRule = field(default_factory=SplitRule)

    def smoke(self) -> Planted:
        """A few procedural sequences in its place, for tests."""
        return replace(Planted().smoke(), length=max(self.length, 24))

    def load(self) -> Splits:
        """Reads the files.

        Returns:
          Splits with `sequence` int32 [length] and, where there are labels, `label` int32.

        Raises:
          UserError: a file is missing or of another form, lacks a label, or has letters of
            another alphabet.
        """
        entries = self.entries()
        path = Path(self.path).expanduser()
        labels = {part: self.labels(own) for part, own in entries.items()}
        targets = Targets({})
        if labels["train"] is not None:
            lacking = [part for part, own in labels.items() if own is None]
            if lacking:
                raise UserError(f"{path}: train has labels and {lacking[0]} has none")
            targets = read_targets(labels, str(path))
        sources: dict[str, Source] = {}
        for part, own in entries.items():
            written = column(own, self.sequence, path)
            arrays = {"sequence": kept_letters(own, written, self.alphabet, self.length, path)}
            sources[part] = ArraySource(arrays | targets.of(part))
        group = None
        if self.group is not None:
            group = self._values(entries["train"], self.group, "group")
        name, what = path.name.partition(".")[0], f"sequences of {path}"
        return divide(sources, self.split, what, name=name, targets=targets, group=group)

    def entries(self) -> dict[str, list[Entry]]:
        """The sequences of each split with what is said of them."""
        files = split_files(self.path, (*SEQUENCES, *_ROWS), "sequences")
        return {part: read_entries(file) for part, file in files.items()}

    def labels(self, entries: list[Entry]) -> list[str] | None:
        """The label of each sequence as text, or None."""
        if self.label == "none":
            return None
        if self.label is not None:
            return self._values(entries, self.label, "label")
        keys = [k for k in _LABELS if any(k in entry for entry in entries)]
        return self._values(entries, keys[0], "label") if keys else None

    def _values(self, entries: list[Entry], spec: str, what: str) -> list[str]:
        key = spec.lower()
        if any(key in entry for entry in entries):
            for place, entry in zip(places(entries), entries, strict=True):
                if not entry.get(key, "").strip():
                    raise UserError(f"{self.path}: {place} has no {key}, and others have one")
            return [entry[key].strip() for entry in entries]
        if not Path(spec.rpartition(":")[0] or spec).expanduser().is_file():
            known = sorted({k for entry in entries for k in entry} - {"name", self.sequence})
            raise UserError(
                f"--{what} {spec} is neither a CSV file nor a KEY=VALUE of the headers of "
                f"{self.path}" + (f", which have {', '.join(known)[:200]}" if known else "")
            )
        split_spec(spec)
        names = [entry.get("name", "") for entry in entries]
        if not all(names) or repeated(names):
            raise UserError(f"{self.path}: sequences need names that differ for --{what} {spec}")
        return read_column(spec, names, what)
