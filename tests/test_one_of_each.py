"""What every run shares is written once: the update, the host loop, the text of an interval."""

import re
from pathlib import Path

import pytest

import jssl

ROOT = Path(jssl.__file__).resolve().parent
# Callers of a method's hooks and of the loop, and writers of "value ± half-width".
PLACES = {
    r"\bmethod\.(after_update|next_params|init_memory|scale_updates)\(": {"training/update.py"},
    r"\bloss_and_gradients\(": {
        "training/gradients.py",
        "training/step.py",
        "training/bound.py",
    },
    r"\binterrupt\.requests\(": {"runs/host_loop.py", "interop/embedding.py"},
    r"± \{": {"core/intervals.py"},
}


@pytest.mark.parametrize(("pattern", "places"), PLACES.items())
def test_it_is_written_in_one_place(pattern: str, places: set[str]) -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if path.relative_to(ROOT).parts[0] not in ("methods", "testing", "experiments")
        and re.search(pattern, path.read_text())
    }
    assert found == places


def test_scripts_print_intervals_by_the_same_function() -> None:
    project = ROOT.parent
    scripts = [
        p for folder in ("benchmarks", "docs", "results") for p in project.glob(f"{folder}/*.py")
    ]
    assert scripts
    assert not [path.name for path in scripts if re.search(r"± \{", path.read_text())]
