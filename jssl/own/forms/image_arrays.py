"""Images in a `.npz` or `.npy` file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jssl.data.image_arrays import IMAGE_NAMES, ImageArrays
from jssl.data.npz import array_shapes
from jssl.errors import UserError
from jssl.own.form import Form, Found, OwnOptions, counted
from jssl.own.forms.image_folder import asked_channels, described, image_notes
from jssl.own.measure import channel_limits, channel_statistics


def matches(path: Path) -> bool:
    """Whether a file has an array of images: [N, H, W] or [N, H, W, C] under a usual name.

    [N, H, W] of other than bytes is as likely a set of series [N, time, channels].
    """
    if path.suffix.lower() not in (".npz", ".npy"):
        return False
    for name, (shape, dtype) in array_shapes(path).items():
        low = name.lower()
        usual = any(one in low.split("_") for one in IMAGE_NAMES) or low in IMAGE_NAMES
        if usual and (len(shape) == 4 or (len(shape) == 3 and dtype == np.uint8)):
            return True
    return False


def open_arrays(path: Path, options: OwnOptions) -> Found:
    """Reads the file and measures the training split."""
    asked = asked_channels(options.channels)
    if options.bands and asked not in (None, len(options.bands)):
        raise UserError(
            f"--bands keeps {len(options.bands)} bands, and --channels asks for {asked}"
        )
    chosen = {"bands": options.bands, "channels": None if options.bands else asked}
    data = ImageArrays(str(path), 1, (), options.label, options.group, options.rule(), **chosen)
    read = data.read()
    height, width, channels = read.image.shape[1:]
    rows = read.parts["train"]
    facts = dict(options.known or {})
    if not facts:
        limits = []
        if read.image.dtype != np.uint8:
            limits = channel_limits(lambda row: read.image[row], rows)
        size = min(height, width)
        own = ImageArrays(str(path), size, tuple(map(tuple, limits)))
        facts = {
            "size": size,
            "channels": channels,
            "dtype": str(read.image.dtype),
            "limits": limits,
            "sizes": [[height, width], [height, width]],
            "moved": read.moved,
            **channel_statistics(lambda row: own.decoded(read.image[row]), rows),
        }
    data = ImageArrays(
        str(path),
        options.size or facts["size"],
        tuple(map(tuple, facts["limits"])),
        options.label,
        options.group,
        options.rule(),
        **chosen,
    )
    sizes = {part: len(own) for part, own in read.parts.items()}
    line = counted(
        *(len(read.image), "images"),
        details=described(facts),
        classes=read.classes,
        tags=read.tags,
        held=sizes,
    )
    notes = image_notes(facts)
    if read.moved:
        notes = ("the channels stood first and were moved last", *notes)
    return Found(
        *("image", "image-arrays", str(path), data, line, facts, read.classes, sizes["train"]),
        notes=notes,
        tags=read.tags,
    )


FORMS = (
    Form(
        *("image-arrays", "image", "a file of image arrays", matches, open_arrays),
        priority=10,
    ),
)
