"""Data as docs/your_own_data.md describes them, beyond images: name in the page -> its maker."""

from own_form_data import MAKERS

__all__ = ["MAKERS"]
