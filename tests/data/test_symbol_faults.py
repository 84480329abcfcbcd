"""Texts, pairs and sequences with faults: each is counted, or refused by its file and place."""

import logging
import re

import chex
import numpy as np
import pytest

from jssl.data import FLIP, SentencePairs, Sequences, notes
from jssl.data.sequence_files import column, parse_fasta, read_entries
from jssl.data.sequences import DNA, PROTEIN, to_letters, to_symbols
from jssl.data.text import Texts, to_text, to_tokens
from jssl.errors import UserError

LINES = [f"number {k}\t{'ab'[k % 2]}" for k in range(20)]


@pytest.fixture
def said(caplog):
    """The sentences about data, without the files that they begin with."""
    notes.note.cache_clear()
    caplog.set_level(logging.WARNING)
    return lambda: [message.split(": ", 2)[2] for message in caplog.messages]


def write(path, lines, end="\n"):
    path.write_bytes(end.join([*lines, ""]).encode())
    return str(path)


def texts(path, lines, end="\n", **options):
    return Texts(write(path, lines, end), length=16, fraction=0.2, **options)


def refused(spec, words):
    with pytest.raises(UserError) as caught:
        spec.load()
    said = str(caught.value)
    assert re.search(words, said) and "\n" not in said, said


def same(first, second):
    for part in ("train", "validation", "test"):
        one, other = (getattr(splits, part) for splits in (first, second))
        chex.assert_trees_all_equal(one[np.arange(len(one))], other[np.arange(len(other))])


# texts --------------------------------------------------------------------------------------------


def test_empty_and_long_texts_are_counted_once(tmp_path, said):
    lines = [*LINES, "\ta", "  \tb", "x" * 300_000 + "\ta"]
    for _ in range(2):
        splits = texts(tmp_path / "a.tsv", lines).load()
    assert said() == [
        "2 of 23 texts are empty (line 21, line 22)",
        "1 of 23 texts are cut to 16 bytes",
    ]
    assert sum(map(len, (splits.train, splits.validation, splits.test))) == 23
    refused(texts(tmp_path / "a.tsv", ["\ta", "\tb"] * 11 + LINES), "22 of 42 texts are empty")


def test_the_dialect_does_not_change_texts(tmp_path):
    wanted = texts(tmp_path / "a.tsv", LINES).load()
    same(wanted, texts(tmp_path / "b.tsv", LINES, "\r\n").load())
    same(wanted, texts(tmp_path / "c.tsv", ["\ufeff" + LINES[0], *LINES[1:]]).load())
    same(wanted, texts(tmp_path / "d.tsv", ["text\tlabel", *LINES], header=True).load())
    commas = [line.replace("\t", ",") for line in LINES]
    same(wanted, texts(tmp_path / "e.csv", commas, delimiter=",").load())
    refused(texts(tmp_path / "f.csv", commas), "line 1 has too few columns.*written with a comma")


@pytest.mark.parametrize(
    ("lines", "options", "words"),
    [
        ([*LINES, "more\t "], {}, r"has no label in line 21 \(1 of 21\)"),
        ([*LINES, "more\tNaN"], {}, "has no label in line 21"),
        ([*LINES, "a\tb\tc"], {}, "line 21 has 3 columns and line 1 has 2"),
        ([*LINES, "a"], {}, "line 21 has too few columns"),
        (["text\tlabel", *LINES], {}, "line 1 has the label 'label' as no other.*header=True"),
        (["t\tk", *(f"a{k}\t{k % 2}" for k in range(9))], {}, "header=True"),
        (LINES, {"header": True}, "line 1 is left out as a header.*header=False"),
        ([f"{k % 2}\ttext {k}" for k in range(20)], {}, "another label in each of its 20"),
        ([], {}, "has no lines"),
        (["text\tlabel"], {"header": True}, "no lines after its header"),
    ],
)
def test_lines_that_cannot_be_right_are_refused(tmp_path, lines, options, words):
    refused(texts(tmp_path / "a.tsv", lines, **options), words)


