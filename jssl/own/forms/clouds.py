"""Point clouds: files of shapes or scans, or an `.npz` of points."""

from __future__ import annotations

from pathlib import Path

from jssl.data.cloud_source import CloudSource
from jssl.data.listing import files_in
from jssl.data.shape_files import SHAPES
from jssl.own.form import Form, Found, OwnOptions
from jssl.own.peek import array_names
from jssl.own.tally import tallied

_NAMES = {"points", "xyz", "clouds"}
_POINTS, _BLOCK = 512, 5.0  # of a cloud; metres of a block of a scan


def matches(path: Path) -> bool:
    """Whether it is a shape or a scan, a folder with one at any depth, or an `.npz` of points."""
    if path.is_dir():
        return next(files_in(path, SHAPES), None) is not None
    return path.suffix.lower() in SHAPES.suffixes or bool(array_names(path) & _NAMES)


def open_clouds(path: Path, options: OwnOptions) -> Found:
    """Reads the clouds; scans (`.bin`) are cut into blocks."""
    block = options.block
    if block is None and path.suffix.lower() != ".npz":
        first = path if path.is_file() else next(files_in(path, SHAPES))
        block = _BLOCK if first.suffix.lower() == ".bin" else None
    data = CloudSource(
        str(path),
        points=int(options.length or _POINTS),
        block=block or None,
        label=options.label,
        group=options.group,
        split=options.rule(),
    )
    splits = data.load()
    points = splits.train[0]["points/valid"].shape[0]
    what = "clouds" if data.block is None else "blocks of scans"
    details = f"{points} points at most"
    if data.block is not None:
        details = f"{data.block:g} x {data.block:g} on the ground, {details}"
    facts = {"points": points, "block": data.block or 0}
    return tallied("cloud", what, data, splits, details=details, facts=facts)


FORMS = (Form("clouds", "cloud", "point clouds", matches, open_clouds, priority=8),)
