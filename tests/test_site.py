"""The documentation site: its navigation, its links, and that it needs no network."""

import json
import os
import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("material", reason="the site needs jssl[docs]")

ROOT = Path(__file__).resolve().parent.parent


def loaded(path: Path) -> ModuleType:
    spec = spec_from_file_location(path.stem, path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pages = loaded(ROOT / "tools" / "site_pages.py")


def built(folder: Path, *, reference: bool) -> str:
    """Builds the site strictly; returns what mkdocs printed, and fails with it."""
    environment = os.environ | {
        "NO_MKDOCS_2_WARNING": "1",
        "JSSL_SITE_REFERENCE": str(reference).lower(),
        "PYTHONWARNINGS": "default",
    }
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_reference_describes_every_public_module_once() -> None:
    described = [pages.dotted(file) for name in pages.PACKAGES for file in pages.module_files(name)]
    assert len(described) == len(set(described)) > 300
    assert all((ROOT / "jssl" / name.replace(".", "/")).exists() or name == "api"
               for name in pages.PACKAGES)  # fmt: skip


def test_the_page_that_helps_to_choose_is_what_the_records_say() -> None:
    writer = loaded(ROOT / "docs" / "write_choice.py")
    assert writer.PAGE.read_text() == writer.page()


def test_every_family_and_notebook_is_listed() -> None:
    methods = {Path(page).stem for found in pages.families().values() for page in found}
    assert methods == {p.stem for p in (ROOT / "docs" / "methods").glob("*.md")} - {"README"}
    assert len(pages.notebooks()) == len([*(ROOT / "notebooks").glob("*.ipynb")]) >= 5


@pytest.mark.rotating
def test_pages_links_and_anchors_hold_and_nothing_is_loaded_from_elsewhere(tmp_path: Path) -> None:
    """A strict build: a page that is not in the navigation, a link or an anchor is an error."""
    built(tmp_path, reference=False)
    html = (tmp_path / "methods" / "simclr.html").read_text()
    assert "api/methods.html#jssl.methods.contrastive.simclr" in html
    # The search of files: its index is a script, and workers are replaced by frames.
    assert (tmp_path / "search" / "search_index.js").stat().st_size > 100_000
    assert 'src="../assets/iframe-worker.js"' in html


@pytest.mark.slow
def test_the_reference_is_built_from_docstrings(tmp_path: Path) -> None:
    built(tmp_path, reference=True)
    html = (tmp_path / "api" / "objectives.html").read_text()
    assert 'id="jssl.objectives.common.l2_normalize"' in html
    assert "the zero vector stays zero" in re.sub(r"<[^>]+>", "", html)
    index = json.loads((tmp_path / "search" / "search_index.json").read_text())
    assert any("l2_normalize" in entry["location"] for entry in index["docs"])
