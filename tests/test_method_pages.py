"""docs/methods says of every method what the code says."""

import importlib.util
import sys
from pathlib import Path

import pytest

from jssl.config import catalogue, experiment
from jssl.config.meanings import described

ROOT = Path(__file__).resolve().parent.parent
spec = importlib.util.spec_from_file_location("write_methods", ROOT / "docs" / "write_methods.py")
writer = sys.modules["write_methods"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(writer)


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return writer.pages()


def test_every_method_has_a_page_and_no_page_is_left_over(pages) -> None:
    there = {path.name for path in writer.FOLDER.glob("*.md")}
    assert there == set(pages)
    assert len(pages) == len(experiment.methods()) + 1


def test_pages_are_what_the_code_says(pages) -> None:
    stale = [name for name, text in pages.items() if (writer.FOLDER / name).read_text() != text]
    assert not stale, f"run python docs/write_methods.py: {stale}"


@pytest.mark.parametrize("name", sorted(experiment.methods()))
def test_docstrings_have_the_sections_of_a_page(name: str) -> None:
    found = writer.facts(experiment.methods()[name])
    assert not [key for key in writer.NEEDED if not found.sections.get(key)]
    assert all(found.attributes.values())


def test_no_docstring_repeats_the_fields_of_a_part() -> None:
    repeated = []
    for method in experiment.methods().values():
        above = {}
        for kind in reversed(method.__mro__[1:]):
            above |= described(kind)
        same = [name for name, text in described(method).items() if above.get(name) == text]
        if len(same) > 1:
            repeated.append(f"{method.__name__}: {', '.join(same)}")
    assert not repeated, "say 'The fields are those of ...': " + "; ".join(repeated)


def test_a_title_fulfilled_in_part_says_so_on_its_page_and_in_the_list(pages) -> None:
    """What is missing reaches a reader of the pages and a program that reads the list."""
    found = catalogue.entries()
    said = {entry["name"]: entry.get("partial", "") for entry in found["methods"]}
    assert said == {name: method.partial for name, method in experiment.methods().items()}
    partial = {name for name, text in said.items() if text}
    assert partial >= {
        *("contrastive/tips", "contrastive/transtab", "distillation/random_teacher"),
        *("masked/dbot", "masked/maskfeat", "masked/mfm", "masked/rts", "masked/slm"),
        *("pretext/motion_statistics", "pretext/self_task"),
        *("semisupervised/distill", "semisupervised/finetune"),
    }
    for name, text in said.items():
        page = pages[f"{name.split('/')[1]}.md"]
        assert (f"**In part.** {text}" in page) == bool(text)
        assert text == "" or text.endswith(".")
    listed = {entry["name"]: entry.get("partial", "") for entry in found["experiments"]}
    assert "plan" in listed["image/seer_imagenet"]
    assert listed["image/dbot_imagenet"] == said["masked/dbot"]
    assert listed["image/swav_imagenet"] == ""
