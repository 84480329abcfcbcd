"""What the readers of series refuse, and where they say it is."""

import logging

import numpy as np
import pytest

from jssl.data import notes
from jssl.data.forecasting import ETT, windows
from jssl.data.series import UCR
from jssl.data.series_files import read_columns, read_series
from jssl.errors import UserError

HEAD = "@problemName X\n@dimensions 2\n@classLabel true a b\n@data\n"


def series(folder, name, text):
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_series(path)


def test_ts_says_whether_there_are_labels(tmp_path):
    text = HEAD.replace("true a b", "false") + "1,2:3,4\n5,6:7,8\n"
    found, labels = series(tmp_path, "X_TRAIN.ts", text)
    assert labels is None
    np.testing.assert_array_equal(found, [[[1, 3], [2, 4]], [[5, 7], [6, 8]]])
    for part in ("TRAIN", "TEST"):
        (tmp_path / f"X_{part}.ts").write_text(text + "9,9:9,9\n" * 4)
    splits = UCR(str(tmp_path), "X").load()
    assert set(splits.test[0]) == {"series"} and splits.classes == ()
    (tmp_path / "X_TEST.ts").write_text(HEAD + "1,2:3,4:a\n")
    with pytest.raises(UserError, match="one of train and test of X has labels"):
        UCR(str(tmp_path), "X").load()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,2,3:a", "no line @data"),
        (HEAD, "has no series"),
        (HEAD + "1,2:3,4,5:a\n", "line 5: the channels of the series differ in length"),
        (HEAD + "1,2:3,4\n", "a list of numbers stands where the label should be"),
        (HEAD + "1,2:3,4:c\n", "line 5: the label 'c' is none of those in @classLabel: a, b"),
        (HEAD + "1,2:3,4:\n", "line 5: the label '' is none"),
        (HEAD + "1,2:a\n", "line 5: the series has 1 channels, and the file declares 2"),
        (HEAD + "1,2:3,x:a\n", "line 5 .*'x' at channel 2, step 2"),
        (HEAD + "1,2:3,:a\n", "line 5 .*'' at channel 2, step 2"),
        (HEAD + "1,2:3,1_0:a\n", "line 5 .*'1_0' at channel 2, step 2"),
        (HEAD + "1,2:3,4:a\n1,inf:3,4:a\n", "line 6 has the number inf at channel 1, step 2"),
        (HEAD + "1,2:3,1e39:a\n", r"line 5 has the number 1e\+39 at channel 2, step 2"),
        (HEAD + "1,2:3,4:a\n?,NaN:?,?:b\n", "line 6: the series has no value"),
        (HEAD + "1e-40,0:0,0:a\n", "the largest number is 1e-40"),
        (HEAD.replace("@data", "@timestamps true\n@data") + "(0,1):a\n", "has time stamps"),
        (
            HEAD.replace("@data", "@equalLength true\n@seriesLength 3\n@data") + "1,2:3,4:a\n",
            "2 st",
        ),
        ("@relation x\n@data\n1,2,a\n", "is an ARFF file"),
    ],
)
def test_ts_files_are_refused_by_line(tmp_path, text, words):
    with pytest.raises(UserError, match=words) as caught:
        series(tmp_path, "X_TRAIN.ts", text)
    assert "X_TRAIN.ts" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no series"),
        ("0\n1\n0\n", "line 1: there are no values after the label"),
        ("0\t1\t2\n1\tNaN\tnan\n", "line 2: the series has no value"),
        ("0\t1\t2\n\n1\t3\tinf\n", "has the number inf at line 3, column 3"),
        ("0\t1\t2\n1\t3\t1e39\n", r"has the number 1e\+39 at line 2, column 3"),
        ("0\t1\t2\n1\t3\n", "line 2: the series has 1 values and that of line 1 has 2"),
        ("0\t1\t2\nnan\t3\t4\n", "line 2: the label, which stands first, is missing"),
        ("0\t1,5\t2\n", "line 1 .*'1,5' at column 2"),
        ("0\t1_5\t2\n", "line 1 .*'1_5' at column 2"),
        ("label\tx1\tx2\n0\t1\t2\n", "line 1 .*'x1' at column 2"),
        ("a b".encode("utf-16"), "in UTF-16"),
    ],
)
def test_rows_are_refused_by_line(tmp_path, text, words):
    with pytest.raises(UserError, match=words):
        series(tmp_path, "X_TRAIN.tsv", text)


