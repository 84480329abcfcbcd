"""Intervals of means and accuracies, and the text of a value with its interval."""

import math

import numpy as np
import pytest
from scipy import stats

from jssl.core.intervals import binomial_interval, mean_interval, mean_spread, plus_minus


def test_interval_of_an_accuracy() -> None:
    # Wilson's interval for 8 of 10 is [0.490, 0.943].
    assert binomial_interval(0.8, 10) == pytest.approx((0.9433 - 0.4902) / 2, abs=1e-4)
    assert binomial_interval(1.0, 100) > 0


def test_mean_with_students_interval_and_with_standard_deviation() -> None:
    values = [0.8, 0.82, 0.87]
    half = stats.t.ppf(0.975, 2) * np.std(values, ddof=1) / np.sqrt(3)
    assert mean_interval(values) == pytest.approx((0.83, half))
    assert mean_spread(values) == pytest.approx((0.83, np.std(values, ddof=1)))
    assert math.isnan(mean_interval([0.5])[1])
    assert mean_spread([0.5]) == (0.5, None)


def test_text_of_a_value_with_its_interval() -> None:
    assert plus_minus(0.8304, 0.0121, percent=True) == "83.0 ± 1.2"
    assert plus_minus(12.345) == "12.3"
    assert plus_minus(0.5, None, percent=True) == plus_minus(0.5, math.nan, percent=True) == "50.0"
    assert plus_minus(3.25, 1.5, digits=".1f", sign="+") == "+3.2 ± 1.5"
