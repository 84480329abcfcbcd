"""docs/objectives.md has a row for every objective, and comes from the records beside it."""

import importlib.util
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
spec = importlib.util.spec_from_file_location("objectives", ROOT / "results" / "objectives.py")
writer = sys.modules["objectives"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(writer)

# No loss: bookkeeping, or a step inside of others that have a reference of their own.
HELPERS = {"accuracy", "l2_normalize", "log_softmax", "matmul", "random_slices"}
HELPERS |= {"cross_correlation", "squared_distance", "standardize_batch", "masked_mean"}


def test_every_objective_has_a_reference() -> None:
    result = json.loads((ROOT / "results" / "objectives.json").read_text())
    assert writer.objectives().keys() - HELPERS <= {row["objective"] for row in result["rows"]}
    assert all(row["value"] <= 2e-5 for row in result["rows"])


def test_the_page_is_what_the_records_say() -> None:
    result = json.loads((ROOT / "results" / "objectives.json").read_text())
    assert (ROOT / "docs" / "objectives.md").read_text() == writer.page(result)
