"""docs/support.md comes from the records of tools/matrix.py, which reads what pytest prints."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_records_say() -> None:
    assert (ROOT / "docs" / "support.md").read_text() == load("docs/write_support.py").page()


@pytest.mark.parametrize(
    ("last", "outcome"),
    [
        ("41 passed, 122 deselected in 254.07s (0:04:14)", {"passed": 41}),
        ("= 2 failed, 39 passed, 1 skipped, 3 errors in 9.1s =", {"failed": 2, "passed": 39}),
        ("no tests ran in 0.00s", {}),
    ],
)
def test_outcomes_are_read(last: str, outcome: dict[str, int]) -> None:
    found = load("tools/matrix.py").counts(f"FAILED tests/a.py::test_b\n{last}\n")
    assert {k: found.get(k) for k in outcome} == outcome
    assert found.get("error", 0) == (3 if "error" in last else 0)


def test_a_missing_interpreter_is_named() -> None:
    with pytest.raises(SystemExit, match=r"Python 9\.9 was not found"):
        load("tools/matrix.py").interpreter("9.9")
