import numpy as np
import pytest

from jssl.data.checks import (
    LARGEST_RAW,
    by_axes,
    finite,
    measurable,
    parse_number,
    standardised,
    train_scale,
)
from jssl.errors import UserError


@pytest.mark.parametrize("text", ["1_000", "0x10", "1,5", "", "one", "１", "1 2"])
def test_what_is_no_number(text):
    with pytest.raises(ValueError):
        parse_number(text)
    assert [parse_number(t) for t in ("1e5", "-.5", "+3.")] == [1e5, -0.5, 3.0]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39, -1e19])
def test_a_number_that_cannot_be_right_is_named_by_its_place(value):
    values = np.zeros((4, 3))
    values[2, 1] = values[3, 0] = value
    with pytest.raises(UserError, match=r"f.csv has .* at row 3, column 2 \(2 such values\)"):
        finite(values, "f.csv")
    with pytest.raises(UserError, match="at channel 2"):
        finite(values, "f.csv", by_axes("", "channel"))
    assert finite(np.zeros((2, 0)), "f.csv").shape == (2, 0)
    np.testing.assert_array_equal(finite(values[:2], "f.csv"), values[:2])
    with pytest.raises(UserError, match="must hold numbers, not <U1"):
        finite(np.asarray(["a"]), "f.csv")


def test_missing_numbers_are_legal_where_they_are_declared():
    values = np.asarray([[np.nan, 1e30]])
    finite(values, "f", missing=True, largest=LARGEST_RAW)
    with pytest.raises(UserError, match=r"1e\+30 at row 1, column 2"):
        finite(values, "f", missing=True)


def test_numbers_too_small_for_their_squares():
    measurable(np.asarray([0.0, np.nan, 1e-30, 1.0]), "f")
    measurable(np.zeros(3), "f")
    with pytest.raises(UserError, match="3e-40 in size, too small"):
        measurable(np.asarray([0.0, -3e-40]), "f")


def test_scale_of_constant_empty_and_tiny_columns():
    n = np.arange(5.0)
    columns = np.stack([n * 0 + 0.1, n * np.nan, n * 1e-200, n * 1e30, 1e9 + n / 8, n], axis=1)
    mean, scale = train_scale(columns)
    spread = np.sqrt(2)
    np.testing.assert_allclose(scale, [1, 1, 1e-200 * spread, 1e30 * spread, spread / 8, spread])
    np.testing.assert_allclose(mean, [0.1, 0, 2e-200, 2e30, 1e9 + 0.25, 2])
    out = standardised(columns, (mean, scale), "f")
    assert out.dtype == np.float32 and np.isnan(out[:, 1]).all() and np.all(out[:, 0] == 0)
    np.testing.assert_allclose(out[:, 2:], np.tile((n[:, None] - 2) / spread, 4), rtol=1e-6)
