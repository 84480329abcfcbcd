"""The tiers of the suite: which dear tests a run of it takes.

Tests marked `rotating` are dear, and each commit runs a share of them: a third, or one part in n of
those marked `rotating(shares=n)`. Tests of methods are shared out by the name of the method, marked
files whole, others by their own name. One number, that of the commit, chooses the share: commit K
runs share K mod n, so that any n commits in a row run all of them. What the commit changed is
always run, and `--tier all` (`make slow`) runs everything. Tests named on the command line
(`file.py::test`, `-k`) are run too.
"""

from __future__ import annotations

import argparse
import collections
import os
import re
import subprocess
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest

SHARES = 3  # of tests marked without a number
MOST_CHANGED = 6  # a commit that changed more subjects than this is one of all of them
ROOT = Path(__file__).resolve().parent.parent

Place = tuple[str, str, int]  # file, subject, number of shares


def number_of(name: str) -> int:
    """A number that depends on a name alone, and on no seed of the process."""
    return zlib.crc32(name.encode())


def shares(places: Iterable[Place]) -> dict[Place, int]:
    """Spreads the subjects of each file evenly over its shares, in an order of their own.

    Files that have fewer subjects than shares are spread together.

    Args:
      places: (file, subject, number of shares), in any order and number.

    Returns:
      (file, subject, number of shares) -> share, from 0.
    """
    by_file: dict[tuple[str, int], set[Place]] = collections.defaultdict(set)
    for place in places:
        by_file[place[0], place[2]].add(place)
    groups: dict[tuple[str, int], set[Place]] = collections.defaultdict(set)
    for (file, count), found in by_file.items():
        groups["" if len(found) < count else file, count] |= found
    return {
        place: (number_of(file) + index) % count
        for (file, count), found in groups.items()
        for index, place in enumerate(
            sorted(found, key=lambda place: number_of("".join(place[:2])))
        )
    }


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def turn_of_commit() -> tuple[int, str]:
    """(the number that chooses the shares, where it is from)."""
    commit = _git("rev-parse", "HEAD")
    if commit and _git("rev-parse", "--is-shallow-repository") == "false":
        return int(_git("rev-list", "--count", "HEAD")), f"commit {commit[:8]}"
    if commit:  # the number is unknown; over several commits the hashes cover all shares too
        return number_of(commit), f"hash of commit {commit[:8]}, in a shallow clone"
    import jssl

    version = getattr(jssl, "__version__", "0")
    return number_of(version), f"version {version}, no repository"


def changed_files() -> set[str]:
    """Files that the last commit or the working tree changed."""
    last = _git("diff", "--name-only", "HEAD~1", "HEAD").splitlines()
    return {*last, *_git("diff", "--name-only", "HEAD").splitlines()}


def week() -> str:
    """How often the commits of the last seven days ran each third and each ninth, in words."""
    since = _git("rev-list", "--count", "--since=7.days", "HEAD")
    if not since.isdigit():
        return "commits of the last week are unknown"
    thirds, ninths = int(since) // 3, int(since) // 9
    return (
        f"the {since} commits of the last 7 days ran each third at least {thirds} times, and each "
        f"ninth {ninths} times"
    )


def subject(item: pytest.Item) -> str:
    """What decides the share of a test.

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


def _place(item: pytest.Item) -> Place:
    mark = item.get_closest_marker("rotating")
    count = mark.kwargs.get("shares", SHARES) if mark else SHARES
    return item.nodeid.partition("::")[0], subject(item), count


def _is_changed(item: pytest.Item, files: set[str]) -> bool:
    name = subject(item)
    own = {f"jssl/methods/{name}.py", f"experiments/{name}.py"}
    return bool(own & files) or item.nodeid.partition("::")[0] in files


def _tier(text: str) -> str | int:
    if text in ("commit", "all"):
        return text
    if text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0, 'commit' or 'all'")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--tier`."""
    parser.addoption(
        "--tier",
        default=_tier(os.environ.get("JSSL_TIER", "commit")),
        type=_tier,
        metavar="K",
        help="which share of the rotating tests to run: K mod 3 of those in thirds, K mod n of "
        "those in n shares; 'all' for all (default: JSSL_TIER, or the number of the commit)",
    )


def _turn(config: pytest.Config) -> tuple[int, str]:
    """The number that chooses the shares, and where it is from."""
    tier = config.getoption("--tier")
    return turn_of_commit() if tier == "commit" else (tier, "asked for")


def pytest_report_header(config: pytest.Config) -> str:
    """The number that chooses the shares, and what a week of commits covers."""
    if config.getoption("--tier") == "all":
        return "tier: all rotating tests"
    turn, reason = _turn(config)
    return f"tier {turn} ({reason}): share {turn} mod n of the tests that rotate in n; {week()}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the rotating tests of the other shares."""
    tier = config.getoption("--tier")
    named = config.getoption("-k") or any("::" in argument for argument in config.args)
    if tier == "all" or named:
        return
    turn, _ = _turn(config)
    rotating = [item for item in items if item.get_closest_marker("rotating")]
    files = changed_files() if tier == "commit" else set()
    changed = sorted({subject(item) for item in rotating if _is_changed(item, files)})
    if len(changed) > MOST_CHANGED:
        changed = []
    share = shares(map(_place, rotating))
    out = [
        item
        for item in rotating
        if share[_place(item)] != turn % _place(item)[2] and subject(item) not in changed
    ]
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
