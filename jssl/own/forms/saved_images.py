"""Images of a data set that the Hugging Face `datasets` library saved to disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jssl.data.arrow_files import image_column, is_saved
from jssl.data.images import open_image
from jssl.data.saved_images import EncodedImages, SavedImages
from jssl.data.source import SubsetSource
from jssl.errors import UserError
from jssl.own.form import Form, Found, OwnOptions
from jssl.own.forms.image_folder import asked_channels, described, image_notes
from jssl.own.measure import channel_statistics, spread
from jssl.own.tally import tallied

_HEADERS, _MEASURED_AT = 4096, 224  # images whose headers are read; pixels


def matches(path: Path) -> bool:
    """Whether a saved data set has a column of images."""
    return is_saved(path) and image_column(path) is not None


def open_images(path: Path, options: OwnOptions) -> Found:
    """Reads the images' headers and measures the training split."""
    asked = asked_channels(options.channels)
    if asked not in (None, 1, 3) or options.bands:
        raise UserError(f"the images of {path} are read as grey or rgb")
    chosen = {"label": options.label, "group": options.group, "split": options.rule()}
    data = SavedImages(str(path), **chosen)
    splits = data.load()
    facts = dict(options.known or {})
    if not facts:
        train = splits.train
        rows = np.arange(len(train))
        if isinstance(train, SubsetSource):
            train, rows = train.source, train.indices
        facts = _measure(train, rows, asked)
    data = SavedImages(str(path), options.size or facts["size"], facts["channels"], **chosen)
    return tallied(
        *("image", "images", data, splits),
        details=described(facts),
        facts=facts,
        notes=image_notes(facts),
    )


def _measure(source: EncodedImages, rows: np.ndarray, asked: int | None) -> dict:
    sides, modes = [], set()
    for row in spread(np.arange(len(source)), _HEADERS):
        where = f"{source.where}, row {row + 1}"
        with open_image(source.encoded[row], where=where) as image:
            sides.append(image.size[::-1])
            modes.add(image.mode)
    channels = asked or (1 if modes <= {"L", "1", "I;16"} else 3)
    size = int(np.median(np.min(sides, axis=1)))
    areas = np.prod(sides, axis=1)
    small = EncodedImages(
        source.encoded, source.where, min(size, _MEASURED_AT), channels, source.targets
    )
    return {
        "size": size,
        "channels": channels,
        "dtype": "uint8",
        "limits": [],
        "sizes": [list(map(int, sides[areas.argmin()])), list(map(int, sides[areas.argmax()]))],
        **channel_statistics(lambda row: small[row]["image"], rows),
    }


FORMS = (
    Form("images-saved", "image", "a saved data set of images", matches, open_images, priority=12),
)
