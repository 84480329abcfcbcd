import numpy as np
import pytest

from jssl.data import Part, Shapes
from jssl.data.source import labels
from jssl.errors import UserError


def test_part_is_stratified_deterministic_and_inside_the_split() -> None:
    whole = Shapes(train=200, validation=50, test=50)
    spec = Part(whole, train=100, test=20)
    one, other = spec.load(), spec.load()
    assert [len(one.train), len(one.validation), len(one.test)] == [100, 50, 20]
    counts = np.bincount(labels(one.train), minlength=10)
    expected = np.bincount(labels(whole.load().train), minlength=10) / 2
    assert np.abs(counts - expected).max() <= 1
    everything = np.arange(100)
    assert np.array_equal(one.train[everything]["image"], other.train[everything]["image"])
    different = Part(whole, train=100, seed=1).load()
    assert not np.array_equal(one.train[everything]["image"], different.train[everything]["image"])


def test_more_than_there_is() -> None:
    with pytest.raises(UserError, match=r"data\.train asks for 300 examples of the 200"):
        Part(Shapes(train=200, validation=50, test=50), train=300).load()
