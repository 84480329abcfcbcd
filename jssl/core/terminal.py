"""Terminal output without control characters that could manipulate the terminal or forge a line."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from typing import Any, TextIO

# Control characters but for tab and line feed, marks that turn the direction of writing, separators
# that some terminals take for a line's end, lone surrogates (bytes of a file's name that are no
# UTF-8) and invisible tags.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def printable(text: str) -> str:
    r"""A text with every control character written as an escape sequence, such as ``\x1b``.

    Args:
      text: any text; names of files, classes and columns may come from untrusted sources.
    """
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def one_line(text: str) -> str:
    """`printable` applied to a text, with its lines joined by spaces."""
    return printable(" ".join(part.strip() for part in text.split("\n")).strip())


class _Printable:
    """A text stream that passes all output through `printable` and otherwise acts as its base."""

    def __init__(self, stream: TextIO) -> None:
        self.raw_stream = stream

    def write(self, text: str) -> int:
        self.raw_stream.write(printable(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw_stream, name)


def raw(stream: TextIO) -> TextIO:
    """The underlying stream, for a progress bar that needs control characters."""
    return getattr(stream, "raw_stream", stream)


@contextlib.contextmanager
def printable_output() -> Iterator[None]:
    """Passes all output inside the block through `printable`."""
    old = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_Printable(raw(stream)) for stream in old)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = old
