import csv
import gzip
import logging

import numpy as np
import pytest

from jssl.data import notes
from jssl.data.text_files import count_cut, count_empty, read_rows, read_table, read_text
from jssl.errors import UserError


def test_a_byte_order_mark_is_no_letter(tmp_path):
    for name, raw in (
        ("a.csv", b"\xef\xbb\xbfa,b\r\n"),
        ("b.csv.gz", gzip.compress(b"a,b\r\n", mtime=0)),
    ):
        (tmp_path / name).write_bytes(raw)
        assert read_text(tmp_path / name) == "a,b\r\n"


@pytest.mark.parametrize(
    ("name", "raw", "words"),
    [
        ("latin1.csv", b"a\nb\ncaf\xe9\n", "is not in UTF-8: line 3 has the byte 0xe9"),
        ("marked.csv", b"\xef\xbb\xbfa\nb\xff\n", "line 2 has the byte 0xff"),
        ("utf16.csv", "a,b".encode("utf-16"), "is in UTF-16"),
        ("nul.csv", b"a\nb\0\n", "has a NUL byte in line 2"),
        ("cut.csv.gz", gzip.compress(b"a" * 1000, mtime=0)[:-12], "cut.csv.gz"),
        ("plain.csv.gz", b"a,b\n", "plain.csv.gz"),
        ("bits.csv.gz", gzip.compress(b"abc" * 99, mtime=0)[:12] + b"\xff" * 30, "bits.csv.gz"),
    ],
)
def test_what_is_no_text_is_named_by_its_line(tmp_path, name, raw, words):
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(UserError, match=words) as caught:
        read_text(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value) and "\n" not in str(caught.value)


def test_rows_know_their_lines_and_cells_have_any_length():
    limit = csv.field_size_limit()
    long = "x" * 300_000
    rows = read_rows(f'a,"b\nc"\n\n{long},"d ""e"""\n', "t.csv", ",")
    assert rows == [(1, ["a", "b\nc"]), (4, [long, 'd "e"'])]
    assert csv.field_size_limit() == limit
    assert read_rows('a "b\tc\r\nd\te', "t.tsv", "\t", quoted=False)[1] == (2, ["d", "e"])
    assert read_rows('5" pipe,1\n', "t.csv", ",") == [(1, ['5" pipe', "1"])]
    with pytest.raises(UserError, match="line 2 opens a cell with"):
        read_rows('a,1\n"b,2\nc,3\n', "t.csv", ",")


def test_tables_need_their_columns_in_every_row(tmp_path):
    path = str(tmp_path / "t.csv")

    def read(text, ragged=False):
        (tmp_path / "t.csv").write_text(text)
        return read_table(path, (0, 2), ",", quoted=True, header=True, ragged=ragged)

    rows, names = read(" a ,b,c\n1,2,3\n")
    assert rows == [(2, ["1", "2", "3"])] and names == ["a", "c"]
    assert len(read("a,b,c\n1,2,3,4\n", ragged=True)[0]) == 1
    for text, words in (
        ("", "has no lines"),
        ("a,b,c\n", "no lines after its header"),
        ("a,b,c\n1,2,3,4\n", "line 2 has 4 columns and line 1 has 3"),
        ("a,b,c\n1\n", "line 2 has too few columns, 1: there is none of number 2"),
        ("a;b;c\n1;2;3\n", "may be written with a semicolon"),
    ):
        with pytest.raises(UserError, match=words):
            read(text)


def test_empty_and_cut_examples_are_counted_once(caplog):
    notes.note.cache_clear()
    places = [f"line {k}" for k in range(1, 6)]
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            count_empty("t.tsv", "texts", np.array([False, True, False, True, False]), places)
            count_cut("t.tsv", "texts", np.array([False, True, True]), "8 bytes")
    assert caplog.messages == [
        "note: t.tsv: 2 of 5 texts are empty (line 2, line 4)",
        "note: t.tsv: 2 of 3 texts are cut to 8 bytes",
    ]
    with pytest.raises(UserError, match="3 of 5 texts are empty"):
        count_empty("t.tsv", "texts", np.array([True, True, False, True, False]), places)
