"""A folder of image files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from jssl.data.bands import Header, pick, read_bands, read_header
from jssl.data.file_list import FileList, Listed
from jssl.data.image_files import IMAGES, ImageFiles, ImageFileSource
from jssl.data.listing import files_in
from jssl.errors import UserError
from jssl.own.form import Form, Found, OwnOptions, counted, thousands
from jssl.own.measure import channel_limits, channel_statistics, spread

_MEASURED_AT = 224  # pixels; larger images are measured at this size
_HEADERS = 4096  # that are read before training; all are checked when the data are loaded
CHANNELS = {"grey": 1, "gray": 1, "rgb": 3, "rgba": 4}


def matches(path: Path) -> bool:
    """Whether a folder holds an image at any depth."""
    return path.is_dir() and next(files_in(path, IMAGES), None) is not None


def open_folder(path: Path, options: OwnOptions) -> Found:
    """Lists the images, reads their headers and measures the training split."""
    files = FileList(str(path), options.label, options.group, options.rule())
    listed = files.listed(IMAGES)
    asked = asked_channels(options.channels)
    facts = dict(options.known or measure_images(listed, asked, options.bands))
    data = ImageFiles(
        files,
        size=options.size or facts["size"],
        channels=facts["channels"],
        limits=tuple(map(tuple, facts["limits"])),
        bands=facts["bands"],
        select=options.bands,
    )
    sizes = {part: len(rows) for part, rows in listed.parts.items()}
    line = counted(
        len(listed.files),
        "images",
        details=described(facts),
        classes=listed.classes,
        tags=listed.tag_names,
        held=sizes,
    )
    if listed.labels_from:
        line += f" ({listed.labels_from})"
    return Found(
        *("image", "image-folder", str(path), data, line, facts, listed.classes, sizes["train"]),
        notes=image_notes(facts),
        tags=listed.tag_names,
    )


def asked_channels(text: str | None) -> int | None:
    """The number of channels that `--channels` asks for; None for those of the files.

    Raises:
      UserError: it is neither a number nor a known name.
    """
    if text is None:
        return None
    known = CHANNELS.get(str(text).lower())
    if known is None and not (str(text).isdigit() and int(text) >= 1):
        raise UserError(f"--channels takes a number, grey, rgb or rgba, not {text!r}")
    return known or int(text)


def described(facts: Mapping[str, Any]) -> str:
    """Channels, depth and sizes, for the line."""
    channels = {1: "grey", 3: "RGB"}.get(facts["channels"], f"{facts['channels']} bands")
    depth = "" if facts["dtype"] == "uint8" else f" of {facts['dtype']}"
    low, high = facts["sizes"]
    sizes = _size(low) if low == high else f"{_size(low)} to {_size(high)}"
    return f"{channels}{depth}, {sizes} pixels"


def _size(sides: list[int]) -> str:
    return f"{sides[1]}x{sides[0]}"


def measure_images(
    listed: Listed, asked: int | None, select: tuple[int, ...] = ()
) -> dict[str, Any]:
    """Everything that is measured of images; see `Found.facts`.

    Args:
      listed: the files.
      asked: number of channels; None for that of the files.
      select: numbers of the bands that are kept, from 1; () for all.
    """
    headers = _headers(listed)
    if select:
        channels, bands, dtype = _selected(headers, asked, select)
    else:
        channels, bands, dtype = _reading(headers, asked, listed)
    sides = np.array([(h.height, h.width) for h in headers])
    areas = sides.prod(axis=1)
    shorter = sides.min(axis=1)
    rows = listed.parts["train"]
    limits: list[list[float]] = []
    if bands and dtype != "uint8":

        def raw(row: int) -> np.ndarray:
            file = listed.root / listed.files[row]
            return (
                pick(read_bands(file), select, None, file) if select else read_bands(file, channels)
            )

        limits = channel_limits(raw, rows)
    size = int(np.median(shorter))
    source = ImageFileSource(
        *(listed, min(size, _MEASURED_AT), channels, tuple(map(tuple, limits)), bands, select)
    )
    return {
        "size": size,
        "channels": channels,
        "bands": bands,
        "dtype": dtype,
        "limits": limits,
        "sizes": [sides[areas.argmin()].tolist(), sides[areas.argmax()].tolist()],
        **channel_statistics(lambda row: source[row]["image"], rows),
    }


def _headers(listed: Listed) -> list[Header]:
    chosen = spread(np.arange(len(listed.files)), _HEADERS)
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda i: read_header(listed.root / listed.files[i]), chosen))


def _selected(
    headers: list[Header], asked: int | None, select: tuple[int, ...]
) -> tuple[int, bool, str]:
    """(channels, True, dtype) where bands are chosen."""
    if asked not in (None, len(select)):
        raise UserError(f"--bands keeps {len(select)} bands, and --channels asks for {asked}")
    deep = sorted({h.dtype for h in headers} - {"uint8"})
    return len(select), True, deep[0] if deep else "uint8"


def _reading(headers: list[Header], asked: int | None, listed: Listed) -> tuple[int, bool, str]:
    """(channels, whether bands are kept, dtype) for all files."""
    found = Counter(h.channels for h in headers)
    deep = [h for h in headers if h.dtype != "uint8"]
    photographs = not deep and all(n <= 4 for n in found)
    if photographs and asked in (1, 3):
        return asked, False, "uint8"
    if photographs and asked is None:
        return (1 if set(found) == {1} else 3), False, "uint8"
    if len(found) > 1 and asked != 4:
        odd = found.most_common()[-1][0]
        place = next(i for i, h in enumerate(headers) if h.channels == odd)
        chosen = spread(np.arange(len(listed.files)), _HEADERS)
        raise UserError(
            f"{listed.root / listed.files[chosen[place]]} has {odd} channels and others have "
            f"{found.most_common(1)[0][0]}; all images need the same"
        )
    channels = asked if asked == 4 else found.most_common(1)[0][0]
    if asked is not None and asked != channels:
        raise UserError(
            f"--channels asks for {asked} and the images of {listed.root} have {channels}; --bands "
            "chooses bands"
        )
    dtypes = {h.dtype for h in headers}
    return channels, True, "uint8" if not deep else sorted(dtypes - {"uint8"})[0]


def image_notes(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Sentences about what is done with the images."""
    notes = []
    low, high = facts["sizes"]
    if low != high:
        notes.append(
            "images differ in size: the shorter side is resized, then the centre is cropped"
        )
    if facts["limits"]:
        notes.append(
            f"values of {facts['dtype']} become [0, 1] by the 0.1 and 99.9 % quantiles of each "
            "channel of the training split"
        )
    notes.append(f"normalisation is measured on {thousands(facts['measured_on'])} training images")
    return tuple(notes)


FORMS = (Form("image-folder", "image", "a folder of images", matches, open_folder, priority=10),)
