"""docs/evaluation.md is what its script writes."""

import sys
from pathlib import Path

from jssl.evaluation.protocols import protocols

DOCS = Path(__file__).resolve().parents[1] / "docs"


def test_page_lists_every_protocol_and_every_refusal(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    try:
        import write_evaluation
    finally:
        sys.modules.pop("write_evaluation", None)
    page = (DOCS / "evaluation.md").read_text()
    for line in (*write_evaluation.protocol_table(), *write_evaluation.sentences()):
        assert line in page, f"run python docs/write_evaluation.py: {line}"
    assert all(f"`{name}`" in page for name in protocols())
