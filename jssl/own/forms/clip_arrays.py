"""Clips, or volumes as clips of their slices, in a `.npz` file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jssl.data.npz import array_shapes
from jssl.data.video import Clips
from jssl.errors import UserError
from jssl.own.form import Form, Found, OwnOptions, counted

_NAMES = ("video", "train_video")


def matches(path: Path) -> bool:
    """Whether a file has bytes `video` or `train_video`, [N, T, H, W] or [N, T, H, W, C].

    Arrays of other types, or of other than 1 or 3 channels, are volumes (`volume_arrays`).
    """
    if path.suffix.lower() != ".npz":
        return False
    shapes = array_shapes(path)
    return any(_is_clip(*shapes[name]) for name in _NAMES if name in shapes)


def _is_clip(shape: tuple[int, ...], dtype: np.dtype) -> bool:
    return dtype == np.uint8 and (len(shape) == 4 or (len(shape) == 5 and shape[4] in (1, 3)))


def open_clips(path: Path, options: OwnOptions) -> Found:
    """Reads the clips; splits that the file lacks are drawn at random, by class."""
    if options.group is not None or options.split_by not in (None, "random"):
        raise UserError(
            f"the clips of {path} are split at random only; a file with train_video and test_video "
            "brings splits of its own"
        )
    if options.test_share != options.validation_share:
        raise UserError(
            f"the clips of {path} have one share for both splits: give --validation-share and "
            "--test-share the same value"
        )
    data = Clips(str(path), options.validation_share, options.seed)
    splits = data.load()
    frames, height, width, channels = np.shape(splits.train[0]["video"])
    if options.size not in (None, height):
        raise UserError(f"the clips of {path} have {height} pixels, and are not resized")
    sizes = {p: len(getattr(splits, p)) for p in ("train", "validation", "test")}
    kind = {1: "grey", 3: "RGB"}[channels]
    return Found(
        modality="video",
        form="clip-arrays",
        path=str(path),
        data=data,
        line=counted(
            *(sum(sizes.values()), "clips"),
            details=f"{frames} frames, {kind}, {width}x{height} pixels",
            classes=splits.classes,
            held=sizes,
        ),
        facts={"frames": [frames, frames], "channels": channels, "size": min(height, width)},
        classes=splits.classes,
        examples=sizes["train"],
    )


FORMS = (Form("clip-arrays", "video", "a file of clips", matches, open_clips, priority=20),)
