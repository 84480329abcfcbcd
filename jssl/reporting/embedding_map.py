"""The interactive map of a run's features: points, their texts and thumbnails.

The page holds all of it. `templates/map.js` shows the thumbnail and the text of the point that is
nearest to the pointer; without scripts, the browser shows the text.
"""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from PIL import Image

from jssl.core.terminal import one_line
from jssl.data.source import Source, SubsetSource, paths_of, tags
from jssl.data.text import VOCABULARY, to_text
from jssl.reporting import figures
from jssl.reporting.page import data_address
from jssl.reporting.visible import visible

_THUMB = 48  # longest side of a thumbnail, in pixels
_SMALL = 16  # up to which images are kept as they are
_MARGIN = 30  # of the plane, whose width is 1000
_LETTERS = 160  # of a text that is shown


class Point(NamedTuple):
    """A point of the map: its place on the plane, colour, class and text."""

    x: float
    y: float
    colour: str
    label: int
    text: str


@dataclass(frozen=True)
class EmbeddingMap:
    """Two-dimensional points, coloured by class, each with a text and perhaps a thumbnail.

    Attributes:
      points: [N, 2], the output of `figures.embed_2d`.
      labels: int [N].
      classes: the names of the classes or clusters.
      texts: what is shown of each point besides its class; N of them, perhaps "".
      caption: the caption below.
      alt: what the map shows, for screen readers.
      sprite: PNG or JPEG of all thumbnails in rows, or None.
      size: width and height of a thumbnail, in pixels.
      columns: thumbnails in a row.
    """

    template: ClassVar[str] = "map.html"
    interactive: ClassVar[bool] = True

    points: np.ndarray
    labels: np.ndarray
    classes: Sequence[str]
    texts: Sequence[str]
    caption: str
    alt: str
    sprite: bytes | None = None
    size: tuple[int, int] = (0, 0)
    columns: int = 1

    def png(self) -> bytes:
        """The map as a PNG file, without texts."""
        return figures.embedding_map(self.points, self.labels, self.classes)

    @functools.cached_property
    def sprite_address(self) -> str:
        """The thumbnails as a data address."""
        return data_address(self.sprite or b"")

    @property
    def listed(self) -> bool:
        """Whether the classes are few enough for a legend."""
        return 1 < len(self.classes) <= figures.LISTED

    @functools.cached_property
    def _colours(self) -> list[str]:
        return figures.class_colours(len(self.classes))

    def colour(self, label: int) -> str:
        """The colour of a class, "#rrggbb"."""
        return self._colours[label]

    @functools.cached_property
    def _places(self) -> np.ndarray:
        """The points on a plane 1000 wide, with a margin; the longer side of the map lies flat."""
        points = np.asarray(self.points, np.float64)
        spread = np.ptp(points, axis=0)
        if spread[1] > spread[0]:
            points = points[:, ::-1]
        # One scale for both axes: a map has no units, and distances compare.
        scale = (1000 - 2 * _MARGIN) / max(float(spread.max()), 1e-12)
        return _MARGIN + scale * (points - points.min(axis=0))

    @property
    def height(self) -> int:
        """The height of the plane; its width is 1000."""
        return max(math.ceil(float(self._places[:, 1].max())) + _MARGIN, 2 * _MARGIN)

    def placed(self) -> list[Point]:
        """The points of the map, in their order."""
        found = []
        for (x, y), label, text in zip(self._places, self.labels, self.texts, strict=True):
            said = ": ".join(part for part in (self.classes[label], text) if part)
            place = round(float(x), 1), round(float(y), 1)
            found.append(Point(*place, self.colour(label), int(label), said))
        return found


def thumbnails(images: np.ndarray) -> tuple[bytes, tuple[int, int], int]:
    """All images, made small, in rows of one image.

    Args:
      images: [N, H, W, C], uint8 or float in [0, 1]; see `jssl.reporting.visible`.

    Returns:
      PNG bytes (JPEG of images that had to be made smaller), the width and the height of one, and
      the number in a row.
    """
    count, height, width, _ = images.shape
    shrink = min(1.0, _THUMB / max(height, width))
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    columns = math.ceil(math.sqrt(count))
    sheet = Image.new("RGB", (columns * size[0], math.ceil(count / columns) * size[1]))
    for index, stored in enumerate(images):
        pixels = np.round(255 * visible(stored)).astype(np.uint8)
        image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        place = index % columns * size[0], index // columns * size[1]
        sheet.paste(image.resize(size, Image.Resampling.LANCZOS), place)
    buffer = io.BytesIO()
    if max(height, width) <= _SMALL:
        sheet.save(buffer, format="PNG")
    else:
        sheet.save(buffer, format="JPEG", quality=82)
    return buffer.getvalue(), size, columns


def texts_of(source: Source, field: str, names: Sequence[str] = ()) -> list[str]:
    """What is shown of each example besides its class: a file's name, or the beginning of a text.

    Where an example has several labels, their names follow.

    Args:
      source: of the examples.
      field: the field that the encoder reads.
      names: of the labels of which an example may have several.

    Returns:
      A text for each example, such as "photos/cat 3.png" or "example 7".
    """
    texts = _titles(source, field)
    several = tags(source) if names else None
    if several is None:
        return texts
    return [
        f"{text} ({', '.join(name for name, has in zip(names, row, strict=True) if has)})"
        for text, row in zip(texts, several, strict=True)
    ]


def _titles(source: Source, field: str) -> list[str]:
    files = paths_of(source)
    if files is not None:
        return [one_line(name) for name in files]
    if field == "text":
        tokens = source[np.arange(len(source))][field]
        if int(tokens.max(initial=0)) < VOCABULARY:  # bytes; numbers of pieces go beyond
            return [_excerpt(to_text(row)) for row in tokens]
    indices = source.indices if isinstance(source, SubsetSource) else range(len(source))
    return [f"example {index}" for index in indices]


def _excerpt(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= _LETTERS else text[: _LETTERS - 1] + "…"
