"""Line charts of a page: places of lines, ticks and labels, for `templates/chart.html`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from jssl.reporting.figures import curves
from jssl.reporting.lines import SMOOTHED, Points, finite_lines, smoothed, thinned

_MARKED = 20  # points up to which each has a mark
_COLOURS = 8  # of lines; further ones are dashed
_OUTLYING = 5.0  # times the range of the other values, beyond which the largest are cut off


class Tick(NamedTuple):
    """A label of an axis, at so many percent from the left or the top."""

    at: float
    text: str


class Line(NamedTuple):
    """A line: its name, its CSS classes, its SVG paths in 0..1000, and marks in percent."""

    name: str
    kind: str
    path: str
    faint: str
    marks: list[tuple[float, float]]


class Drawn(NamedTuple):
    """What `templates/chart.html` prints."""

    xlabel: str
    ylabel: str
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    lines: list[Line]
    references: list[Tick]
    note: str


@dataclass(frozen=True)
class Chart:
    """Lines over steps, such as the loss or the accuracy of an online probe.

    Attributes:
      series: the points (step, value) of each line; values that are not finite are left out.
      ylabel: label of the vertical axis.
      caption: the caption below.
      alt: what the chart shows, for screen readers.
      xlabel: label of the horizontal axis.
      percent: whether values in [0, 1] are shown in percent.
      references: horizontal dashed lines by name, such as the untrained encoder's accuracy.
    """

    template: ClassVar[str] = "chart.html"
    interactive: ClassVar[bool] = False

    series: Mapping[str, Points]
    ylabel: str
    caption: str
    alt: str
    xlabel: str = "step"
    percent: bool = False
    references: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        finite_lines(self.series, self.ylabel)

    def png(self) -> bytes:
        """The chart as a PNG file."""
        return curves(
            self.series,
            ylabel=self.ylabel,
            xlabel=self.xlabel,
            percent=self.percent,
            references=self.references,
        )

    def drawn(self) -> Drawn:
        """The layout of the chart."""
        scale = 100.0 if self.percent else 1.0
        lines = {
            name: points * (1.0, scale)
            for name, points in finite_lines(self.series, self.ylabel).items()
        }
        marked = {name: scale * value for name, value in (self.references or {}).items()}
        every = np.concatenate(list(lines.values()))
        x_range = _range(every[:, 0], 0.0)
        values, cut = _without_outliers(every[:, 1])
        y_range = _range(np.concatenate([values, list(marked.values())]), 0.04)
        x_ticks, y_ticks = _ticks(x_range, 5, whole=True), _ticks(y_range, 6)
        return Drawn(
            self.xlabel,
            f"{self.ylabel} (%)" if self.percent else self.ylabel,
            [Tick(at, text) for at, text in x_ticks],
            [Tick(round(100 - at, 2), text) for at, text in y_ticks],
            [
                _line(index, name, points, x_range, y_range)
                for index, (name, points) in enumerate(lines.items())
            ],
            [
                Tick(round(100 * (1 - _share(value, y_range)), 2), name)
                for name, value in marked.items()
            ],
            f" Values above {cut:.4g} are cut off." if cut is not None else "",
        )


def _line(
    index: int,
    name: str,
    points: np.ndarray,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
) -> Line:
    def place(points: np.ndarray, whole: float) -> np.ndarray:
        across = _share(points[:, 0], x_range)
        down = np.clip(1 - _share(points[:, 1], y_range), -1, 2)  # the plot cuts off what is beyond
        return np.round(whole * np.stack([across, down], axis=1), 1)

    kind = f"s{index % _COLOURS}" + (" dashed" if index // _COLOURS % 2 else "")
    noisy = len(points) > SMOOTHED
    marks = place(points, 100).tolist() if len(points) <= _MARKED else []
    return Line(
        name,
        kind,
        _path(place(smoothed(points) if noisy else points, 1000)),
        _path(place(thinned(points), 1000)) if noisy else "",
        [(x, y) for x, y in marks if 0 <= y <= 100],
    )


def _path(points: np.ndarray) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)


def _share(value: np.ndarray | float, limits: tuple[float, float]) -> np.ndarray | float:
    low, high = limits
    return (value - low) / (high - low)


def _range(values: np.ndarray, margin: float) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    if low == high:  # a single point, or a flat line, stands in the middle
        gap = 0.5 * abs(low) or 0.5
        return low - gap, high + gap
    return low - margin * (high - low), high + margin * (high - low)


def _without_outliers(values: np.ndarray) -> tuple[np.ndarray, float | None]:
    """The values but for a few extreme ones, and the limit if any were left out."""
    high = np.percentile(values, 98)
    low = values.min()
    limit = high + _OUTLYING * (high - low)
    if high == low or values.max() <= limit:
        return values, None
    kept = values[values <= limit]
    return kept, float(kept.max())


def _ticks(
    limits: tuple[float, float], most: int, *, whole: bool = False
) -> list[tuple[float, str]]:
    """Positions in percent and labels of round numbers, or of whole ones, within limits."""
    low, high = limits
    step = _round_step((high - low) / most)
    if whole:
        step = float(max(math.ceil(step), 1))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    values = [k * step for k in range(first, last + 1)]
    largest = max(map(abs, values), default=0.0)
    texts = [_number(value, step, largest) for value in values]
    return [
        (round(100 * _share(v, limits), 2), t.replace("-", "−"))
        for v, t in zip(values, texts, strict=True)
    ]


def _number(value: float, step: float, largest: float) -> str:
    """A tick's label, with as many places as tell it from the next one, a step away."""
    if largest >= 1e9 or largest < 1e-3:
        return f"{value:.3g}"
    for unit, letter in ((1e6, "M"), (1e3, "k")):
        if largest >= 10 * unit:
            return f"{value / unit:g}{letter}" if value else "0"
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    places += abs(step * 10**places - round(step * 10**places)) > 1e-6  # of steps such as 0.25
    return f"{value:,.{places}f}"


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 2.5 and 5 times a power of ten that is no less."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(f * power for f in (1, 2, 2.5, 5, 10) if f * power >= least * (1 - 1e-9))
