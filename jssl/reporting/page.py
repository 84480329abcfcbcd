"""A run's page: a single self-contained HTML file."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from jssl.core.table import Table
from jssl.errors import UserError
from jssl.reporting.rendering import render, write_page
from jssl.reporting.verdict import Verdict

FILE = "report.html"
_TILE = 24  # letters of a fact that fits into a tile
_KINDS = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg"}


class Drawing(Protocol):
    """What stands below a heading of the page: a picture, a chart or a map.

    Attributes:
      template: the file of `jssl/reporting/templates` that shows it.
      interactive: whether that needs the page's script.
      caption: the caption below.
      alt: what it shows, for screen readers.
    """

    template: ClassVar[str]
    interactive: ClassVar[bool]
    caption: str
    alt: str

    def png(self) -> bytes:
        """The same as a PNG file."""
        ...


@dataclass(frozen=True)
class Figure:
    """An image on the page.

    Attributes:
      image: PNG bytes, or the path of a PNG file.
      caption: the caption below the image.
      alt: alternative text for screen readers.
    """

    template: ClassVar[str] = "figure.html"
    interactive: ClassVar[bool] = False

    image: bytes | Path
    caption: str
    alt: str

    def png(self) -> bytes:
        """The bytes of the image.

        Raises:
          UserError: the file cannot be read.
        """
        if isinstance(self.image, bytes):
            return self.image
        try:
            return Path(self.image).read_bytes()
        except OSError as error:
            raise UserError(f"the figure {self.image} cannot be read: {error.strerror}") from error

    @property
    def address(self) -> str:
        """The image as a data address."""
        return data_address(self.png())


def data_address(image: bytes) -> str:
    """An image as a data address, which a page holds in place of a file.

    Raises:
      UserError: the bytes are those of no PNG or JPEG file.
    """
    for start, kind in _KINDS.items():
        if image.startswith(start):
            return f"data:image/{kind};base64,{base64.b64encode(image).decode('ascii')}"
    raise UserError("a figure of a page is not a PNG or JPEG file")


def write_report(
    path: Path,
    *,
    title: str,
    summary: Mapping[str, Any],
    result_table: Table | None,
    figures: Mapping[str, Drawing],
    subtitle: str = "",
    verdict: Verdict | None = None,
    tables: Mapping[str, Table] | None = None,
    alarms: Sequence[str] = (),
    config: str = "",
) -> Path:
    """Writes a page.

    Images, styles and the script of an embedding map stand in the file, which loads nothing. All
    text is escaped.

    Args:
      path: of the page, or an existing folder for `report.html`.
      title: heading of the page, such as the experiment's name.
      summary: facts, in order: short ones become tiles, and longer ones lines of their own below.
      result_table: the evaluation results, or None if there are none yet.
      figures: what is drawn, by heading, in order.
      subtitle: a line below the title.
      verdict: the first sentence of the page, or None.
      tables: further tables by name, such as those of other protocols, shown after the results.
      alarms: warnings about failures and suspicious metrics, shown above the results.
      config: the resolved experiment as text, collapsed at the end of the page.

    Returns:
      The path of the page.

    Raises:
      UserError: a figure's file is missing or is not an image.
      Unwritable: the page cannot be written.
    """
    path = Path(path)
    facts = {str(name): str(value) for name, value in summary.items()}
    text = render(
        "report.html",
        interactive=any(figure.interactive for figure in figures.values()),
        title=title,
        subtitle=subtitle,
        verdict=verdict,
        alarms=alarms,
        tiles={name: value for name, value in facts.items() if len(value) <= _TILE},
        lines={name: value for name, value in facts.items() if len(value) > _TILE},
        result_table=result_table,
        tables=tables or {},
        figures=figures,
        config=config,
    )
    return write_page(path / FILE if path.is_dir() else path, text)
