"""Images with captions: a folder with COCO's JSON or a CSV of path and text, or that file."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from jssl.data.captioned_images import TEXT_COLUMNS, CaptionedImages
from jssl.data.file_table import FILE_COLUMNS
from jssl.data.image_files import IMAGES
from jssl.data.listing import files_in
from jssl.errors import UserError
from jssl.own.form import Form, Found, OwnOptions, counted
from jssl.own.forms.image_folder import asked_channels, described, image_notes, measure_images

_HEAD = 1 << 16  # bytes that are looked at
_LONGEST = 128  # bytes that captions are cut to
_DEPTH = ("*", "*/*")  # where a folder's file of captions may lie


def matches(path: Path) -> bool:
    """Whether a path is a file of captions, or a folder with exactly one and images."""
    if path.is_file():
        return _captions(path)
    return len(_files(path)) == 1 and next(files_in(path, IMAGES), None) is not None


def open_captions(path: Path, options: OwnOptions) -> Found:
    """Reads the captions and measures the images."""
    file = path
    if path.is_dir():
        files = _files(path)
        if len(files) != 1:
            names = ", ".join(str(f.relative_to(path)) for f in files) or "none"
            raise UserError(f"{path} needs one file of captions (COCO's JSON or CSV), not {names}")
        file, folder = files[0], path
    else:
        up = (file.parent, file.parent.parent)
        folder = next((one for one in up if next(files_in(one, IMAGES), None)), file.parent)
    data = CaptionedImages(
        str(file),
        str(folder),
        options.columns[0] if options.columns else None,
        options.group,
        options.rule(),
    )
    listed, texts = data.read()
    facts = dict(options.known or {})
    if not facts:
        facts = measure_images(listed, asked_channels(options.channels))
        facts["captions"] = max(map(len, texts))
        lengths = [len(text.encode(errors="replace")) for own in texts for text in own]
        facts["length"] = min(_LONGEST, -(-int(np.quantile(lengths, 0.95)) // 16) * 16)
    data = CaptionedImages(
        *(data.path, data.folder, data.column, data.group, data.split),
        size=options.size or facts["size"],
        channels=facts["channels"],
        captions=min(facts["captions"], 5),
        length=facts["length"],
        limits=tuple(map(tuple, facts["limits"])),
        bands=facts["bands"],
    )
    sizes = {part: len(rows) for part, rows in listed.parts.items()}
    total = sum(map(len, texts))
    line = counted(
        *(len(texts), f"images with {total} captions"),
        details=described(facts),
        classes=(),
        held=sizes,
    )
    return Found(
        *("caption", "captions", str(path), data, line.replace(", no labels", ""), facts, ()),
        examples=sizes["train"],
        notes=image_notes(facts),
    )


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = [f for pattern in _DEPTH for f in folder.glob(pattern)]
    return sorted(f for f in found if f.is_file() and _captions(f))


def _captions(file: Path) -> bool:
    """Whether a file begins as one of captions does."""
    suffix = file.suffix.lower()
    if suffix not in (".json", ".csv", ".tsv"):
        return False
    try:
        with file.open("rb") as stream:
            head = stream.read(_HEAD).decode("utf-8-sig", errors="replace")
            if suffix == ".json":
                tail = head
                if len(head) >= _HEAD:
                    stream.seek(-_HEAD, 2)
                    tail = stream.read().decode(errors="replace")
                return '"caption"' in head + tail and '"image' in head + tail
    except OSError:
        return False
    first = head.splitlines()[0] if head.strip() else ""
    delimiter = "\t" if "\t" in first else ";" if first.count(";") > first.count(",") else ","
    names = {
        name.strip().lower() for row in csv.reader([first], delimiter=delimiter) for name in row
    }
    return bool(names & set(TEXT_COLUMNS)) and bool(names & set(FILE_COLUMNS) - {"name", "id"})


FORMS = (
    Form(
        *("captions", "caption", "a file of captions and its images", matches, open_captions),
        priority=30,
    ),
)
