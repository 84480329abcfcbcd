"""Splits at random, by group and by time."""

import numpy as np
import pytest

from jssl.data.splitting import PARTS, SplitRule
from jssl.errors import UserError


def whole(parts: dict[str, np.ndarray], count: int) -> None:
    assert sorted(np.concatenate(list(parts.values()))) == list(range(count))


def test_random_splits_keep_the_classes_and_are_disjoint() -> None:
    label = np.repeat([0, 1], [160, 40])
    parts = SplitRule().draw(200, "images", label=label)
    whole(parts, 200)
    assert {part: len(rows) for part, rows in parts.items()} == {
        "train": 160,
        "validation": 20,
        "test": 20,
    }
    assert (label[parts["test"]] == 1).sum() == 4
    other = SplitRule(seed=1).draw(200, "images", label=label)
    assert set(other["test"]) != set(parts["test"])


def test_a_group_is_in_one_split_only() -> None:
    group = np.random.default_rng(0).integers(0, 23, 300)
    parts = SplitRule("group", validation=0.2, test=0.1).draw(300, "images", group=group)
    whole(parts, 300)
    owners = {part: set(group[rows]) for part, rows in parts.items()}
    for a in PARTS:
        for b in PARTS:
            assert a == b or not owners[a] & owners[b]
    assert 40 <= len(parts["validation"]) <= 90
    assert 15 <= len(parts["test"]) <= 45


def test_three_groups_are_enough_and_two_are_not() -> None:
    parts = SplitRule("group").draw(30, "images", group=np.repeat([0, 1, 2], [25, 3, 2]))
    assert len(parts["train"]) == 25
    with pytest.raises(UserError, match="2 groups"):
        SplitRule("group").draw(30, "images", group=np.repeat([0, 1], 15))


def test_by_time_the_latest_are_the_test() -> None:
    time = np.array([5, 1, 4, 2, 3, 0, 9, 8, 7, 6])
    parts = SplitRule("time").draw(10, "rows", time=time)
    assert time[parts["test"]].tolist() == [9]
    assert time[parts["validation"]].tolist() == [8]
    assert time[parts["train"]].max() == 7


def test_splits_that_are_given_are_not_drawn() -> None:
    parts = SplitRule().draw(20, "images", parts=("train", "validation"))
    assert {part: len(rows) for part, rows in parts.items()} == {"train": 18, "validation": 2}


@pytest.mark.parametrize(
    ("rule", "words"),
    [({"by": "colour"}, "random, group, time"), ({"validation": 0.6, "test": 0.5}, "below 1")],
)
def test_rules_that_make_no_sense(rule: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        SplitRule(**rule)


def test_two_examples_are_too_few() -> None:
    with pytest.raises(UserError, match="2 images of x are too few"):
        SplitRule().draw(2, "images of x")
