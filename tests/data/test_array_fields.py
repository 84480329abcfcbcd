import numpy as np
import pytest

from jssl.data.array_fields import check_bounds, check_fields, check_range
from jssl.data.source import ArraySource
from jssl.errors import UserError

FIELDS = {"x": ("iuf", 2), "names": ("US", 1)}


def test_fields_are_of_their_kind():
    good = {"x": np.zeros((3, 2)), "names": np.array(["a"]), "more": np.zeros(1)}
    check_fields(good, "a.npz", FIELDS)
    for change, words in (
        (
            {"x": np.zeros(3)},
            r"a\.npz: x must hold numbers with 2 axes, not float64 of",
        ),
        ({"x": np.zeros((3, 2), complex)}, "not complex128"),
        ({"names": np.zeros(2)}, "names must hold texts with 1 axes"),
    ):
        with pytest.raises(UserError, match=words):
            check_fields({**good, **change}, "a.npz", FIELDS)
    with pytest.raises(UserError, match="lacks the arrays x, names"):
        check_fields({}, "a.npz", FIELDS)


def test_bounds_go_from_0_to_the_end():
    check_bounds(np.array([0, 2, 2, 5]), 5, "a.npz", "offsets")
    for bounds in ([], [1, 5], [0, 4], [0, 3, 2, 5], [0, 2**62, -(2**62), 5]):
        with pytest.raises(UserError, match=r"a\.npz: offsets must begin with 0"):
            check_bounds(np.array(bounds, np.int64), 5, "a.npz", "offsets")


def test_numbers_of_classes_have_a_range():
    check_range(np.array([0, 2]), 3, "a.npz", "label")
    with pytest.raises(UserError, match=r"from 0 to 2, and it has 4294967297 at \[1\]"):
        check_range(np.array([0, 2**32 + 1]), 3, "a.npz", "label")


@pytest.mark.filterwarnings("error")
def test_arrays_become_numbers_of_32_bits_of_this_machine():
    found = ArraySource({"x": np.arange(3.0).astype(">f8"), "y": np.arange(3).astype(">i8")})
    assert [str(found.arrays[key].dtype) for key in "xy"] == ["float32", "int32"]
    np.testing.assert_array_equal(found.arrays["x"], [0, 1, 2])
    for value in (np.array([1e39]), np.array([2**32 + 1]), np.array([2**63], np.uint64)):
        with pytest.raises(UserError, match="does not fit into 32 bits"):
            ArraySource({"x": value})
    for value in (np.array(["a"]), np.zeros(2, complex), np.zeros(2, "M8[s]"), np.array(1.0)):
        with pytest.raises(UserError, match="'x' must be an array of numbers"):
            ArraySource({"x": value})


def test_sentences_quote_no_endless_words():
    said = str(UserError(f"a.csv line 3 has {'x' * 200_000!r} for a number"))
    assert len(said) < 200 and said.startswith("a.csv line 3 has 'xxx") and "..." in said
    path = "/" + "folder/" * 100 + "a.csv"
    assert str(UserError(f"there is no file {path}")) == f"there is no file {path}"
