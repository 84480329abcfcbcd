"""Tiny valid inputs of the sources of one's own images, captions and videos; see `tiny_sources`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from jssl.data.captioned_images import CaptionedImages
from jssl.data.file_list import FileList
from jssl.data.image_arrays import ImageArrays
from jssl.data.image_files import ImageFiles
from jssl.data.volumes import VolumeArrays

RANDOM = np.random.default_rng(2)


def _pictures(root: Path, count: int = 12) -> list[str]:
    names = []
    for k in range(count):
        path = root / ["dog", "cat"][k % 2] / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(RANDOM.integers(0, 256, (9, 8, 3), dtype=np.uint8)).save(path)
        names.append(path.relative_to(root).as_posix())
    return names


def labelled(root: Path) -> Any:
    _pictures(root)
    return ImageFiles(files=FileList(str(root)), size=8)


def bands(root: Path) -> Any:
    for k in range(10):
        np.save(root / f"{k}.npy", RANDOM.integers(0, 4000, (8, 8, 5), dtype=np.uint16))
    limits = ((0.0, 4000.0),) * 5
    return ImageFiles(files=FileList(str(root)), size=8, channels=5, limits=limits, bands=True)


def arrays(root: Path) -> Any:
    image = RANDOM.integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
    np.savez(root / "a.npz", image=image)  # a file without labels is as good as one with them
    return ImageArrays(str(root / "a.npz"), 8)


def volumes(root: Path) -> Any:
    volume = RANDOM.integers(0, 4000, (12, 4, 8, 8, 2), dtype=np.uint16)
    np.savez(root / "v.npz", volume=volume)
    return VolumeArrays(str(root / "v.npz"), 8, 4, limits=((0.0, 4000.0),) * 2)


def captions_csv(root: Path) -> Any:
    names = _pictures(root / "images")
    lines = ["file,caption", *(f"{name},a small picture" for name in names)]
    (root / "captions.csv").write_text("\n".join(lines) + "\n")
    return CaptionedImages(str(root / "captions.csv"), str(root / "images"), size=8)


def captions_json(root: Path) -> Any:
    names = _pictures(root / "images")
    images = [{"id": k, "file_name": name} for k, name in enumerate(names)]
    notes = [{"id": k, "image_id": k, "caption": "a small picture"} for k in range(len(names))]
    whole = {"images": images, "annotations": notes}
    (root / "captions.json").write_text(json.dumps(whole))
    return CaptionedImages(str(root / "captions.json"), str(root / "images"), size=8)
