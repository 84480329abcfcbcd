"""docs/speed.md comes from the records beside it."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
spec = importlib.util.spec_from_file_location("write_speed", ROOT / "docs" / "write_speed.py")
writer = importlib.util.module_from_spec(spec)
spec.loader.exec_module(writer)


def test_the_page_is_what_the_records_say() -> None:
    assert (ROOT / "docs" / "speed.md").read_text() == writer.page()
