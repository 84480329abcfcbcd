from dataclasses import replace

import numpy as np
import pytest

from jssl.data.cells import Described, word_number
from jssl.data.tables import Factors, Table, categories
from jssl.errors import UserError

TRAIN = "age,work,hours,class\n" + "\n".join(
    f"{20 + i}, {'ab?c'[i % 4]}, {i if i % 5 else '?'}, {'<=50K' if i % 3 else '>50K'}"
    for i in range(20)
)
TEST = "|1x3 Cross validator\nage,work,hours,class\n30, d, 7, <=50K.\n31, c, 8, >50K.\n"


def test_numbers_are_scaled_by_train_and_categories_numbered(tmp_path):
    (tmp_path / "train.csv").write_text(TRAIN + "\n")
    (tmp_path / "test.csv").write_text(TEST)
    splits = Table(str(tmp_path / "train.csv"), str(tmp_path / "test.csv"), label="class").load()
    assert splits.classes == ("<=50K", ">50K")
    train, test = splits.train[:], splits.test[:]
    assert len(train["label"]) == 16
    np.testing.assert_allclose(train["row"][:, 0].mean(), 0, atol=1e-6)
    np.testing.assert_allclose(train["row"][:, 0].std(), 1, rtol=1e-5)
    np.testing.assert_array_equal(test["label"], [0, 1])
    np.testing.assert_array_equal(test["row"][:, 1], [0, 3])  # "d" is unknown, "c" is the third
    year = test["row"][1, 0] - test["row"][0, 0]  # ages 30 and 31
    gaps = np.diff(np.sort(train["row"][:, 0])) / year
    np.testing.assert_allclose(gaps, np.round(gaps), atol=1e-4)
    # The missing hours, four of twenty, become the mean.
    both = np.concatenate([train["row"][:, 2], splits.validation[:]["row"][:, 2]])
    assert np.sum(both == 0.0) == 4
    spec = Table(str(tmp_path / "train.csv"), label="class", categories=(0, 3, 0))
    with pytest.raises(UserError, match=r"\(0, 4, 0\) categories, not \(0, 3, 0\)"):
        spec.load()
    rows = spec.smoke().load().train[:]["row"]
    assert rows.shape == (24, 3) and set(rows[:, 1]) == {0, 1, 2}
    with pytest.raises(UserError, match="no column 'klass'"):
        Table(str(tmp_path / "train.csv"), label="klass").load()
    (tmp_path / "bad.csv").write_text("1,2\n3\n")
    with pytest.raises(UserError, match="differ in their number of columns"):
        Table(str(tmp_path / "bad.csv")).load()


def test_categories_are_counted_with_the_missing_one():
    rows = np.asarray([["1", "x"], ["?", "y"], ["2.5", "?"]], dtype=object)
    assert categories([rows]) == (0, 3)


def test_rows_as_cells_are_words_and_numbers(tmp_path):
    text = "Hours-per-week,job,retired,y\n" + "\n".join(
        f"{k},{('Exec-managerial', 'Sales', '?')[k % 3]},{('No', 'yes')[k % 2]},{k % 2}"
        for k in range(12)
    )
    (tmp_path / "t.csv").write_text(text + "\n")
    table = Described(Table(str(tmp_path / "t.csv"), label="y"))
    found = table.load().train[:]
    names = ["hours", "per", "week", "job", "exec", "managerial", "sales", "retired"]
    number = {word_number(name): name for name in names} | {0: ""}
    kinds = found["row"][:, 1].astype(int)
    for k, row in enumerate(found["cells/words"]):
        said = [[number[w] for w in token] for token in row]
        work = {0: ["", "", ""], 1: ["job", "exec", "managerial"], 2: ["job", "sales", ""]}
        yes = "retired" if found["row"][k, 2] == 2 else ""
        assert said == [["hours", "per", "week"], *([w, "", ""] for w in [*work[kinds[k]], yes])]
    np.testing.assert_array_equal(found["cells/value"][:, 0], found["row"][:, 0])
    assert np.all(found["cells/value"][:, 1:] == 1.0)
    np.testing.assert_array_equal(found["cells/number"], [[True] + 4 * [False]] * len(kinds))
    there = found["cells/words"][..., 0] > 0
    np.testing.assert_array_equal(found["cells/column"], np.where(there, [1, 2, 2, 2, 3], 0))
    with pytest.raises(UserError, match="3 columns beside the label and there are 2 names"):
        replace(table, names=("a", "b")).load()


@pytest.mark.parametrize(
    ("header", "values", "words"),
    [
        ("%,y", "12", "the column '%' has no word in its name"),
        (",y", "12", "the column '' has no word in its name"),
        ("a,y", ("x", "X"), "the categories 'X' and 'x' of the column 'a' are the same words"),
        ("a,y", ("<5", ">5"), "the categories '<5' and '>5' of the column 'a'"),
    ],
)
def test_cells_need_words_that_tell_apart(tmp_path, header, values, words):
    rows = [f"{values[k % 2]},{k % 3 % 2}" for k in range(12)]
    (tmp_path / "t.csv").write_text("\n".join([header, *rows]))
    with pytest.raises(UserError, match=words):
        Described(Table(str(tmp_path / "t.csv"), label="y")).load()


def test_factors_begin_with_the_smaller_set():
    few, more = Factors(train=8).load(), Factors(train=16).load()
    assert few.train[0]["row"].shape == (len(Factors.CATEGORIES),)
    np.testing.assert_array_equal(few.train[:]["label"], more.train[:8]["label"])
    codes = more.train[:]["row"][:, 8:]
    assert codes.min() >= 1 and codes.max() <= 4
