"""Line charts of a page: thinned without losing a spike, with ticks that can be read."""

import numpy as np
import pytest

from jssl.errors import UserError
from jssl.reporting.charts import Chart
from jssl.reporting.lines import smoothed, thinned
from jssl.reporting.page import write_report


def chart(points, **more):
    return Chart({"loss": points}, ylabel="loss", caption="Loss.", alt="Loss.", **more)


def test_a_long_run_is_thinned_and_a_spike_stays(tmp_path):
    steps = np.arange(200_000.0)
    values = 5 * np.exp(-steps / 5e4) + 0.1 * np.random.default_rng(0).normal(size=len(steps))
    values[123_456] = 9.0
    points = np.stack([steps, values], axis=1)
    few = thinned(points)
    assert len(few) <= 500
    assert (np.diff(few[:, 0]) > 0).all()
    assert few[:, 1].max() == 9.0
    np.testing.assert_allclose(
        smoothed(points)[:, 1], 5 * np.exp(-smoothed(points)[:, 0] / 5e4), atol=0.05
    )
    page = write_report(
        tmp_path, title="x", summary={}, result_table=None, figures={"Loss": chart(points)}
    )
    assert page.stat().st_size < 40_000
    assert thinned(points[:1000]) is not few and len(thinned(points[:1000])) == 1000


def test_places_are_those_of_the_values():
    drawn = chart([(0, 1.0), (5, 3.0), (10, 2.0)], references={"untrained": 2.0}).drawn()
    (line,) = drawn.lines
    assert line.faint == ""
    across, down = np.array(line.marks).T
    np.testing.assert_allclose(across, [0, 50, 100])
    # A margin of 4 % of the range on both sides.
    np.testing.assert_allclose(down, [100 - 4 / 1.08, 4 / 1.08, 50], atol=0.06)
    assert drawn.references[0].at == pytest.approx(50, abs=0.1)
    assert [tick.text for tick in drawn.x_ticks] == ["0", "2", "4", "6", "8", "10"]
    for tick in drawn.y_ticks:
        value = 1 - 0.08 + (100 - tick.at) / 100 * 2.16
        assert value == pytest.approx(float(tick.text), abs=0.01)


@pytest.mark.parametrize(
    "values",
    [[0.5, 0.5], [5.54517, 5.54519], [-3e-7, 2e-7], [1e12, 3e12], [-1.0, 1.0], [2e4, 9e4], [7.0]],
)
def test_ticks_of_any_range_differ(values):
    drawn = chart([(1000 * i, value) for i, value in enumerate(values)]).drawn()
    for ticks in (drawn.x_ticks, drawn.y_ticks):
        texts = [tick.text for tick in ticks]
        assert len(texts) == len(set(texts)) <= 8
        assert all(0 <= tick.at <= 100 for tick in ticks)
    assert drawn.y_ticks


def test_a_few_extreme_values_are_cut_off_and_that_is_said():
    points = [(i, 1e9 if i == 3 else 1 + i / 300) for i in range(300)]
    drawn = chart(points).drawn()
    assert drawn.note == " Values above 1.997 are cut off."
    assert max(float(tick.text) for tick in drawn.y_ticks) < 3
    assert chart(points[4:]).drawn().note == ""


def test_values_that_are_not_finite_are_left_out():
    drawn = chart([(0, 1.0), (1, np.nan), (2, np.inf), (3, 2.0)], percent=True).drawn()
    assert len(drawn.lines[0].marks) == 2
    assert drawn.ylabel == "loss (%)"
    with pytest.raises(UserError, match="no finite value of loss"):
        chart([(0, np.nan)])
    many = {f"run {i}": [(0, i), (1, i + 1)] for i in range(10)}
    lines = Chart(many, ylabel="loss", caption="", alt="").drawn().lines
    assert len({line.kind for line in lines}) == 10
