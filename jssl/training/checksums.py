"""Checksums of a checkpoint, written into its folder before the folder gets its final name.

Orbax writes a checkpoint under a temporary name and commits it by a rename. The checksums are
computed in between, in Orbax's own background thread, so every existing checkpoint has them, no
matter when the process was killed.
"""

from __future__ import annotations

import json
import os
import shutil
import zlib
from pathlib import Path

from orbax.checkpoint.path import atomicity

NAME = "checksums.json"
MARK = {"checksums": NAME}  # in Orbax's metadata of a checkpoint: it was written with checksums
_METADATA = "_CHECKPOINT_METADATA"
_BLOCK = 1 << 24

Checksums = dict[str, list[int]]  # path inside the checkpoint -> [bytes, CRC-32]


class SealedPath(atomicity.AtomicRenameTemporaryPath):
    """Orbax's temporary folder of a checkpoint, given its checksums before the last rename."""

    async def finalize(self) -> None:
        """Completes the folder, adds the checksums, and commits it by a rename."""
        final = self._final_path
        if not final.name.isdigit():  # an item inside a checkpoint: the checkpoint's seal covers it
            await super().finalize()
            return
        # Orbax adds its last files just before its rename, so that rename goes to another
        # temporary name first.
        self._final_path = self._tmp_path.with_name(self._tmp_path.name + ".seal")
        shutil.rmtree(self._final_path, ignore_errors=True)  # of a process that was killed here
        try:
            await super().finalize()
            folder = Path(self._final_path)
        finally:
            self._final_path = final
        seal(folder)
        folder.rename(Path(final))
        _sync(folder.parent)


def seal(folder: Path) -> None:
    """Writes the checksums of all files of a checkpoint into it, and waits for the disk.

    Args:
      folder: of the checkpoint.

    Raises:
      OSError: if a file cannot be read or written.
    """
    with (folder / NAME).open("wb") as file:
        file.write(_encode(compute(folder)))
        file.flush()
        os.fsync(file.fileno())
    _sync(folder)


def compute(folder: Path) -> Checksums:
    """Size and CRC-32 of every file of a checkpoint except the checksums.

    Args:
      folder: of the checkpoint.

    Returns:
      path relative to the folder -> [bytes, CRC-32].
    """
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(folder)): _checksum(path) for path in paths if path != folder / NAME
    }


def damage(folder: Path) -> str | None:
    """What is wrong with the files of a checkpoint.

    Args:
      folder: of the checkpoint.

    Returns:
      A clause that names the file; None if every file is as it was written, or if the checkpoint
      was written without checksums, by an earlier version (see `sealed`).
    """
    if not folder.is_dir():
        return "its folder is missing"
    note = folder / NAME
    beside = folder.with_name(f"{folder.name}.{NAME}")  # where earlier versions put them
    try:
        if note.exists():
            content = note.read_bytes()
            expected = _decode(content)
            if _encode(expected) != content:
                return f"{NAME} has changed since it was written"
        elif _marked(folder):
            return f"{NAME} is missing"
        elif beside.exists():
            note = beside
            expected = _decode(beside.read_bytes())
        else:
            return None
    except (ValueError, TypeError, OSError):
        return "its checksums cannot be read"
    found = compute(folder)
    for name, checksum in expected.items():
        if name not in found:
            return f"{name} is missing"
        if found[name] != checksum:
            return f"{name} has changed since it was written"
    return None


def sealed(folder: Path) -> bool:
    """Whether a checkpoint has checksums; those of versions up to 0.1 may have none."""
    return (folder / NAME).exists() or folder.with_name(f"{folder.name}.{NAME}").exists()


def _marked(folder: Path) -> bool:
    """Whether it was written with checksums; unreadable metadata counts as damage."""
    metadata = json.loads((folder / _METADATA).read_text())
    return MARK.items() <= dict(metadata.get("custom_metadata") or {}).items()


def _checksum(path: Path) -> list[int]:
    size = value = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            size += len(block)
            value = zlib.crc32(block, value)
    return [size, value]


def _encode(checksums: Checksums) -> bytes:
    return json.dumps(checksums, indent=0, sort_keys=True).encode()


def _decode(content: bytes) -> Checksums:
    expected = dict(json.loads(content))
    if not expected:
        raise ValueError("no checksums")
    return expected


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:  # some network file systems sync files only
        pass
    finally:
        os.close(descriptor)