def test_rows_in_every_dialect(tmp_path):
    for text in (
        "1\t0.5\tNaN\t2\n2\t3\t4\t5\n",
        "\ufeff1.0,0.5,?,2\r\n2.0,3,4,5\r\n",
        "  1.0000000e+00  0.5 nan 2\n  2.0000000e+00 3 4 5\n",
        "1\t0.5\t\t2\n2\t3\t4\t5\n".replace("\t\t", "\tNA\t"),
    ):
        found, labels = series(tmp_path, "X_TRAIN.txt", text)
        assert labels == ["1", "2"]
        np.testing.assert_array_equal(np.stack(found)[..., 0], [[0.5, np.nan, 2], [3, 4, 5]])
    _, labels = series(tmp_path, "X_TRAIN.tsv", "1000001\t1\n1000002\t2\n0.5\t3\nup\t4\n")
    assert labels == ["1000001", "1000002", "0.5", "up"]


def test_a_channel_without_values_is_said_once(tmp_path, caplog):
    notes.note.cache_clear()
    with caplog.at_level(logging.WARNING):
        series(tmp_path, "X_TRAIN.ts", HEAD + "1,2:?,?:a\n1,2:3,4:b\n")
    assert "1 of 2 series have a channel without values, which is read as 0 (line 5)" in caplog.text


def test_files_of_ucr_are_found_in_any_case_and_named_if_of_another_format(tmp_path):
    for part in ("TRAIN", "TEST"):
        (tmp_path / f"X_{part}.TSV").write_text("0\t1\t2\n1\t3\t4\n" * 5)
    assert len(UCR(str(tmp_path), "X").load().test) == 10
    (tmp_path / "Y_TRAIN.arff").write_text("@relation Y\n")
    with pytest.raises(UserError, match=r"has no Y_TRAIN .*; Y_TRAIN.arff is of another format"):
        UCR(str(tmp_path), "Y").load()
    with pytest.raises(UserError, match="there is no folder"):
        UCR(str(tmp_path / "none")).load()


HOURS = [f"2016-07-{1 + k // 24:02d} {k % 24:02d}:00:00" for k in range(30)]
TABLE = "date,a,b\n" + "".join(f"{t},{k / 4},{k % 3}\n" for k, t in enumerate(HOURS))


def columns(folder, text):
    (folder / "ETTx.csv").write_text(text)
    return read_columns(folder / "ETTx.csv")


def test_columns_after_the_date_in_every_dialect(tmp_path):
    values, names = columns(tmp_path, TABLE)
    assert names == ("a", "b") and values.shape == (30, 2)
    np.testing.assert_array_equal(values[:, 0], np.arange(30) / 4)
    for text in ("\ufeff" + TABLE, TABLE.replace(",", ";").replace(".", ",")):
        np.testing.assert_array_equal(columns(tmp_path, text)[0], values)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("date,a,b\n", "has a header"),
        (TABLE.replace(",0.5,", ",nan,"), r"missing number \(NaN\) at line 4, column 'a'"),
        (TABLE.replace(",0.5,", ",,"), r"missing number \(NaN\) at line 4, column 'a'"),
        (TABLE.replace(",0.5,", ",inf,"), "inf at .*line 4, column 'a'"),
        (TABLE.replace(",0.5,", ",1e39,"), r"1e\+39 at .*line 4, column 'a'"),
        (TABLE.replace(",0.5,", ",low,"), "'low' in .*line 4, column 'a' is not a number"),
        (TABLE.replace("date,a,b", "date,a,a"), "two columns named 'a'"),
        ("a,b\n1,2\n3,4\n", "the first column, 'a', holds numbers"),
        (TABLE.replace(HOURS[3], HOURS[2]), "line 5: the time .* does not come after"),
        (TABLE.replace(HOURS[3], "later"), "line 5: 'later' is not a date"),
        ("date\n2016\n", "one column only"),
    ],
)
def test_columns_are_refused_by_line_and_name(tmp_path, text, words):
    with pytest.raises(UserError, match=words):
        columns(tmp_path, text)
    with pytest.raises(UserError, match="ETTx"):
        ETT(str(tmp_path / "ETTx.csv")).load()


def test_a_constant_column_of_a_long_series_has_scale_one():
    values = np.random.default_rng(0).normal(size=(100, 3))
    values[:60, 1] = 0.1
    values[60:, 1] = 1.1
    values[:, 2] *= 1e-12
    splits = windows(values, (60, 80, 100), 10, 5)
    test = splits.test[15]
    np.testing.assert_allclose(test["series"][:, 1], 1.0, rtol=1e-6)
    train = splits.train[np.arange(len(splits.train))]["series"]
    assert np.all(train[..., 1] == 0) and 0.8 < train[..., 2].std() < 1.2
    values[3, 2] = np.nan
    with pytest.raises(UserError, match=r"missing number \(NaN\) at step 4, column 3"):
        windows(values, (60, 80, 100), 10, 5)
