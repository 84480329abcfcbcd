"""Each operation equals its reference within the stated tolerance, at fixed parameters."""

import importlib
import inspect
import pkgutil
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("skimage", reason="parity needs scikit-image, a test dependency")
sys.path.insert(0, str(Path(__file__).parent))

from parity_cases import CASES

import jssl.augmentations

HERE = Path(__file__).resolve().parent
# Where an operation's draws are a function of their own, that one is tested.
DRAWN_BY = {"random_resized_crop": "sample_box"}
DRAWN_BY |= {"random_field_affine": "gaussian_field", "random_field_colour": "gaussian_field"}
DOCUMENT = HERE.parents[1] / "docs" / "augmentations.md"


def public(*second: str) -> set[str]:
    """Functions of the package that take (key, one of `second`, ...)."""
    found = set()
    for info in pkgutil.iter_modules(jssl.augmentations.__path__):
        module = importlib.import_module(f"jssl.augmentations.{info.name}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            first = list(inspect.signature(function).parameters)[:2]
            if function.__module__ == module.__name__ and not name.startswith("_"):
                found |= {name} if first in [["key", s] for s in second] else set()
    return found


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


@pytest.mark.rotating
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.operation} | {c.reference}")
def test_parity(case):
    deviation = case.run()
    assert deviation <= case.tolerance, f"{case.operation} is {deviation:.2e} from {case.reference}"


def test_every_operation_has_a_row_in_the_table():
    operations = public("image", "views")
    assert len(operations) > 35
    missing = operations - words(" ".join(c.operation for c in CASES))
    assert not missing, f"add a parity case for {missing}"
    table = DOCUMENT.read_text()
    missing = [c.operation for c in CASES if f"| {c.operation} |" not in table]
    assert not missing, f"run python docs/write_augmentations.py: {missing}"


def test_a_row_above_one_level_says_why():
    for case in CASES:
        assert case.tolerance <= 1 / 255 or case.note, case.operation


def test_every_random_operation_and_every_mask_has_a_test_of_its_draws():
    drawn = words("".join(p.read_text() for p in HERE.glob("test_augmentation_[sd]*.py")))
    never = {"autocontrast", "centre_crop", "equalize", "grayscale", "invert", "low_frequency_crop"}
    never |= {
        "normalise",
        "normalise_image",
        "posterize",
        "resize",
        "rotate_all",
        "solarize",
        "with_hog",
    }
    random = {DRAWN_BY.get(name, name) for name in public("image", "views") - never}
    missing = random - drawn
    assert not missing, f"test how {missing} draw, in test_augmentation_draws.py"
    # Called somewhere: a name in an import or a dict proves nothing.
    calls = "".join(p.read_text() for p in HERE.parent.rglob("test_*.py"))
    masks = {a or b for a, b in re.findall(r"(\w+mask)\(|partial\((\w+mask)", calls)}
    samplers = {name for name in public("example") if name.endswith("mask")}
    assert len(samplers) > 7
    assert not samplers - masks, f"test the masks of {samplers - masks}"
