"""Dialects of delimited text, and columns as numbers or categories."""

from pathlib import Path

import chex
import numpy as np
import pytest

from jssl.data.column_types import read_columns
from jssl.data.delimited import place_columns, read_delimited
from jssl.data.tables import Table
from jssl.errors import UserError

ROWS = "\n".join(f"{1.5 * k},{'xyz'[k % 3]},{'pq'[k % 2]}" for k in range(20))
PLAIN = "a,c,label\n" + ROWS + "\n"


def load(path: Path, text: str | bytes, **options):
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return Table(str(path), **options).load()


def same(one, other) -> None:
    assert one.classes == other.classes
    for part in ("train", "validation", "test"):
        chex.assert_trees_all_equal(getattr(one, part)[:], getattr(other, part)[:])


def decimal_commas(text: str, mark: str) -> str:
    return text.replace(",", mark).replace(".", ",")


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (b"\xef\xbb\xbf" + PLAIN.encode(), {"label": "label"}),
        (PLAIN.replace(",", ";"), {}),
        (PLAIN.replace(",", "\t"), {}),
        (PLAIN.replace(",", "|"), {}),
        (PLAIN.replace(",", " , "), {}),
        (PLAIN.replace("\n", "\r\n"), {}),
        (PLAIN.replace("\n", "\r"), {}),
        ("\n\n" + PLAIN + "\n   \n\n", {}),
        ("sep=;\r\n" + PLAIN.replace(",", ";"), {}),
        (decimal_commas(PLAIN, ";"), {}),
        (decimal_commas(PLAIN, "\t"), {"decimal": ","}),
        (PLAIN.replace("x", '"x"').replace("1.5", '"1.5"'), {}),
        (ROWS, {"header": False}),
        (decimal_commas(ROWS, ";"), {"header": False}),
    ],
)
def test_every_dialect_gives_the_same_examples(tmp_path, text, options):
    plain = load(tmp_path / "t.csv", PLAIN)
    assert plain.classes == ("p", "q") and plain.train[:]["row"].shape == (12, 2)
    same(load(tmp_path / "t.csv", text, **options), plain)


@pytest.mark.parametrize("word", ["n/a", "NA", "?", "-", "null", "NaN", "", "N/A", "None", "."])
def test_a_missing_number_leaves_its_column_numeric(tmp_path, word):
    text = PLAIN.replace("4.5,", f"{word},", 1)
    splits = load(tmp_path / "t.csv", text)
    parts = [part[:]["row"][:, 0] for part in (splits.train, splits.validation, splits.test)]
    values = np.sort(np.concatenate(parts))
    assert np.sum(values == 0.0) == 1 and len(np.unique(values)) == 20
    gaps = np.diff(values[values != 0]) / np.diff(values)[-1]  # all steps are alike but around 4.5
    np.testing.assert_allclose(np.sort(gaps)[:-1], 1, rtol=1e-4)


def test_a_further_word_for_missing_is_declared(tmp_path):
    text = PLAIN.replace("4.5,", "-999,", 1)
    splits = load(tmp_path / "t.csv", text, missing=("-999",))
    assert max(np.abs(part[:]["row"]).max() for part in (splits.train, splits.test)) < 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("a,c,label\n", r"has a header \(a, c, label\) and no rows"),
        ("a\n1\n2\n", "has one column only"),
        (PLAIN + "1,x\n", r"differ in their number of columns \(line 22 has 2, line 1 has 3"),
        (PLAIN.replace("a,c,", "a,a,"), "two columns named 'a'"),
        (PLAIN.encode("utf-16"), "in UTF-16"),
        (PLAIN.encode() + b"\xe9,x,p\n", "line 22 has the byte 0xe9"),
        ("@relation x\n@attribute a real\n@data\n1,2\n", "is an ARFF file"),
        ("% c\n@RELATION x\n@DATA\n1,2\n", "is an ARFF file"),
        ("<!DOCTYPE html>\n<p>a,b</p>\n", "is a web page"),
        (b"PK\x03\x04" + bytes(30), "a zip archive or a spreadsheet"),
        (PLAIN.replace("4.5,", "nan5,", 1), r"'nan5' in .*line 5, column 'a' is not a number"),
        (PLAIN.replace("4.5,", "1_000,", 1), r"'1_000' in .*line 5, column 'a' is not a number"),
        (PLAIN.replace("4.5,", "inf,", 1), r"inf at .*line 5, column 'a'"),
        (PLAIN.replace("4.5,", "-Infinity,", 1), r"-inf at .*line 5, column 'a'"),
        (PLAIN.replace("4.5,", "1e39,", 1), r"1e\+39 at .*line 5, column 'a'"),
        (PLAIN.replace("4.5,", "1e999,", 1), r"inf at .*line 5, column 'a'"),
        (PLAIN.replace("4.5,x,q", "4.5,x,"), r"line 5, column 'label': the label is missing"),
        (PLAIN.replace("4.5,x,q", "4.5,x,n/a"), r"the label is missing \('n/a', in 1 of 20"),
        (ROWS, r"the first line \(0.0, x, p\) holds values"),
        ('a,c,label\n1,"x,p\n' + ROWS, "line 2 opens a cell with"),
        (PLAIN.replace(",", ";").replace("4.5;", "4,5;", 1), "decimal comma and '0.0'"),
        (
            "a;b;label\n" + "".join(f"{k},{k}00;x;p\n" for k in range(1, 9)),
            "a decimal comma or a thous",
        ),
        ("a;b;label\n" + "".join(f"1.{k}00,5;x;p\n" for k in range(1, 9)), "plain numbers"),
        ("a,b,label\n" + "".join(f"{k}%,x,p\n" for k in range(1, 9)), "plain numbers"),
        ("a,b,label\n" + "".join(f"\u2212{k},x,p\n" for k in range(1, 9)), "plain numbers"),
        ("a,b,label\n" + "".join(f"{k}.5D3,x,p\n" for k in range(1, 9)), "plain numbers"),
        ("a,label\n" + "".join(f"{k},{k / 8}\n" for k in range(30)), "30 of 30 labels differ"),
        ("# a table\n" + PLAIN, "in its first row, '# a table'"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, text, words):
    with pytest.raises(UserError, match=words) as caught:
        load(tmp_path / "t.csv", text)
    assert "t.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_names_read_as_values_are_noticed(tmp_path):
    with pytest.raises(UserError, match=r"'a' in .*line 1, column 1 is not a number.*header=True"):
        load(tmp_path / "t.csv", PLAIN, header=False)
    text = "c,d,label\n" + "x,y,p\nz,y,q\n" * 6
    with pytest.raises(UserError, match="seems to name the columns"):
        load(tmp_path / "t.csv", text, header=False)


