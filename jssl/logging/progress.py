"""Progress display: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TextIO

from jssl.core.terminal import printable, raw

WINDOW = 60.0  # averaging window of the throughput, in seconds


class Progress:
    """Shows step, loss, views per second and remaining time.

    The throughput is averaged over the last minute. Timing starts at the first `update`, which
    excludes compilation.
    """

    def __init__(
        self,
        total: int,
        *,
        views_per_step: int,
        initial: int = 0,
        stream: TextIO | None = None,
        interval: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
        enabled: bool = True,
        unit: str = "step",
        rate: str = "views",
    ) -> None:
        """Starts the display.

        Args:
          total: total number of steps of the run.
          views_per_step: augmented views per global batch, for the throughput.
          initial: steps completed before this process started (in a resumed run).
          stream: output stream; standard error by default.
          interval: seconds between plain lines (a terminal's bar is redrawn at every update).
          clock: returns the time in seconds, from any origin.
          enabled: False disables the display, for all processes but the first.
          unit: what a step is called.
          rate: what `views_per_step` counts.
        """
        self._unit, self._rate = unit, rate
        self._total, self._views, self._initial = total, views_per_step, initial
        self._stream = stream if stream is not None else sys.stderr
        self._interval, self._clock, self._enabled = interval, clock, enabled
        self._marks: deque[tuple[float, int]] = deque()
        self._last_line = -float("inf")
        self._bar = None
        if enabled and self._stream.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=total,
                initial=initial,
                file=raw(self._stream),
                dynamic_ncols=True,
                bar_format=unit + " {n_fmt}/{total_fmt} |{bar}| {percentage:.0f} %{postfix}",
            )

    def update(self, step: int, loss: Any = None) -> None:
        """Updates the display.

        Args:
          step: number of completed steps of the run.
          loss: the latest loss, or None; fetched from the device only if it is displayed.
        """
        if not self._enabled:
            return
        now = self._clock()
        self._marks.append((now, step))
        while len(self._marks) > 2 and now - self._marks[0][0] > WINDOW:
            self._marks.popleft()
        if self._bar is not None:
            self._bar.n = step
            self._bar.set_postfix_str("  ".join(self._facts(step, loss)))
        elif now - self._last_line >= self._interval or step >= self._total:
            self._last_line = now
            share = f"{self._unit} {step}/{self._total} ({100 * step // max(self._total, 1)} %)"
            print("  ".join([share, *self._facts(step, loss)]), file=self._stream, flush=True)

    def message(self, text: str) -> None:
        """Writes a line, above the bar if there is one."""
        if not self._enabled:
            return
        if self._bar is not None:
            self._bar.write(printable(text), file=raw(self._stream))
        else:
            print(text, file=self._stream, flush=True)

    def close(self) -> None:
        """Ends the display; a second call does nothing."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        self._enabled = False

    def __enter__(self) -> Self:
        """Returns itself, to be closed at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends the display."""
        self.close()

    def _facts(self, step: int, loss: Any) -> list[str]:
        facts = [] if loss is None else [f"loss {float(loss):.4f}"]
        (begin, first), (end, last) = self._marks[0], self._marks[-1]
        if last > first and end > begin:
            pace = (last - first) / (end - begin)
            facts.append(f"{quantity(pace * self._views)} {self._rate}/s")
            facts.append(f"{duration((self._total - step) / pace)} left")
        return facts


def quantity(value: float) -> str:
    """Formats a number with three significant digits and an SI prefix: 1234 -> "1.23k"."""
    for scale, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= scale:
            return f"{value / scale:.3g}{prefix}"
    return f"{value:.3g}"


def duration(seconds: float) -> str:
    """Formats seconds as hours, minutes and seconds: 3725 -> "1:02:05", 65 -> "1:05"."""
    total = max(0, round(seconds))
    hours, minutes, rest = total // 3600, total // 60 % 60, total % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
