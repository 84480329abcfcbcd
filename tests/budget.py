"""What the suite costs: core-seconds of each test, and the memory of each worker.

A test is charged with the CPU time of its process and of the children that ended meanwhile, so that
the figures do not depend on what else the machine does. `pytest --budget` prints the tables of
docs/testing.md; without it one line is printed.
"""

from __future__ import annotations

import collections
import ctypes
import gc
import resource
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

# Compiled programs are dropped between modules, and between the subjects of one test, beyond this.
HIGH_WATER_MB = 900
DEAR = 15  # core-seconds of a test function, over which it should rotate (tests/tiers.py)
# What grows with the number of methods; the other files test parts that methods share.
GROWING = ("test_every_method.py", "test_every_experiment.py")
PROJECTED = 300  # methods
CORES = 2
_last = [0.0]


def core_seconds() -> float:
    """User and system time of this process and of its ended children."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in both)


def resident_mb() -> float:
    """Memory that the process occupies now, in MB; its peak where /proc is missing."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / 2**20
    except OSError:
        return peak_mb()


def peak_mb() -> float:
    """Most memory that the process has occupied, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def release() -> None:
    """Lets go of all compiled programs, and gives their memory back to the system."""
    import jax

    jax.clear_caches()
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--budget`."""
    parser.addoption("--budget", action="store_true", help="print core-seconds by file and method")


def pytest_configure(config: pytest.Config) -> None:
    """Starts a ledger in the process that reports."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Ledger(config), "ledger")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Notes the time before a test, and drops programs after it if they have become many."""
    _last[0] = core_seconds()
    result = yield
    another = nextitem is None or nextitem.path != item.path or "callspec" in vars(item)
    if another and resident_mb() > HIGH_WATER_MB:
        release()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Writes the costs into the report, which pytest-xdist sends to the process that reports."""
    report = yield
    now = core_seconds()
    report.core_seconds, _last[0] = now - _last[0], now
    report.peak_mb = peak_mb()
    params = getattr(getattr(item, "callspec", None), "params", {})
    report.rotates = item.get_closest_marker("rotating") is not None
    report.method = params.get("method") if item.path.name == "test_every_method.py" else None
    return report


def _list(costs: list[tuple[float, str]]) -> str:
    return ", ".join(f"{name} {cost:.0f}" for cost, name in costs)


class Ledger:
    """Sums the costs of the reports.

    Args:
      config: pytest's configuration.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.detailed = config.getoption("--budget")
        self.files: collections.Counter[str] = collections.Counter()
        self.methods: collections.Counter[str] = collections.Counter()
        self.tests: collections.Counter[str] = collections.Counter()
        self.peaks: dict[str, float] = {}
        self.rotating: set[str] = set()
        self.in_full: set[str] = set()

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Adds one phase of one test."""
        if not hasattr(report, "core_seconds"):
            return  # a worker that crashed
        self.files[report.nodeid.partition("::")[0]] += report.core_seconds
        self.tests[report.nodeid.partition("[")[0]] += report.core_seconds
        if isinstance(report.method, str):
            self.methods[report.method] += report.core_seconds
            if report.rotates:
                self.in_full.add(report.method)
        if report.rotates:
            self.rotating.add(report.nodeid.partition("[")[0])
        worker = getattr(report, "worker_id", "main")
        self.peaks[worker] = max(self.peaks.get(worker, 0.0), report.peak_mb)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Prints the sums."""
        if not self.files:
            return
        write = terminalreporter.write_line
        peaks = ", ".join(f"{name} {peak:.0f} MB" for name, peak in sorted(self.peaks.items()))
        line = f"budget: {self.files.total():.0f} core-seconds in tests; peak memory: {peaks}"
        if self.methods:
            each = self.methods.total() / len(self.methods)
            line += f"; {each:.1f} core-seconds a method, {len(self.methods)} methods"
        write(line)
        if self.in_full:
            write(f"conformance in full: {', '.join(sorted(self.in_full))}")
        always = [(cost, name) for name, cost in self.tests.items() if name not in self.rotating]
        dear = sorted(((cost, name) for cost, name in always if cost > DEAR), reverse=True)
        if dear:
            write(f"dearer than {DEAR} core-seconds and in every run: " + _list(dear))
        if not self.detailed:
            return
        self._project(write)
        for title, costs, most in (
            ("file", self.files, 40),
            ("test", self.tests, 40),
            ("method", self.methods, 1000),
        ):
            write(f"core-seconds by {title}:")
            for name, cost in costs.most_common(most):
                write(f"  {cost:8.1f}  {name}")

    def _project(self, write: Callable[[str], None]) -> None:
        """Prints what the suite would take with more methods, if what grows with them was run."""
        growing = [f"tests/{name}" for name in GROWING]
        if not self.methods or not all(self.files[name] for name in growing):
            return
        each = sum(self.files[name] for name in growing) / len(self.methods)
        fixed = self.files.total() - each * len(self.methods)
        for count in (len(self.methods), PROJECTED):
            minutes = (fixed + each * count) / CORES / 60
            write(
                f"{count} methods: {fixed:.0f} + {count} x {each:.1f} core-seconds, "
                f"{minutes:.0f} minutes on {CORES} cores"
            )
