"""Every notebook runs from its first cell to its last."""

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.optimised

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


@pytest.mark.rotating(shares=9)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the notebook client's own parts
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("JSSL_NOTEBOOK_EPOCHS", "3")
    monkeypatch.setenv("XLA_FLAGS", os.environ["XLA_FLAGS"])
    monkeypatch.setenv("JAX_ENABLE_COMPILATION_CACHE", "false")  # see conftest.py
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=900, resources={"metadata": {"path": str(path.parent)}}
    )
    client.execute()
    assert all(cell.get("execution_count") for cell in notebook.cells if cell.cell_type == "code")
