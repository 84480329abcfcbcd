"""Every notebook runs from its first cell to its last."""

import json
import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.optimised

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


@pytest.mark.rotating(shares=9)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the notebook client's own parts
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("JSSL_NOTEBOOK_EPOCHS", "3")
    monkeypatch.setenv("XLA_FLAGS", os.environ["XLA_FLAGS"])
    monkeypatch.setenv("JAX_ENABLE_COMPILATION_CACHE", "false")  # see conftest.py
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    assert all(cell.get("execution_count") for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_jssl_is_installed_before_anything_is_imported(path: Path) -> None:
    """In a fresh environment, and without an editable install, so that no restart is needed."""
    cells = [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]
    first = "".join(cells[0]["source"])
    assert 'find_spec("jssl") is None' in first and "%pip install -q {source}" in first
    assert "-e" not in first.split() and "jax" not in first and "numpy" not in first


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_saved_outputs_are_those_of_a_whole_run(path: Path) -> None:
    cells = [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert outputs, "the notebook was saved without its outputs"
    assert all(output["output_type"] != "error" for output in outputs)
    assert all(cell["execution_count"] for cell in cells)