def test_columns_of_a_test_file_are_found_by_name(tmp_path):
    (tmp_path / "train.csv").write_text(PLAIN)
    lines = [line.split(",") for line in PLAIN.strip().split("\n")]

    def test_file(order, sep=","):
        text = "\n".join(sep.join(line[k] if k < 3 else "9" for k in order) for line in lines)
        (tmp_path / "test.csv").write_text(text + "\n")
        return Table(str(tmp_path / "train.csv"), str(tmp_path / "test.csv")).load()

    plain = test_file((0, 1, 2))
    same(test_file((2, 0, 1)), plain)
    same(test_file((1, 2, 0), ";"), plain)
    with pytest.raises(UserError, match="lacks the columns 'c'; it needs those of"):
        test_file((0, 2))
    with pytest.raises(UserError, match="has the further columns '9'"):
        test_file((0, 1, 2, 3))
    both = tmp_path / "test.csv"
    one, other = (read_delimited(both, header=False) for _ in range(2))
    assert place_columns(one, other) == [0, 1, 2, 3]


def test_a_constant_column_has_scale_one_and_tiny_numbers_count(tmp_path):
    text = "a,b,c,d,label\n" + "".join(
        f"0.1,{k}e-200,{1700000000 + k / 4},1e30,{'pq'[k % 2]}\n" for k in range(20)
    )
    row = load(tmp_path / "t.csv", text).train[:]["row"]
    np.testing.assert_array_equal(row[:, [0, 3]], 0.0)
    for column in (1, 2):
        np.testing.assert_allclose(row[:, column].mean(), 0, atol=1e-6)
        np.testing.assert_allclose(row[:, column].std(), 1, rtol=1e-5)
    (tmp_path / "u.csv").write_text("a,b,c,d,label\n0.1,1e-200,1,1e20,p\n")
    with pytest.raises(UserError, match=r"standardised .* 1e\+20 at .*u.csv, line 2, column 'd'"):
        (tmp_path / "t.csv").write_text(text.replace("1e30", "7"))
        Table(str(tmp_path / "t.csv"), str(tmp_path / "u.csv")).load()


def test_full_stops_of_labels_are_adults_only(tmp_path):
    (tmp_path / "train.csv").write_text(PLAIN)
    (tmp_path / "test.csv").write_text("a,c,label\n1,x,p.\n2,y,q.\n")
    files = str(tmp_path / "train.csv"), str(tmp_path / "test.csv")
    assert Table(*files).load().classes == ("p", "q")
    (tmp_path / "test.csv").write_text("a,c,label\n1,x,p.\n2,y,q\n")
    assert Table(*files).load().classes == ("p", "p.", "q")


def test_a_plus_and_a_minus_are_names(tmp_path):
    text = PLAIN.replace(",p\n", ",+\n").replace(",q\n", ",-\n").replace(",x,", ",-,")
    splits = load(tmp_path / "t.csv", text)
    assert splits.classes == ("+", "-")
    columns = read_columns([np.asarray([["+"], ["-"], ["?"]], object)])
    assert columns[0].names == ("+", "-")
    np.testing.assert_array_equal(columns[0].values[0], [1, 2, 0])


def test_codes_that_repeat_stay_categories():
    cells = [[str(k % 4)] for k in range(19)] + [["4+"]]
    assert read_columns([np.asarray(cells, object)])[0].names == ("0", "1", "2", "3", "4+")
    train, test = (np.asarray([[t] for t in texts], object) for texts in ("123456", "12x"))
    with pytest.raises(UserError, match="'x' in row 3, column 1 is not a number"):
        read_columns([train, test])
