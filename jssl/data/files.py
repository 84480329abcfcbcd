"""Safe reading of untrusted files: what may be opened, and the size it may decompress to.

A file may decompress to 1 GiB, or to 20 times its own size if that is more. The environment
variable `JSSL_UNPACK_LIMIT_GB` (in GiB) raises or lowers the first of the two. Uncompressed files
have no limit, since they take no more memory than disk space.
"""

from __future__ import annotations

import lzma
import math
import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from jssl.errors import UserError

UNPACK_LIMIT = "JSSL_UNPACK_LIMIT_GB"
DAMAGED_ZIP = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError)
_RATIO = 20  # beyond what natural data, compressed, unpack to
_CHUNK = 1 << 20
_LONGEST_PATH = 4096  # letters
_SPECIAL = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def special(path: Path) -> str | None:
    """The kind of file a path leads to, following links; None if it is a regular file.

    Raises:
      OSError: there is no such file, including dangling and circular links.
    """
    mode = path.stat().st_mode
    if stat.S_ISREG(mode):
        return None
    return next((name for test, name in _SPECIAL if test(mode)), "no regular file")


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """Opens a regular file to read bytes; a FIFO, which would block forever, is refused.

    Raises:
      UserError: there is no such file, it cannot be opened, or it is a folder, FIFO, socket or
        device.
    """
    try:
        kind = special(path)
    except FileNotFoundError:
        raise UserError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({_reason(error)})") from None
    if kind is not None:
        raise UserError(f"{path} is {kind}, not a regular file; give the path of a file")
    try:
        stream = path.open("rb")
    except OSError as error:
        raise UserError(f"{path} cannot be read ({_reason(error)})") from None
    with stream:
        yield stream


def read_bytes(path: Path) -> bytes:
    """The content of a regular file, unpacked if its name ends in `.gz`.

    Raises:
      UserError: it is missing, no regular file, damaged, or unpacks to more than the limit.
    """
    with open_regular(path) as stream:
        try:
            raw = stream.read()
        except OSError as error:
            raise UserError(f"{path} cannot be read ({_reason(error)})") from None
    return gunzip(raw, path) if path.suffix.lower() == ".gz" else raw


def inside(root: Path, name: str, where: Path | str) -> Path:
    """The path of a file that a list names, relative to a folder.

    A link in the folder may lead out of it, since its owner made it. A listed name may not, since
    the list may come from elsewhere.

    Args:
      root: the folder.
      name: as the list has it.
      where: the list, for messages.

    Raises:
      UserError: the name is empty or absolute, goes up out of the folder, holds a control
        character, or is longer than any path.
    """
    if any(ord(letter) < 32 for letter in name) or len(name) > _LONGEST_PATH:
        raise UserError(
            f"{where} names the file {name[:80]!r}, which holds a control character or is longer "
            f"than {_LONGEST_PATH} letters"
        )
    path = os.path.normpath(name.replace("\\", "/"))
    if not name.strip() or path.split("/")[0] == ".." or os.path.isabs(path):
        raise UserError(
            f"{where} names the file {name!r}, which is not inside {root}; names must be relative "
            "to that folder and stay in it"
        )
    return root / name


def gunzip(raw: bytes, path: Path) -> bytes:
    """Decompresses a gzip file of one or several members, up to the limit.

    Raises:
      UserError: naming the file, when it is damaged, cut short or unpacks to more.
    """
    limit = unpack_limit(len(raw))
    parts, size, rest = [], 0, raw
    try:
        while rest.strip(b"\0"):  # padding may follow the last member
            unpacker = zlib.decompressobj(wbits=31)
            while not unpacker.eof:
                part = unpacker.decompress(rest, _CHUNK)
                rest = unpacker.unconsumed_tail or unpacker.unused_data
                if not part and not rest and not unpacker.eof:
                    raise zlib.error("it is cut short")
                parts.append(part)
                size += len(part)
                if size > limit:
                    raise too_large(path, limit)
            rest = unpacker.unused_data
    except zlib.error as error:
        raise UserError(f"{path} is not a readable gzip file ({error})") from None
    if not parts:
        raise UserError(f"{path} is not a readable gzip file (it is empty)")
    return b"".join(parts)


def check_archive(archive: zipfile.ZipFile, path: Path, members: list[str] | None = None) -> None:
    """Refuses a zip whose members have declared sizes above the limit.

    Python does not read a member beyond its declared size.

    Args:
      archive: the opened file.
      path: its path.
      members: names of those that will be read; None for all.

    Raises:
      UserError: naming the file and the limit.
    """
    infos = [i for i in archive.infolist() if members is None or i.filename in members]
    limit = unpack_limit(path.stat().st_size)
    if sum(info.file_size for info in infos) > limit:
        raise too_large(path, limit)


def unpack_limit(packed: int) -> int:
    """Bytes that a file of `packed` bytes may unpack to.

    Raises:
      UserError: the environment variable holds no positive number.
    """
    return max(int(positive(UNPACK_LIMIT, 1.0) * 2**30), _RATIO * packed)


def positive(variable: str, default: float) -> float:
    """An environment variable that holds a positive number.

    Raises:
      UserError: it holds something else.
    """
    text = os.environ.get(variable)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (0 < value < math.inf):
        raise UserError(f"the environment variable {variable} must be a positive number: {text!r}")
    return value


def too_large(path: Path, limit: int) -> UserError:
    """The error message for a file that decompresses to more than the limit."""
    return UserError(
        f"{path} unpacks to more than {limit / 2**30:.3g} GiB, which a damaged or malicious file "
        f"does too; if it is sound, raise the limit with the environment variable {UNPACK_LIMIT}"
    )


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def check_each(files: Iterable[str], trouble: Callable[[str], str | None]) -> None:
    """Checks every file of a list, several at a time.

    Args:
      files: names of the files.
      trouble: what is wrong with a file, as a sentence; None for a file that can be used.

    Raises:
      UserError: the sentence of the first file that cannot be used, and how many more there are.
    """
    with ThreadPoolExecutor(8) as pool:
        found = [words for words in pool.map(trouble, files) if words]
    if found:
        more = f" (and {len(found) - 1} more files cannot be used)" if len(found) > 1 else ""
        raise UserError(found[0] + more)
