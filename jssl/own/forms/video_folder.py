"""A folder of video files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from jssl.data.file_list import FileList, Listed
from jssl.data.listing import files_in
from jssl.data.video_files import library, read_packets
from jssl.data.video_folder import VIDEOS
from jssl.data.video_list import VideoFiles
from jssl.errors import UserError
from jssl.own.form import Form, Found, OwnOptions, counted
from jssl.own.forms.image_folder import asked_channels


def matches(path: Path) -> bool:
    """Whether a folder holds a video at any depth."""
    return path.is_dir() and next(files_in(path, VIDEOS), None) is not None


def open_folder(path: Path, options: OwnOptions) -> Found:
    """Lists the videos and counts their frames."""
    library()
    files = FileList(str(path), options.label, options.group, options.rule())
    listed = files.listed(VIDEOS)
    facts = dict(options.known or _measure(listed))
    channels = asked_channels(options.channels) or 3
    if channels not in (1, 3):
        raise UserError(f"videos are read as grey or rgb, not with {channels} channels")
    sizes = {part: len(rows) for part, rows in listed.parts.items()}
    low, high = facts["frames"]
    frames = f"{low} frames" if low == high else f"{low} to {high} frames"
    line = counted(
        *(len(listed.files), "videos"), details=frames, classes=listed.classes, held=sizes
    )
    return Found(
        modality="video",
        form="video-folder",
        path=str(path),
        data=VideoFiles(files, channels=channels, size=options.size or 112),
        line=line,
        facts=facts | {"channels": channels},
        classes=listed.classes,
        examples=sizes["train"],
    )


def _measure(listed: Listed) -> dict[str, Any]:
    """Frames of the shortest and of the longest file, from their packets."""
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda f: len(read_packets(listed.root / f).times), listed.files))
    return {"frames": [int(np.min(counts)), int(np.max(counts))]}


FORMS = (Form("video-folder", "video", "a folder of videos", matches, open_folder, priority=20),)
