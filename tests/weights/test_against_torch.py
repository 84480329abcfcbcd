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


def test_the_rows_of_the_page_are_models_of_these_tests() -> None:
    rows = dict(re.findall(r"^\| ([^|]+) \| `(\w+)` \| \d\.\de-\d\d \|", PAGE.read_text(), re.M))
    assert len(rows) > 20
    for name, family in rows.items():
        assert name.startswith("torchvision") or CASES[name].family == family
