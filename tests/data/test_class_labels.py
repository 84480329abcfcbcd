import numpy as np
import pytest

from jssl.data.class_labels import check_class_numbers, encode_labels
from jssl.errors import UserError


@pytest.mark.parametrize(
    ("train", "test", "wanted", "names"),
    [
        ([1, 2**32 + 1, 1], [2**32 + 1], ([0, 1, 0], [1]), ("1", "4294967297")),
        ([5, 2_000_000], [5], ([0, 1], [0]), ("5", "2000000")),
        ([0, 10**10, 2 * 10**10], [0], ([0, 1, 2], [0]), ("0", "10000000000", "20000000000")),
        (np.array([2**64 - 1, 0], np.uint64), [0], ([1, 0], [0]), ("0", str(2**64 - 1))),
        ([10, 2, 1], [20], ([2, 1, 0], [3]), ("1", "2", "10", "20")),  # one occurs in test alone
        ([1, 2], [2.0, 1.0], ([0, 1], [1, 0]), ("1", "2")),
        ([0.0, 3.0], [3], ([0, 1], [1]), ("0", "3")),
        ([True, False], [True], ([1, 0], [1]), ("0", "1")),
        (["cat", "dog "], np.array([b"dog", b"cat"]), ([0, 1], [1, 0]), ("cat", "dog")),
        (np.array(["b", "a"], object), ["a"], ([1, 0], [0]), ("a", "b")),
        (["1", "1."], ["1"], ([0, 1], [0]), ("1", "1.")),
        (["é", "e"], ["é"], ([1, 0], [1]), ("e", "é")),
        ([[1], [3]], [[3]], ([0, 1], [1]), ("1", "3")),
    ],
)
def test_labels_are_numbered_by_their_values(train, test, wanted, names):
    found, classes = encode_labels({"train": train, "test": test})
    assert classes == names
    for part, numbers in zip(("train", "test"), wanted, strict=True):
        assert found[part].dtype == np.int32
        assert found[part].tolist() == numbers


@pytest.mark.parametrize(
    ("labels", "names", "wanted"),
    [
        ([0, 2], "abc", [0, 2]),  # a class without examples keeps its number
        ([1, 2, 3], "abc", [0, 1, 2]),
        ([0, 20, 10], "abc", [0, 2, 1]),
        (["c", "a"], "abc", [2, 0]),
        (["c", "a"], "cba", [0, 2]),
    ],
)
def test_names_of_classes_are_matched_with_the_labels(labels, names, wanted):
    found, classes = encode_labels({"train": labels}, names=list(names))
    assert classes == tuple(names)
    assert found["train"].tolist() == wanted


@pytest.mark.parametrize(
    ("labels", "options", "words"),
    [
        (
            [0, 1, 2],
            {"names": ["a", "b"]},
            "numbers from 0 to 2, and there are 2 names",
        ),
        ([0, 7], {"names": ["a", "b", "c"]}, "from 0 to 7, and there are 3 names"),
        (["a", "d"], {"names": ["a", "b"]}, "'d' is not among the 2 names"),
        ([0, 1], {"names": ["a", "a"]}, "two classes have the name 'a'"),
        ([0, np.nan], {}, "row 1 has no label (nan)"),
        ([0.0, 0.5], {}, "0.5 stands in row 1"),
        ([0.0, np.inf], {}, "inf stands in row 1"),
        (np.array([1.0, 2.0**24], np.float32), {}, "apart only below 2**24"),
        ([3, -1, -1], {}, "-1 stands in row 1 (2 such rows)"),
        (["a", None], {}, "row 1 has no label (None)"),
        (["a", " "], {}, "row 1 has no label (' ')"),
        (np.array(["a", np.nan]), {}, "row 1 has no label ('nan')"),
        (np.array(["a", 1], object), {}, "mix kinds"),
        (np.eye(3), {}, "one_hot.argmax"),
        ([1j], {}, "numbers or texts, not complex128"),
        (np.array([b"\xff"]), {}, "no UTF-8"),
        (np.array(["2020-01-01"], "datetime64[D]"), {}, "not datetime64"),
    ],
)
def test_labels_that_are_no_classes_are_refused(labels, options, words):
    with pytest.raises(UserError) as caught:
        encode_labels({"train": labels}, "set.npz", **options)
    assert words in str(caught.value)
    assert str(caught.value).startswith("set.npz: ")


def test_splits_that_mix_numbers_and_texts_are_refused():
    with pytest.raises(UserError, match="test are texts and those of train are numbers"):
        encode_labels({"train": [1, 2], "test": ["1", "2"]})


def test_what_counts_as_the_same_class_is_the_data_sets_to_say():
    both = {"train": ["<=50K", ">50K"], "test": ["<=50K.", ">50K."]}
    found, classes = encode_labels(both, same=lambda text: text.strip().rstrip("."))
    assert classes == ("<=50K", ">50K")
    assert found["test"].tolist() == [0, 1]
    found, classes = encode_labels({"train": ["-1", "10", "9"]}, order=lambda k: (len(k), k))
    assert classes == ("9", "-1", "10")
    assert encode_labels({"train": [-1, 1]}, negative=True)[1] == ("-1", "1")


def test_declared_class_numbers_are_checked_before_they_are_narrowed():
    assert check_class_numbers(np.array([0, 4]), 5, "x").dtype == np.int32
    for bad, words in ((-1, "row 1 has the label -1"), (2**32, "row 1 has the label 4294967296")):
        with pytest.raises(UserError, match=words):
            check_class_numbers(np.array([0, bad]), None, "x")
    with pytest.raises(UserError, match="from 0 to 4"):
        check_class_numbers(np.array([0, 5]), 5, "x")
