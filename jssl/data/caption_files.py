"""COCO's files of captions, read with every image and caption checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jssl.data.notes import shown
from jssl.data.text_files import read_text
from jssl.errors import UserError

_Key = int | str


def read_captions(path: Path) -> tuple[dict[_Key, str], dict[_Key, list[str]]]:
    """The images of a file and their captions.

    Args:
      path: a JSON object with `images` (each with `id` and `file_name`) and `annotations` (each
        with `image_id` and `caption`), also with `.gz`.

    Returns:
      (id -> name of the image's file, id -> its captions, at least one, without blanks around
      them), in the order of `images`.

    Raises:
      UserError: the file is missing or of another form; an id or a file's name occurs twice; a
        caption is null, blank or of an image that is not listed; or an image has no caption.
    """
    try:
        read = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not a file of COCO's captions ({error})") from None
    names: dict[_Key, str] = {}
    for place, one in _records(read, "images", path):
        key, name = _field(one, "id", (int, str), place), _field(one, "file_name", str, place)
        if key in names:
            raise UserError(f"{place}: the id {key!r} occurs twice, here and for {names[key]}")
        names[key] = name
    if not names:
        raise UserError(f"{path} lists no image")
    if len(set(names.values())) < len(names):
        seen: set[str] = set()
        twice = next(n for n in names.values() if n in seen or seen.add(n))
        raise UserError(f"{path} lists the file {twice} under two ids; give each image one")
    said: dict[_Key, list[str]] = {key: [] for key in names}
    blank = []
    for place, one in _records(read, "annotations", path):
        key = _field(one, "image_id", (int, str), place)
        if key not in said:
            raise UserError(f"{place} is of the image {key!r}, which is not among the images")
        if one.get("caption") is None or one["caption"] == "":
            blank.append(names[key])
            continue
        caption = _field(one, "caption", str, place).strip()
        said[key].append(caption) if caption else blank.append(names[key])
    if blank:
        raise UserError(
            f"{path} has {len(blank)} captions that are null or blank, of {shown(blank)}; leave "
            "them out, or write what the image shows"
        )
    bare = [names[key] for key, texts in said.items() if not texts]
    if bare:
        raise UserError(
            f"{path} has no caption of {len(bare)} images: {shown(bare)}; leave those images out, "
            "or give each a caption"
        )
    return names, said


def _records(read: Any, field: str, path: Path) -> list[tuple[str, dict[str, Any]]]:
    """The entries of a list, each with its name for messages."""
    entries = read.get(field) if isinstance(read, dict) else None
    if not isinstance(entries, list):
        raise UserError(f"{path} is not a file of COCO's captions: it has no list {field!r}")
    found = []
    for number, entry in enumerate(entries):
        place = f"{path}, {field}[{number}]"
        if not isinstance(entry, dict):
            raise UserError(f"{place} is no object of JSON")
        found.append((place, entry))
    return found


def _field(entry: dict[str, Any], name: str, kind: Any, place: str) -> Any:
    value = entry.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise UserError(f"{place} needs {name!r}, and has {value!r}")
    return value
