import gzip
import zipfile

import chex
import numpy as np
import pytest

from jssl.data.sequence_files import column, read_entries
from jssl.data.sequences import (
    DNA,
    FLIP,
    MOTIFS,
    PROTEIN,
    Planted,
    Sequences,
    to_letters,
    to_symbols,
)
from jssl.errors import UserError


def test_letters_are_symbols_and_go_back():
    symbols = to_symbols(["acGT", "ACGTRN"], DNA, 5)
    np.testing.assert_array_equal(symbols, [[1, 2, 3, 4, 0], [1, 2, 3, 4, 5]])
    assert to_letters(symbols[0], DNA) == "ACGT"
    assert to_letters(to_symbols(["MKU"], PROTEIN, 4)[0], PROTEIN) == "MKX"
    with pytest.raises(UserError, match="not in the alphabet"):
        to_symbols(["MKLV"], DNA, 4)


def test_published_formats_are_read(tmp_path):
    fasta = ">Sequence0 TARGET=1.5 SET=train\nACG\nTT\n>other\n\nGG\n"
    (tmp_path / "a.fasta.gz").write_bytes(gzip.compress(fasta.encode()))
    assert read_entries(tmp_path / "a.fasta.gz") == [
        {"name": "Sequence0", "target": "1.5", "set": "train", "sequence": "ACGTT"},
        {"name": "other", "sequence": "GG"},
    ]
    (tmp_path / "splice.data").write_text("EI,  ATRINS-DONOR-521,  CCAG\nN,ORA-1,   ACGT\n")
    found = read_entries(tmp_path / "splice.data")
    assert found[1] == {"class": "N", "name": "ORA-1", "sequence": "ACGT"}
    (tmp_path / "b.csv").write_text('"Instance","base_1","base_2","Class"\nx,A,C,EI\ny,G,T,N\n')
    entries = read_entries(tmp_path / "b.csv")
    assert (
        column(entries, "base_", "b") == ["AC", "GT"] and column(entries, "class", "b")[0] == "EI"
    )
    with pytest.raises(UserError, match="no column 'label'; it has instance"):
        column(entries, "label", "b")
    (tmp_path / "c.txt").write_text("ACGT")
    for name, words in (("c.txt", "no known ending"), ("d.csv", "there is no file")):
        with pytest.raises(UserError, match=words):
            read_entries(tmp_path / name)


def test_labelled_sequences_are_carved(tmp_path):
    lines = [f"{'EI' if i % 2 else 'N'},x{i},{'ACGT'[i % 4] * 3}" for i in range(40)]
    (tmp_path / "splice.data").write_text("\n".join(lines))
    splits = Sequences(str(tmp_path / "splice.data"), label="class", length=4, fraction=0.2).load()
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [24, 8, 8]
    assert splits.classes == ("EI", "N") and splits.name == "splice"
    one = splits.test[0]
    assert one["label"] == int(one["sequence"][0] % 2) and one["sequence"][3] == 0


def test_flip_keeps_its_three_sets(tmp_path):
    rows = ["sequence,target,set,validation"]
    rows += [f"MK{letter},{i}.5,train,{'True' if i > 2 else ''}" for i, letter in enumerate("ACDE")]
    rows += ["MKW,9.0,test,"]
    with zipfile.ZipFile(tmp_path / "splits.zip", "w") as archive:
        archive.writestr("splits/own.csv", "\n".join(rows))
    splits = FLIP(str(tmp_path / "splits.zip"), "own").load()
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [3, 1, 1]
    np.testing.assert_array_equal(splits.train[:]["target"], [0.5, 1.5, 2.5])
    assert to_letters(splits.test[0]["sequence"], PROTEIN) == "MKW"
    assert "label" not in splits.train[0]
    with pytest.raises(UserError, match="has no file other"):
        FLIP(str(tmp_path / "splits.zip"), "other").load()


def test_motifs_are_planted_as_often_as_the_target_says():
    few, more = (
        Planted(train=8, noise=0.0).load().train[:],
        Planted(train=16, noise=0.0).load().train[:],
    )
    chex.assert_trees_all_equal(few, {key: value[:8] for key, value in more.items()})
    for symbols, label, copies in zip(
        *(more[k] for k in ("sequence", "label", "target")), strict=True
    ):
        assert to_letters(symbols, DNA).count(MOTIFS[label]) >= copies
    assert len(set(more["target"])) == 3
