"""Imported encoders beside PyTorch, timm and transformers, with random weights."""

import re
from pathlib import Path

import pytest

from tests.weights.torch_models import CASES, compared

PAGE = Path(__file__).parents[2] / "docs" / "weights.md"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_deviations(name: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers" if name.startswith("transformers") else "timm")
    deviation, used, _ = compared(CASES[name], tmp_path)
    assert deviation < 1e-5 and used > 20


def test_the_page_has_a_row_for_each_model() -> None:
    rows = dict(re.findall(r"^\| ([^|]+) \| `(\w+)` \| \d\.\de-\d\d \|", PAGE.read_text(), re.M))
    wanted = {name: case.family for name, case in CASES.items()}
    assert {name: family for name, family in rows.items() if name in wanted} == wanted
    assert all(name in wanted or name.startswith("torchvision") for name in rows)
