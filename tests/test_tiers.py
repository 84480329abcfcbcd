"""The thirds of the rotating tests, even and complete; flags that an XLA does not know."""

import collections
from pathlib import Path

import budget
import pytest
import tiers
import xla_flags


def test_thirds_are_even_and_depend_on_names_alone() -> None:
    names = [("test_every_method.py", f"method_{i}") for i in range(56)]
    names += [("test_other.py", "alone")]
    found = tiers.thirds(names)
    assert found.keys() == set(names)
    assert found == tiers.thirds(reversed(names))
    counts = collections.Counter(t for (file, _), t in found.items() if file != "test_other.py")
    assert sorted(counts.values()) == [18, 19, 19]
    # Single tests of many files are not all in one third.
    singles = tiers.thirds([(f"test_{i}.py", "alone") for i in range(60)])
    assert len(set(singles.values())) == 3


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, ...], str]:
    answers = {
        ("rev-parse", "HEAD"): "0123456789abcdef",
        ("rev-parse", "--is-shallow-repository"): "false",
        ("rev-list", "--count", "HEAD"): "301",
    }
    monkeypatch.setattr(tiers, "_git", lambda *arguments: answers.get(arguments, ""))
    return answers


def test_three_commits_in_a_row_run_all_thirds(commits: dict) -> None:
    seen = []
    for count in (301, 302, 303):
        commits["rev-list", "--count", "HEAD"] = str(count)
        third, reason = tiers.third_of_commit()
        assert f"commit {count}, 01234567" in reason
        seen.append(third)
    assert sorted(seen) == [0, 1, 2]


def test_without_history_the_hash_or_the_version_decides(commits: dict) -> None:
    commits["rev-parse", "--is-shallow-repository"] = "true"
    third, reason = tiers.third_of_commit()
    assert third in range(3) and "shallow" in reason
    commits["rev-parse", "HEAD"] = ""
    third, reason = tiers.third_of_commit()
    assert third in range(3) and "version" in reason


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
