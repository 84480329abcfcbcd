"""Progress: numbers that are right, on a terminal and off it."""

import io

import pytest

from jssl.logging.progress import Progress, duration, quantity


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_plain_lines_come_at_intervals_with_speed_and_time_left():
    stream, clock = io.StringIO(), Clock()
    with Progress(1000, views_per_step=512, stream=stream, clock=clock, initial=100) as progress:
        for step in range(101, 1001):
            progress.update(step, 2.5)
            clock.now += 0.125
        progress.message("saved")
    lines = stream.getvalue().splitlines()
    assert lines[0] == "step 101/1000 (10 %)  loss 2.5000"  # one point has no speed yet
    assert lines[1].startswith("step 181/1000 (18 %)  loss 2.5000  4.1k views/s  1:42 left")
    assert lines[-2].startswith("step 1000/1000 (100 %)")
    assert lines[-2].endswith("0:00 left")
    assert lines[-1] == "saved"
    assert 12 <= len(lines) <= 15


def test_speed_follows_the_last_minute():
    stream, clock = io.StringIO(), Clock()
    progress = Progress(10_000, views_per_step=1, stream=stream, clock=clock)
    step = 0
    for seconds_per_step in (1.0, 0.1):
        for _ in range(int(200 / seconds_per_step)):
            step += 1
            progress.update(step)
            clock.now += seconds_per_step
    assert "10 views/s" in stream.getvalue().splitlines()[-1]


def test_a_loss_is_fetched_only_for_lines_that_show_it():
    class Device:
        fetched = 0

        def __float__(self):
            Device.fetched += 1
            return 1.0

    progress = Progress(1000, views_per_step=1, stream=io.StringIO(), clock=Clock())
    for step in range(1, 500):
        progress.update(step, Device())
    assert Device.fetched == 1


def test_terminal_gets_a_bar():
    stream, clock = Terminal(), Clock()
    with Progress(50, views_per_step=10, stream=stream, clock=clock) as progress:
        for step in range(1, 51):
            clock.now += 1
            progress.update(step, 0.5)
        progress.message("saved")
    text = stream.getvalue()
    assert "step 50/50" in text
    assert "loss 0.5000" in text
    assert "10 views/s" in text
    assert "saved\n" in text


def test_disabled_is_silent():
    stream = Terminal()
    with Progress(5, views_per_step=1, stream=stream, enabled=False) as progress:
        progress.update(5, 1.0)
        progress.message("hello")
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (65, "1:05"), (3725, "1:02:05"), (-3, "0:00")]
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "0.5"), (123.4, "123"), (12345, "12.3k"), (2.5e6, "2.5M")]
)
def test_quantity(value, text):
    assert quantity(value) == text
