"""The tiers of the suite: which dear tests a run of it takes.

Tests marked `rotating` are dear, and each commit runs a third of them: tests of methods by the name
of the method, marked files whole, others by their own name. The third is chosen by the number of
the commit, so that any three commits in a row run all of them; what the commit changed is always
run, and `--tier all` (`make slow`) runs everything. Tests named on the command line
(`file.py::test`, `-k`) are run too.
"""

from __future__ import annotations

import collections
import os
import re
import subprocess
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest

THIRDS = 3
MOST_CHANGED = 6  # a commit that changed more subjects than this is one of all of them
ROOT = Path(__file__).resolve().parent.parent


def number_of(name: str) -> int:
    """A number that depends on a name alone, and on no seed of the process."""
    return zlib.crc32(name.encode())


def thirds(subjects: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Spreads the subjects of each file evenly over the thirds, in an order of their own.

    Args:
      subjects: (file, subject) pairs, in any order and number.

    Returns:
      (file, subject) -> third, from 0.
    """
    found: dict[tuple[str, str], int] = {}
    by_file: dict[str, set[str]] = collections.defaultdict(set)
    for file, name in subjects:
        by_file[file].add(name)
    for file, names in by_file.items():
        first = number_of(file)
        for index, name in enumerate(sorted(names, key=number_of)):
            found[file, name] = (first + index) % THIRDS
    return found


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def third_of_commit() -> tuple[int, str]:
    """(the third that is due, the reason in words)."""
    commit = _git("rev-parse", "HEAD")
    if commit and _git("rev-parse", "--is-shallow-repository") == "false":
        count = int(_git("rev-list", "--count", "HEAD"))
        return count % THIRDS, f"commit {count}, {commit[:8]}"
    if commit:  # the number is unknown; over several commits the hashes cover all thirds too
        return number_of(commit) % THIRDS, f"commit {commit[:8]} of a shallow clone"
    import jssl

    version = getattr(jssl, "__version__", "0")
    return number_of(version) % THIRDS, f"version {version}, no repository"


def changed_files() -> set[str]:
    """Files that the last commit or the working tree changed."""
    last = _git("diff", "--name-only", "HEAD~1", "HEAD").splitlines()
    return {*last, *_git("diff", "--name-only", "HEAD").splitlines()}


def week() -> str:
    """How often the commits of the last seven days chose each third, in words."""
    since = _git("rev-list", "--count", "--since=7.days", "HEAD")
    if not since.isdigit():
        return "commits of the last week are unknown"
    each, more = divmod(int(since), THIRDS)
    times = f"{each} to {each + 1} times" if more else f"{each} times"
    return f"the {since} commits of the last 7 days run each third {times}"


def subject(item: pytest.Item) -> str:
    """What decides the third of a test.

    It is the method or experiment that the test is about; else its file, if the whole file is
    marked, since its tests share what is dear; else its own name.
    """
    params = getattr(getattr(item, "callspec", None), "params", {})
    for key in ("method", "experiment"):
        if isinstance(params.get(key), str):
            return params[key]
    own = {id(mark) for mark in item.own_markers if mark.name == "rotating"}
    whole = any(id(m) not in own for m in item.iter_markers("rotating"))
    name = item.nodeid.partition("::")[0] if whole else item.nodeid
    return re.sub(r"^.*tests/", "", name)


def _place(item: pytest.Item) -> tuple[str, str]:
    return item.nodeid.partition("::")[0], subject(item)


def _is_changed(item: pytest.Item, files: set[str]) -> bool:
    name = subject(item)
    own = {f"jssl/methods/{name}.py", f"experiments/{name}.py"}
    return bool(own & files) or item.nodeid.partition("::")[0] in files


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--tier`."""
    parser.addoption(
        "--tier",
        default=os.environ.get("JSSL_TIER", "commit"),
        choices=["commit", "all", *map(str, range(THIRDS))],
        help="which third of the rotating tests to run (default: JSSL_TIER, or by the commit)",
    )


def pytest_report_header(config: pytest.Config) -> str:
    """The third that is run, and what a week of commits covers."""
    tier = config.getoption("--tier")
    if tier == "all":
        return "tier: all rotating tests"
    due, reason = third_of_commit() if tier == "commit" else (int(tier), "asked for")
    return f"tier: third {due} of 0 to {THIRDS - 1} of the rotating tests ({reason}); {week()}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the rotating tests of the other thirds."""
    tier = config.getoption("--tier")
    named = config.getoption("-k") or any("::" in argument for argument in config.args)
    if tier == "all" or named:
        return
    due = third_of_commit()[0] if tier == "commit" else int(tier)
    rotating = [item for item in items if item.get_closest_marker("rotating")]
    files = changed_files() if tier == "commit" else set()
    changed = sorted({subject(item) for item in rotating if _is_changed(item, files)})
    if len(changed) > MOST_CHANGED:
        changed = []
    third = thirds(map(_place, rotating))
    out = [item for item in rotating if third[_place(item)] != due and subject(item) not in changed]
    left = set(map(id, out))
    # A method that is examined in full is traced there too.
    full = {subject(item) for item in rotating if "test_conformance" in item.name} - {
        subject(item) for item in out
    }
    left |= {id(i) for i in items if i.name.startswith("test_contract[") and subject(i) in full}
    config.hook.pytest_deselected(items=[item for item in items if id(item) in left])
    items[:] = [item for item in items if id(item) not in left]
    config.stash[COUNTS] = collections.Counter(
        run=len(rotating) - len(out), rotating=len(rotating), changed=len(changed)
    )


COUNTS = pytest.StashKey[collections.Counter]()


def pytest_report_collectionfinish(config: pytest.Config) -> str | list[str]:
    """How many of the rotating tests are run."""
    counts = config.stash.get(COUNTS, None)
    if not counts or not counts["rotating"]:
        return []
    text = f"tier: {counts['run']} of {counts['rotating']} rotating tests are run"
    return text + (f", {counts['changed']} subjects as changed" if counts["changed"] else "")
