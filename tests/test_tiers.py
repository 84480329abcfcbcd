"""The shares of the rotating tests, even and complete; flags that an XLA does not know."""

import collections
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import budget
import pytest
import tiers
import xla_flags


def test_shares_are_even_and_depend_on_names_alone() -> None:
    names = [("test_every_method.py", f"method_{i}", 9) for i in range(56)]
    names += [("test_every_method.py", f"method_{i}", 3) for i in range(7)]
    found = tiers.shares(names)
    assert found.keys() == set(names)
    assert found == tiers.shares(reversed(names))
    for count, sizes in ((9, [6] * 7 + [7] * 2), (3, [2, 2, 3])):
        counts = collections.Counter(share for place, share in found.items() if place[2] == count)
        assert sorted(counts.values()) == sizes
    # Files of one or two subjects are spread together.
    few = [(f"test_{i}.py", "alone", 9) for i in range(7)]
    few += [("test_pair.py", name, 9) for name in "ab"]
    assert sorted(tiers.shares(few).values()) == list(range(9))


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, ...], str]:
    answers = {
        ("rev-parse", "HEAD"): "0123456789abcdef",
        ("rev-parse", "--is-shallow-repository"): "false",
        ("rev-list", "--count", "HEAD"): "301",
    }
    monkeypatch.setattr(tiers, "_git", lambda *arguments: answers.get(arguments, ""))
    return answers


def test_any_n_commits_in_a_row_run_all_n_shares(commits: dict) -> None:
    seen = []
    for count in range(301, 310):
        commits["rev-list", "--count", "HEAD"] = str(count)
        turn, reason = tiers.turn_of_commit()
        assert (turn, reason) == (count, "commit 01234567")
        seen.append(turn)
    assert {turn % 9 for turn in seen} == set(range(9))
    assert {turn % 3 for turn in seen[:3]} == {turn % 3 for turn in seen[4:7]} == {0, 1, 2}


def test_without_history_the_hash_or_the_version_decides(commits: dict) -> None:
    commits["rev-parse", "--is-shallow-repository"] = "true"
    turn, reason = tiers.turn_of_commit()
    assert turn == tiers.number_of("0123456789abcdef") and "shallow" in reason
    commits["rev-parse", "HEAD"] = ""
    turn, reason = tiers.turn_of_commit()
    assert turn >= 0 and "version" in reason


ROTATING = """
import pytest

@pytest.mark.rotating
@pytest.mark.parametrize("method", list("abcdef"))
def test_in_thirds(method): pass

@pytest.mark.rotating(shares=6)
@pytest.mark.parametrize("method", list("abcdef"))
def test_in_sixths(method): pass
"""


@pytest.fixture
def selected(tmp_path: Path) -> Callable[..., tuple[int, list[str]]]:
    """(status, the tests that a run with these options takes)."""
    (tmp_path / "setup.cfg").write_text("[tool:pytest]\nmarkers =\n    rotating: dear\n")
    (tmp_path / "test_turns.py").write_text(ROTATING)

    class Collected:
        names: ClassVar[list[str]] = []

        def pytest_collection_finish(self, session: pytest.Session) -> None:
            self.names[:] = [item.name for item in session.items]

    def run(*options: str) -> tuple[int, list[str]]:
        fixed = ["--collect-only", "-q", "-c", str(tmp_path / "setup.cfg"), "-p", "tiers"]
        fixed += ["-p", "no:cacheprovider", "--import-mode=importlib", str(tmp_path)]
        Collected.names.clear()
        status = pytest.main([*fixed, *options], plugins=[Collected()])
        return int(status), list(Collected.names)

    return run


def test_the_shares_of_a_turn_are_selected(selected: Callable, capsys) -> None:
    runs = [selected("--tier", str(turn))[1] for turn in range(6)]
    in_sixths = [[name for name in names if "sixths" in name] for names in runs]
    assert [len(names) for names in in_sixths] == [1] * 6
    assert len({name for names in in_sixths for name in names}) == 6
    for first in range(4):
        in_thirds = [n for names in runs[first : first + 3] for n in names if "thirds" in n]
        assert len(in_thirds) == len(set(in_thirds)) == 6
    assert len(selected("--tier", "all")[1]) == 12
    assert len(selected("-k", "test_in_sixths")[1]) == 6
    assert selected("--tier", "-1") == (4, [])
    assert "'-1' is not a number from 0, 'commit' or 'all'" in capsys.readouterr().err


def test_files_of_the_last_commit_and_of_the_working_tree_are_changed(commits: dict) -> None:
    commits["diff", "--name-only", "HEAD~1", "HEAD"] = "jssl/methods/masked/mae.py\nREADME.md"
    commits["diff", "--name-only", "HEAD"] = "tests/test_cli.py"
    assert tiers.changed_files() == {"jssl/methods/masked/mae.py", "README.md", "tests/test_cli.py"}


def test_core_seconds_and_memory_are_those_of_this_process() -> None:
    before = budget.core_seconds()
    while budget.core_seconds() < before + 0.05:
        sum(range(10_000))
    assert 10 < budget.resident_mb() <= budget.peak_mb() * 1.05


def test_flags_that_xla_does_not_know_are_left_out(tmp_path: Path, monkeypatch) -> None:
    tried = []

    def known(*flags: str) -> bool:
        tried.append(flags)
        return not any("unheard" in flag for flag in flags)

    monkeypatch.setattr(xla_flags, "_are_known", known)
    monkeypatch.setattr(xla_flags, "WANTED", ("--good=1", "--unheard_of=1"))
    assert xla_flags.known_flags(tmp_path / "new") == ["--good=1"]
    count = len(tried)
    assert count == 3  # together, and then each
    assert xla_flags.known_flags(tmp_path / "new") == ["--good=1"]
    assert len(tried) == count  # from the file
    monkeypatch.undo()
    # The real question, to the XLA that is installed.
    assert not xla_flags._are_known("--xla_no_version_knows_this=true")
