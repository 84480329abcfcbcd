"""Each operation equals its reference within the stated tolerance, at fixed parameters."""

import inspect
import sys
from pathlib import Path

import pytest

pytest.importorskip("skimage", reason="parity needs scikit-image, a test dependency")
sys.path.insert(0, str(Path(__file__).parent))

import parity_batch_cases  # noqa: F401
import parity_cases

from jssl.augmentations import (
    batchwise,
    blur,
    colour,
    erase,
    fields,
    geometry,
    hog,
    labelled,
    policy,
    spectrum,
    tone,
    warp,
)

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "augmentations.md"
MODULES = (batchwise, blur, colour, erase, fields, geometry)
MODULES += (hog, labelled, policy, spectrum, tone, warp)
# One method's combinations of operations that have rows; tested with that method.
COMBINED = {"corrupt_groups", "jigsaw_tiles", "mix_views", "rotate_all", "with_hog"}


@pytest.mark.parametrize("case", parity_cases.CASES, ids=lambda c: f"{c.operation} | {c.reference}")
def test_parity(case):
    deviation = case.run()
    assert deviation <= case.tolerance, f"{case.operation} is {deviation:.2e} from {case.reference}"


def test_every_operation_has_a_row_in_the_table():
    """An operation takes (key, image or views); each is named in a case and in the document."""
    operations = set()
    for module in MODULES:
        for name, function in inspect.getmembers(module, inspect.isfunction):
            first = list(inspect.signature(function).parameters)[:2]
            if function.__module__ == module.__name__ and first in (
                ["key", "image"],
                ["key", "views"],
            ):
                operations.add(name)
    assert len(operations) > 30
    words = " ".join(c.operation for c in parity_cases.CASES).replace(",", " ").replace(":", " ")
    missing = operations - set(words.split()) - COMBINED
    assert not missing, f"add a case to parity_cases.py for {missing}, or a test and a COMBINED"
    table = DOCUMENT.read_text()
    missing = [c.operation for c in parity_cases.CASES if f"| {c.operation} |" not in table]
    assert not missing, f"run python docs/write_augmentations.py: {missing}"