def test_the_splits_of_texts_have_to_match(tmp_path, said):
    def load(lines, header="text\tlabel"):
        train = write(tmp_path / "a.tsv", ["text\tlabel", *LINES])
        test = write(tmp_path / "b.tsv", [header, *lines])
        return Texts(train, test=test, header=True, length=16)

    refused(load(["a\tone\n", "b\ttwo"]), r"b\.tsv has none of the labels .*: one, two instead of")
    refused(load(["a\tone"], "label\ttext"), "bring the columns of both into the same order")
    assert len(load(["c\ta", "d\tz"]).load().test) == 2
    assert said() == ["1 labels of test are not in train: z"]


def test_half_a_letter_is_no_text():
    with pytest.raises(
        UserError, match=r"text 1, 'b.ud800', contains an unpaired UTF-16 surrogate"
    ):
        to_tokens(["a", "b\ud800"], 4)


# pairs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("score", ["nan", "inf", "-inf", "1e39", "", "much", "1_000"])
def test_scores_are_finite_numbers(tmp_path, score):
    lines = [f"one {k}\ttwo {k}\t{k / 4}" for k in range(10)]
    path = write(tmp_path / "a.tsv", [*lines, f"one\ttwo\t{score}"])
    refused(SentencePairs(path), r"a\.tsv.*line 11")


def test_pairs_are_counted_and_may_have_more_columns(tmp_path, said):
    lines = [f"one {k},two {k},{k / 4}" for k in range(8)]
    path = write(tmp_path / "a.csv", ["first,second,score", *lines, ",two,1", '"one","",2,more'])
    splits = SentencePairs(path, length=4, header=True, fraction=0.3).load()
    assert said() == [
        "1 of 10 first sentences are empty (line 10)",
        "8 of 10 first sentences are cut to 4 bytes",
        "1 of 10 second sentences are empty (line 11)",
        "8 of 10 second sentences are cut to 4 bytes",
    ]
    assert to_text(splits.train[0]["text"]) in ("one ", "one", "")
    refused(SentencePairs(write(tmp_path / "b.csv", lines), header=True), "header=False")
    other = write(tmp_path / "c.csv", ["second,first,score", *lines])
    refused(SentencePairs(path, test=other, header=True), "same order")


# sequences ----------------------------------------------------------------------------------------


def fasta(path, sequences, end="\n"):
    lines = [f">s{k} label={k % 2}{end}{s}" for k, s in enumerate(sequences)]
    return write(path, lines, end)


def test_rna_is_read_as_dna_and_letters_of_either_case_alike(tmp_path, said):
    dna = ["ACGTTGCANN"[k % 4 :] * 3 for k in range(20)]
    wanted = Sequences(fasta(tmp_path / "a.fasta", dna), length=30, fraction=0.2).load()
    rna = [s.replace("T", "U") for s in dna]
    for name, own, end in (("b", rna, "\n"), ("c", [s.lower() for s in dna], "\r\n")):
        path = fasta(tmp_path / f"{name}.fasta", own, end)
        same(wanted, Sequences(path, length=30, fraction=0.2).load())
    assert not said()
    assert to_letters(to_symbols(["ACGT"], "ACGUN", 4)[0], "ACGUN") == "ACGU"
    assert to_letters(to_symbols(["MUT"], PROTEIN, 3)[0], PROTEIN) == "MXT"


def test_unknown_letters_are_counted_or_refused(tmp_path, said):
    path = fasta(tmp_path / "a.fasta", ["ACGT" * 10, "ACGR" + "ACGT" * 9] * 10)
    Sequences(path, length=32).load()
    assert said() == [
        "10 of 800 letters are not in the alphabet ACGTN and are read as N ('R'; first in sequence "
        "'s1')",
        "20 of 20 sequences are cut to 32 letters",
    ]
    path = fasta(tmp_path / "b.fasta", ["ACGT" * 10, "ACRYKACGRT" * 4] * 10)
    refused(Sequences(path), r"b\.fasta: 160 of 800 letters are not in the alphabet ACGTN \('R'")


