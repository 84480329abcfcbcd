"""Ways in which a file can be wrong, by its type: what the walk over data sources tries.

A mutation takes the content of a file and returns others: (name of the case, new content). Names
begin with the kind: empty, cut, NaN, inf, huge, wrong dialect, permuted, missing, duplicated.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

Case = tuple[str, bytes | None]
"""Name of the case and the new content; None for a file that is gone."""

NUMBERS = {"NaN": "nan", "inf": "-inf", "huge": "1e39"}
TEXTS = {".csv", ".tsv", ".txt", ".ts", ".off", ".fasta", ".json", ".index", ".data"}
TEXTS |= {".jsonl", ".ply", ".obj"}
SAME = ("permuted", "wrong dialect: marked", "wrong dialect: CRLF", "wrong dialect: big-endian")
"""Cases that carry the same meaning: they are refused, or give the same examples."""


def mutate(path: Path, raw: bytes, *, named: bool) -> Iterator[Case]:
    """The cases of a file.

    Args:
      path: of the file.
      raw: its content.
      named: whether the columns of a CSV file are known by their names.
    """
    yield "missing", None
    yield "empty", b""
    yield "empty: a line", b"\n"
    yield "cut: in half", raw[: len(raw) // 2]
    yield "cut: at the end", raw[:-3]
    yield "cut: at the beginning", raw[7:]
    yield "wrong dialect: bits", raw[: len(raw) // 2] + b"\xff\xfe\x00" + raw[len(raw) // 2 :]
    yield "wrong dialect: web page", b"<!DOCTYPE html>\n<html><body>404</body></html>\n"
    suffix = path.suffix
    if suffix == ".gz":
        yield "duplicated: member", raw + raw
        yield "wrong dialect: unpacked", gzip.decompress(raw)
        inner = path.with_suffix("")
        for case, content in mutate(inner, gzip.decompress(raw), named=named):
            if content is not None:
                yield case, gzip.compress(content, 1, mtime=0)
    if suffix in TEXTS:
        yield from _text(raw.decode(), suffix)
    if suffix == ".csv":
        yield from _csv(raw.decode(), named)
    if suffix == ".json" and all(isinstance(value, list) for value in json.loads(raw).values()):
        yield from _json(json.loads(raw))
    if suffix == ".npz":
        yield from _npz(raw)
    if suffix == ".wav":
        yield from _wav(raw)
    if suffix == ".png":
        yield from _png(raw)


def _text(text: str, suffix: str) -> Iterator[Case]:
    yield "wrong dialect: marked", b"\xef\xbb\xbf" + text.encode()
    yield "wrong dialect: CRLF", text.replace("\n", "\r\n").encode()
    yield "wrong dialect: UTF-16", text.encode("utf-16")
    yield "wrong dialect: latin-1", text.encode() + b"\xe9t\xe9\n"
    yield "wrong dialect: NUL", text.encode()[:-1] + b"\0\n"
    yield "wrong dialect: quotes", text.replace("\n", '\n"', 2).encode()
    lines = text.splitlines(keepends=True)
    yield "duplicated: lines", "".join([*lines, *lines[len(lines) // 2 :]]).encode()
    yield "duplicated: file", (text + text).encode()
    yield "missing: lines", "".join(lines[: max(len(lines) // 3, 1)]).encode()
    yield "missing: a line", "".join(lines[:-2] + lines[-1:]).encode()
    yield "empty: header alone", lines[0].encode()
    for old in (",", "\t", ";", ":", " "):
        new = ";" if old != ";" else ","
        if old in text:
            yield f"wrong dialect: {new!r} for {old!r}", text.replace(old, new).encode()
            yield f"missing: {old!r}", text.replace(old, "").encode()
    # The last number and one in the first half.
    found = [m for m in re.finditer(r"(?<![\w.-])-?\d+(\.\d+)?(?![\w.-])", text)]
    places = {len(found) - 1, min(len(found) // 3, len(found) - 1)}
    for k in sorted(places) if found else ():
        for name, value in (*NUMBERS.items(), ("huge: whole", str(2**70)), ("huge: below 0", "-7")):
            start, end = found[k].span()
            yield f"{name}: number {k}", (text[:start] + value + text[end:]).encode()


def _csv(text: str, named: bool) -> Iterator[Case]:
    rows = list(csv.reader(io.StringIO(text)))

    def written(rows: list[list[str]]) -> bytes:
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(rows)
        return out.getvalue().encode()

    width = len(rows[0])
    for k in sorted({0, width // 2, width - 1}):
        missing = [[*row[:k], "", *row[k + 1 :]] for row in rows[1:]]
        yield f"empty: column {k}", written([rows[0], *missing])
        yield f"missing: column {k}", written([[*row[:k], *row[k + 1 :]] for row in rows])
        yield f"duplicated: column {k}", written([[*row, row[k]] for row in rows])
        for name, value in NUMBERS.items():
            row = rows[len(rows) // 2]
            changed = [*row[:k], value, *row[k + 1 :]]
            middle = len(rows) // 2
            yield f"{name}: column {k}", written([*rows[:middle], changed, *rows[middle + 1 :]])
    yield "missing: a cell", written([*rows[:-1], rows[-1][:-1]])
    yield "duplicated: a cell", written([*rows[:-1], [*rows[-1], rows[-1][-1]]])
    yield "empty: long cell", written([*rows[:-1], ["x" * 200_000, *rows[-1][1:]]])
    if named:
        yield "permuted: columns", written([row[::-1] for row in rows])
        yield "permuted: first column last", written([[*row[1:], row[0]] for row in rows])


def _json(found: dict) -> Iterator[Case]:
    def written(value: object) -> bytes:
        return json.dumps(value).encode()

    yield "wrong dialect: list", written([found])
    yield "wrong dialect: number", b"3"
    yield "wrong dialect: deep", b"[" * 100_000
    turned = {key: [dict(reversed(one.items())) for one in found[key]] for key in reversed(found)}
    yield "permuted: keys", written(turned)
    for key, entries in found.items():
        yield f"missing: {key}", written({k: v for k, v in found.items() if k != key})
        yield f"empty: {key}", written({**found, key: []})
        yield f"wrong dialect: {key}", written({**found, key: {"a": 1}})
        yield f"duplicated: {key}", written({**found, key: [*entries, *entries]})
        for field, value in entries[0].items():
            less = {k: v for k, v in entries[0].items() if k != field}
            yield f"missing: {key} {field}", written({**found, key: [less, *entries[1:]]})
            values = {"NaN": float("nan"), "inf": float("inf"), "huge": 1 << 70, "empty": ""}
            values |= {"missing: null": None, "wrong dialect: list": [value], "empty: blank": " \t"}
            for name, new in {**values, "wrong dialect: half a letter": "\ud800"}.items():
                changed = {**entries[0], field: new}
                yield f"{name}: {key} {field}", written({**found, key: [changed, *entries[1:]]})


def _npz(raw: bytes) -> Iterator[Case]:
    with np.load(io.BytesIO(raw)) as file:
        arrays = dict(file)

    def written(changed: dict) -> bytes:
        out = io.BytesIO()
        np.savez(out, **changed)
        return out.getvalue()

    yield "permuted: arrays", written(dict(reversed(arrays.items())))
    yield "wrong dialect: Fortran", written({k: np.asfortranarray(v) for k, v in arrays.items()})
    swapped = {k: v.astype(v.dtype.newbyteorder(">")) for k, v in arrays.items()}
    yield "wrong dialect: big-endian", written(swapped)
    yield "empty: archive", written({})
    for key, value in arrays.items():
        cases = {
            "missing": None,
            "empty": value[:0],
            "cut": value[: max(len(value) // 2, 1)] if value.ndim else value,
            "duplicated": np.concatenate([value, value]) if value.ndim else value,
            "wrong dialect: scalar": value.reshape(-1)[0],
            "wrong dialect: axis": value[None],
            "wrong dialect: flat": value.reshape(-1),
            "wrong dialect: texts": value.astype(str),
            "wrong dialect: complex": np.zeros(value.shape, complex),
            "wrong dialect: dates": np.zeros(value.shape, "datetime64[s]"),
            "wrong dialect: records": np.zeros(value.shape, [("a", "i4")]),
        }
        if value.dtype.kind in "iufb":
            for name, number in (("NaN", np.nan), ("inf", np.inf), ("huge", 1e39)):
                cases[name] = _with(value.astype(np.float64), number)
            cases["huge: whole"] = _with(value.astype(np.int64), 2**62)
            cases["huge: 2**32 + 1"] = _with(value.astype(np.int64), 2**32 + 1)
            cases["huge: below 0"] = _with(value.astype(np.int64), -5)
        for name, new in cases.items():
            changed = {k: v for k, v in arrays.items() if k != key}
            yield f"{name}: {key}", written(changed if new is None else {**changed, key: new})


def _with(value: np.ndarray, number: float) -> np.ndarray:
    out = value.copy()
    out.reshape(-1)[out.size // 2] = number
    return out


def _wav(raw: bytes) -> Iterator[Case]:
    def written(body: bytes, coding: int, bits: int, rate: int = 8000, channels: int = 1) -> bytes:
        frame = bits // 8 * channels
        form = struct.pack("<HHIIHH", coding, channels, rate, rate * frame, frame, bits)
        chunks = b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(body))
        return b"RIFF" + struct.pack("<I", 4 + len(chunks) + len(body)) + b"WAVE" + chunks + body

    x = np.frombuffer(raw[44:], "<i2")
    floats = x.astype("<f4") / 32768
    for name, value in (("NaN", np.nan), ("inf", -np.inf), ("huge", 1e30)):
        yield f"{name}: a float", written(_with(floats, value).tobytes(), 3, 32)
    yield "huge: integer scale", written((floats * 32768).tobytes(), 3, 32)
    yield "huge: size", raw[:40] + b"\xf0\xff\xff\x7f" + raw[44:]
    yield "empty: no samples", written(b"", 1, 16)
    yield "empty: silence", written(bytes(len(raw) - 44), 1, 16)
    yield "wrong dialect: int64", written(x.astype("<i8").tobytes(), 1, 64)
    yield "wrong dialect: mu-law", written(raw[44:], 7, 8)
    yield "wrong dialect: rate 0", written(raw[44:], 1, 16, rate=0)
    yield "wrong dialect: rate", written(raw[44:], 1, 16, rate=44100)
    yield "wrong dialect: channels", written(raw[44:], 1, 16, channels=2)
    yield "duplicated: file", raw + raw


def _png(raw: bytes) -> Iterator[Case]:
    image = Image.open(io.BytesIO(raw))

    def written(image: Image.Image, form: str = "PNG") -> bytes:
        out = io.BytesIO()
        image.save(out, form)
        return out.getvalue()

    for mode in ("L", "1", "P", "LA", "RGBA"):
        yield f"wrong dialect: {mode}", written(image.convert(mode))
    grey = np.asarray(image.convert("L"))
    yield "wrong dialect: 16 bits", written(Image.fromarray(grey.astype(np.uint16) * 257))
    yield "wrong dialect: GIF", written(image, "GIF")
    yield "NaN: floats", written(Image.fromarray(np.full((6, 6), np.nan, np.float32)), "TIFF")
    yield "inf: floats", written(Image.fromarray(np.full((6, 6), np.inf, np.float32)), "TIFF")
    yield "empty: narrow", written(Image.new("RGB", (1, 900)))
    head = raw[12:16] + struct.pack(">II", 60_000, 60_000) + raw[24:29]
    yield "huge: size", raw[:12] + head + struct.pack(">I", zlib.crc32(head)) + raw[33:]
