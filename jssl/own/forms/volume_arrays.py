"""Volumes in a `.npz` or `.npy` file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jssl.data.image_arrays import IMAGE_NAMES
from jssl.data.npz import array_shapes
from jssl.data.volumes import VolumeArrays
from jssl.errors import UserError
from jssl.own.form import Form, Found, OwnOptions, counted
from jssl.own.forms import clip_arrays
from jssl.own.forms.image_folder import asked_channels, image_notes
from jssl.own.measure import channel_limits, channel_statistics


def matches(path: Path) -> bool:
    """Whether a file has an array of volumes: of five axes, or of four if it is called so."""
    if path.suffix.lower() not in (".npz", ".npy") or clip_arrays.matches(path):
        return False
    for name, (shape, _) in array_shapes(path).items():
        words = set(name.lower().split("_")) | {name.lower()}
        called = bool(words & {"volume", "volumes", "video"})
        if (len(shape) == 5 and words & set(IMAGE_NAMES)) or (called and len(shape) == 4):
            return True
    return False


def open_volumes(path: Path, options: OwnOptions) -> Found:
    """Reads the file and measures the training split."""
    asked = asked_channels(options.channels)
    data = VolumeArrays(
        str(path),
        label=options.label,
        group=options.group,
        split=options.rule(),
        bands=options.bands,
    )
    read = data.read()
    depth, height, width, channels = read.image.shape[1:]
    if asked not in (None, channels):
        raise UserError(
            f"--channels asks for {asked} and the volumes of {path} have {channels}; --bands "
            "chooses bands"
        )
    rows, facts = read.parts["train"], dict(options.known or {})
    if not facts:
        limits = []
        if read.image.dtype != np.uint8:
            limits = channel_limits(lambda row: read.image[row], rows)
        size = min(height, width)
        known = {"size": size, "depth": depth, "limits": tuple(map(tuple, limits))}
        own = VolumeArrays(str(path), **known)
        facts = {
            "size": size,
            "channels": channels,
            "dtype": str(read.image.dtype),
            "limits": limits,
            "sizes": [[height, width], [height, width]],
            "frames": [depth, depth],
            **channel_statistics(lambda row: own.decoded(read.image[row]), rows),
        }
    data = VolumeArrays(
        str(path),
        options.size or facts["size"],
        int(options.length or depth),
        tuple(map(tuple, facts["limits"])),
        options.label,
        options.group,
        options.rule(),
        options.bands,
    )
    sizes = {part: len(own) for part, own in read.parts.items()}
    kind = "" if facts["dtype"] == "uint8" else f" of {facts['dtype']}"
    noun = "channel" if channels == 1 else "channels"
    line = counted(
        *(len(read.image), "volumes"),
        details=f"{depth} slices of {width}x{height} pixels, {channels} {noun}{kind}",
        classes=read.classes,
        tags=read.tags,
        held=sizes,
    )
    notes = tuple(note.replace("images", "volumes") for note in image_notes(facts))
    if read.moved:
        notes = ("the channels stood first and were moved last", *notes)
    return Found(
        *("video", "volume-arrays", str(path), data, line, facts, read.classes, sizes["train"]),
        notes=notes,
        tags=read.tags,
    )


FORMS = (Form("volume-arrays", "video", "a file of volumes", matches, open_volumes, priority=15),)
