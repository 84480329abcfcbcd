"""Protein and DNA sequences: FASTA, or a table with a column of them."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np

from jssl.data.row_files import DELIMITED
from jssl.data.sequence_files import column
from jssl.data.sequence_source import SEQUENCES, SequenceSource
from jssl.data.sequences import DNA, PROTEIN
from jssl.own.form import Form, Found, OwnOptions
from jssl.own.measure import spread
from jssl.own.peek import first_file, first_rows
from jssl.own.tally import tallied

_LETTERS = re.compile(r"[A-Za-z]{12,}")
_MEASURED = 4096  # sequences whose letters are looked at
_LENGTHS = (16, 256)  # letters of a sequence, where none is asked for
_SHARE = 0.95  # of the letters, which the alphabet of DNA must have


def is_fasta(path: Path) -> bool:
    """Whether it is FASTA by its ending, or a folder with one file of it or those of the splits."""
    return first_file(path, SEQUENCES) is not None


def is_table(path: Path) -> bool:
    """Whether it is a table with a column called sequence, or of UCI: class, name, letters."""
    file = first_file(path, DELIMITED)
    rows = first_rows(file) if file is not None else []
    if file is not None and file.name.lower().removesuffix(".gz").endswith(".data"):
        return bool(rows) and all(len(r) == 3 and _LETTERS.fullmatch(r[2].strip()) for r in rows)
    return bool(rows) and "sequence" in {name.strip().lower() for name in rows[0]}


def open_sequences(path: Path, options: OwnOptions) -> Found:
    """Reads the sequences in the alphabet that their letters are of."""
    data = SequenceSource(str(path), label=options.label, group=options.group, split=options.rule())
    known = options.known or {}
    if not {"alphabet", "length"} <= set(known):
        entries = data.entries()["train"]
        written = column(entries, data.sequence, path)
        known = _measure([written[k] for k in spread(np.arange(len(written)), _MEASURED)])
    alphabet, length = known["alphabet"], int(options.length or known["length"])
    data = SequenceSource(**{**vars(data), "alphabet": alphabet, "length": length})
    kind = "DNA" if alphabet == DNA else "protein"
    return tallied(
        *("sequence", f"{kind} sequences", data, data.load()),
        details=f"the first {length} letters of each",
        facts={"alphabet": alphabet, "length": length},
    )


def _measure(sequences: list[str]) -> dict[str, object]:
    counts: Counter[str] = Counter()
    for sequence in sequences:
        counts.update(sequence.upper())
    bases = sum(counts[letter] for letter in "ACGTUN")
    dna = bases >= _SHARE * max(counts.total(), 1)
    longest = np.quantile([len(sequence) for sequence in sequences], 0.9)
    length = int(np.clip(-(-longest // 8) * 8, *_LENGTHS))
    return {"alphabet": DNA if dna else PROTEIN, "length": length}


FORMS = (
    Form("fasta", "sequence", "sequences in FASTA", is_fasta, open_sequences, priority=9),
    Form("sequences", "sequence", "a table of sequences", is_table, open_sequences, priority=4),
)
