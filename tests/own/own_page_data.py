"""Data as docs/your_own_data.md describes them, beyond images: name in the page -> its maker."""

from collections.abc import Callable, Mapping
from pathlib import Path

MAKERS: Mapping[str, Callable[[Path], None]] = {}
