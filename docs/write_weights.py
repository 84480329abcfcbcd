"""Writes the table of deviations of docs/weights.md, with torch, timm and transformers.

    python docs/write_weights.py

A row is one of `tests.weights.torch_models.CASES`. Rows of other models are kept as they stand.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "weights.md"
sys.path.insert(0, str(ROOT))

from tests.weights.torch_models import CASES, compared  # noqa: E402

_TABLE = re.compile(r"(\| model \| family \|.*\n\|[-|]+\|\n)((?:\|.*\n)+)")


def main() -> None:
    """Computes every row and writes the page."""
    text = PAGE.read_text()
    head, rows = _TABLE.search(text).groups()
    own = [row for row in rows.splitlines() if row.split("|")[1].strip() not in CASES]
    made = []
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            deviation, used, unused = compared(case, Path(folder))
        made.append(f"| {name} | `{case.family}` | {deviation:.1e} | {used} | {unused} |")
        print(made[-1], flush=True)
    table = "\n".join([*made, *own]) + "\n"
    PAGE.write_text(_TABLE.sub(lambda match: head + table, text, count=1))


if __name__ == "__main__":
    main()
