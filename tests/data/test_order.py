import numpy as np
import pytest

from jssl.data import batch_indices, steps_per_epoch, window_indices
from jssl.data.order import epoch_order, random_words
from jssl.errors import UserError


def test_an_epoch_visits_each_example_at_most_once_and_drops_the_remainder():
    steps = steps_per_epoch(103, 10)
    assert steps == 10
    for epoch in (0, 1):
        seen = np.concatenate([batch_indices(3, epoch * 10 + k, 103, 10) for k in range(10)])
        assert len(np.unique(seen)) == 100
        assert seen.min() >= 0
        assert seen.max() < 103
    full = np.sort(np.concatenate([batch_indices(3, k, 100, 10) for k in range(10)]))
    np.testing.assert_array_equal(full, np.arange(100))


def test_the_order_depends_on_seed_and_epoch_alone():
    first = batch_indices(0, 7, 1000, 32).copy()
    epoch_order.cache_clear()
    np.testing.assert_array_equal(first, batch_indices(0, 7, 1000, 32))
    others = [epoch_order(0, 0, 1000), epoch_order(0, 1, 1000), epoch_order(1, 0, 1000)]
    for k, order in enumerate(others):
        np.testing.assert_array_equal(np.sort(order), np.arange(1000))
        for other in others[k + 1 :]:
            assert np.mean(order == other) < 0.02
    # A permutation drawn well leaves neighbours uncorrelated.
    assert abs(np.corrcoef(others[0], np.arange(1000))[0, 1]) < 0.15


def test_the_order_is_pinned():
    """Resuming a run of an older version needs these very numbers."""
    assert batch_indices(0, 0, 10, 4).tolist() == [6, 0, 9, 7]
    assert batch_indices(-1, 5, 10, 4).tolist() == [6, 7, 4, 3]
    assert batch_indices(2**40, 10**6, 50_000, 3).tolist() == [14374, 21652, 28386]


def test_a_stream_of_words_can_be_entered_anywhere():
    whole = random_words(9, "x", 64)
    np.testing.assert_array_equal(whole[12:40], random_words(9, "x", 28, start=12))
    assert not np.array_equal(whole, random_words(9, "y", 64))


def test_a_window_is_its_batches():
    window = window_indices(1, 5, 4, 20, 6)
    assert window.dtype == np.int32
    for k in range(4):
        np.testing.assert_array_equal(window[k], batch_indices(1, 5 + k, 20, 6))


def test_a_batch_larger_than_the_data_names_both_numbers():
    with pytest.raises(UserError, match=r"batch of 64 .* 50 examples"):
        batch_indices(0, 0, 50, 64)
    with pytest.raises(UserError, match="at least 1, not 0"):
        steps_per_epoch(50, 0)