def test_empty_sequences_and_names_that_are_there_twice(tmp_path, said):
    path = write(
        tmp_path / "a.fasta", [f">s{k // 2} label={k % 2}\n{'ACGT' * (k > 3)}" for k in range(20)]
    )
    Sequences(path, fraction=0.2).load()
    assert said() == [
        "4 of 20 sequences are empty (sequence 's0', sequence 's0', sequence 's1', ...)",
        "10 names are those of several sequences (s0, s1, s2, ...)",
    ]
    refused(Sequences(fasta(tmp_path / "b.fasta", ["", "", "ACGT"])), "2 of 3 sequences are empty")
    protein = Sequences(fasta(tmp_path / "c.fasta", ["ACGT" * 3] * 20), alphabet=PROTEIN)
    protein.load()
    assert said()[-1] == f"all letters are A, C, G, T or N; the alphabet {DNA} reads DNA"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.fasta", "ACGT\n>s label=0\nACGT\n", "not a FASTA file: it begins with 'ACGT'"),
        ("a.fasta", ">s label=0\nACGT\n>t\nACGT\n", "no 'label' for sequence 't'"),
        ("a.fasta", ">s label=0\nACGT\n>t label=\nACGT\n", "no label in sequence 't'"),
        ("a.fasta", "", "has no sequences"),
        ("a.data", "EI,x,ACGT\nEI,y\n", "line 2 has 2 columns, which are not a class, a name"),
        ("a.csv", "sequence,label\nACGT,0\nACGT\n", "line 3 has 1 columns"),
        ("a.csv", "sequence,label,label\nACGT,0,1\n", "two columns that are called 'label'"),
        ("a.csv", "base_1,base_3,label\nA,C,1\n", "base_1 to base_3 but no number 2"),
        ("a.csv", "sequence;label\nACGT;0\n", "has no column 'sequence'"),
        ("a.csv", "\n", "has no sequences"),
    ],
)
def test_files_of_sequences_that_cannot_be_right(tmp_path, name, text, words):
    path = write(tmp_path / name, [text.rstrip("\n")])
    prefix = "base_" if "base" in text else "sequence"
    refused(Sequences(path, sequence=prefix), words)


def test_numbered_columns_are_joined_by_their_numbers(tmp_path):
    write(tmp_path / "a.csv", ["base_10,base_9,Base_11,other_base_1", "A,C,G,T"])
    entries = read_entries(tmp_path / "a.csv")
    assert column(entries, "base_", "a.csv") == ["CAG"]
    assert parse_fasta("; old comment\n>s a=b\rAC\rGT\r")[0]["sequence"] == "ACGT"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("MKW,nan,train,", r"NaN.*sequence 9"),
        ("MKW,inf,train,", "sequence 9"),
        ("MKW,1e39,train,", "sequence 9"),
        ("MKW,?,train,", "sequence 9 has a target that is not a number"),
        ("MKW,1,,", "the set '' and the validation '' for sequence 9"),
        ("MKW,1,train,yes", "the validation 'yes' for sequence 9"),
    ],
)
def test_the_rows_of_flip_are_checked(tmp_path, row, words):
    rows = [f"MKW,{k}.5,{'train' if k < 6 else 'test'},{'True' * (k < 2)}" for k in range(8)]
    path = tmp_path / "own.csv"
    write(path, ["sequence,target,set,validation", *rows])
    wanted = FLIP(str(tmp_path), "own").load()
    assert [len(wanted.train), len(wanted.validation), len(wanted.test)] == [4, 2, 2]
    write(path, ["sequence,target,set,validation", *rows, row])
    refused(FLIP(str(tmp_path), "own"), words)
