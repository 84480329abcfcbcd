"""Every data source × {empty, cut, NaN, inf, huge, wrong dialect, permuted, missing, duplicated}.

A damaged file is refused in one sentence that names it, or it is read as examples that are finite
and of the right shape; where the change carries no meaning they are the same examples. A new source
has to be entered in `tiny_sources`.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutations import SAME, Case, mutate
from test_wordpiece import stand_in
from tiny_sources import PROCEDURAL, READERS

import jssl.data
from jssl.data import labels, read_all
from jssl.data.source import Splits
from jssl.errors import UserError

LARGE = 100_000  # bytes, from which on one case of each kind is tried
PARTS = ("train", "validation", "test")
KINDS = ("empty", "cut", "NaN", "inf", "huge", "wrong dialect", "permuted", "missing", "duplicated")


def found_sources() -> set[type]:
    """Public classes of the package whose `load` takes nothing: the data sources."""
    found = set()
    for module in pkgutil.walk_packages(jssl.data.__path__, "jssl.data."):
        for name, one in vars(importlib.import_module(module.name)).items():
            own = inspect.isclass(one) and one.__module__ == module.name and name[0] != "_"
            if own and inspect.isfunction(getattr(one, "load", None)):
                found.add(one)
    return found


def test_every_source_is_walked():
    known = {tiny.source for tiny in READERS} | set(PROCEDURAL)
    lacking = sorted(f"{one.__module__}.{one.__name__}" for one in found_sources() - known)
    assert not lacking, (
        f"{', '.join(lacking)} is not walked: give it a tiny input in tests/data/tiny_sources.py"
    )


@pytest.mark.parametrize("source", PROCEDURAL, ids=lambda source: source.__name__)
def test_what_is_drawn_is_finite(source):
    spec = source((0, 3)) if source.__name__ == "RandomRows" else source()
    splits = (spec.smoke() if hasattr(spec, "smoke") else spec).load()
    assert not _faults(_read(splits, spec), splits, None)


@pytest.mark.rotating
@pytest.mark.parametrize("tiny", READERS, ids=lambda tiny: tiny.name)
def test_damaged_files_are_refused_or_read(tiny, tmp_path, monkeypatch):
    for module in tiny.needs:
        if module == "tokenizers":
            monkeypatch.setitem(sys.modules, module, stand_in())
        else:
            pytest.importorskip(module)
    root = tmp_path / "tiny"
    root.mkdir()
    spec = tiny.make(root)
    splits = spec.load()
    wanted = _read(splits, spec)
    assert not _faults(wanted, splits, None)
    walked, wrong = {}, []
    for path in _chosen(root):
        raw = path.read_bytes()
        relative = path.relative_to(root)
        for case, content in _cases(path, raw, named=tiny.named):
            kind = case.partition(":")[0]
            _put(path, content)
            words = {path.name, *relative.parts[:-1], root.name, path.stem, f"{splits.name}: "}
            verdict = _try(spec, words, wanted, case)
            if verdict:
                wrong.append(f"{relative}, {case}: {verdict}")
            walked[kind] = walked.get(kind, 0) + 1
            _put(path, raw)
        copy = path.with_name(f"copy_of_{path.name}")
        shutil.copy(path, copy)
        words = {copy.name, path.name, *relative.parts[:-1], root.name, f"{splits.name}: "}
        verdict = _try(spec, words, wanted, "duplicated: copy")
        if verdict:
            wrong.append(f"{relative}, a copy beside it: {verdict}")
        copy.unlink()
    after = _read(spec.load(), spec)
    assert not _differ(after, wanted), "the walk did not put the files back"
    assert not wrong, f"{len(wrong)} of {sum(walked.values())} cases:\n" + "\n".join(wrong)
    assert set(walked) <= set(KINDS)


def _cases(path: Path, raw: bytes, *, named: bool) -> Iterator[Case]:
    """The mutations of a file; of a large one the first of each kind."""
    tried = set()
    for case, content in mutate(path, raw, named=named):
        kind = case.partition(":")[0]
        if len(raw) < LARGE or kind not in tried:
            yield case, content
        tried.add(kind)
        if len(raw) >= LARGE and tried >= set(KINDS) - {"permuted"}:
            return


def _chosen(root: Path) -> list[Path]:
    """The first and the last file of each folder and ending, but few of many folders."""
    files: dict[tuple, list[Path]] = {}
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        folder = path.parent.relative_to(root).parts[:1]
        files.setdefault((folder, path.suffix if path.suffix != ".index" else ""), []).append(path)
    chosen = {path for own in files.values() for path in (own[0], own[-1])}
    small = [own for own in files.values() if len(own) <= 8 and own[0].parent == root]
    chosen |= {path for own in small for path in own}
    return sorted(chosen)


def _put(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)


def _try(spec: Any, words: set[str], wanted: dict, case: str) -> str | None:
    """What is wrong with what is said or with the examples; None for nothing."""
    with warnings.catch_warnings():
        for category in (RuntimeWarning, UserWarning, DeprecationWarning):
            warnings.simplefilter("error", category)
        try:
            splits = spec.load()
            found = _read(splits, spec)
        except UserError as error:
            said = str(error)
            if "\n" in said or not any(word in said for word in words):
                return f"the sentence names no file, or is none: {said!r}"
            if re.search(r"\b[A-Z]\w*(Error|Exception)\b", said) or len(said) > 600:
                return f"the sentence is long or holds an exception: {said[:300]!r}"
            return None
        except Exception as error:
            return f"{type(error).__name__}: {error}"[:300]
    wrong = _faults(found, splits, wanted)
    if not wrong and case.startswith(SAME):
        wrong = _differ(found, wanted)
    return wrong


def _read(splits: Splits, spec: Any) -> dict[str, dict[str, np.ndarray]]:
    """All examples; the columns of a table, which are in the order of its file, by their names."""
    found = {part: read_all(getattr(splits, part)) for part in PARTS}
    columns = getattr(getattr(spec, "table", spec), "columns", None)
    if inspect.ismethod(columns):
        order = np.argsort(columns().names)
        for batch in found.values():
            batch["row"] = batch["row"][:, order]
    return found


def _faults(found: dict, splits: Splits, wanted: dict | None) -> str | None:
    """What is wrong with examples: values that are not finite, labels, shapes."""
    for part, batch in found.items():
        for key, value in batch.items():
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                return f"{part} {key} is not finite"
            if value.dtype.kind == "f" and np.abs(value).max(initial=0) > 1e18:
                return f"{part} {key} has {np.abs(value).max()}"
            if not len(value):
                return f"{part} {key} has no examples"
            other = found["train"].get(key)
            if other is None or other.shape[1:] != value.shape[1:] or other.dtype != value.dtype:
                return f"{part} {key} differs from that of train"
            if wanted and (
                key not in wanted[part]
                or wanted[part][key].ndim != value.ndim
                or wanted[part][key].dtype != value.dtype
            ):
                return f"{part} {key} is {value.dtype} {value.shape}"
        known = labels(getattr(splits, part))
        if known is not None:
            classes = splits.classes
            if known.dtype != np.int32 or known.min() < 0 or known.max() >= len(classes):
                return f"{part} has labels outside its {len(classes)} classes"
            if len(classes) > len(np.concatenate([labels(getattr(splits, p)) for p in PARTS])):
                return f"{len(classes)} classes"
    if wanted and {k for b in wanted.values() for k in b} - {k for b in found.values() for k in b}:
        return "a field is lacking"
    return None


def _differ(found: dict, wanted: dict) -> str | None:
    for part, batch in wanted.items():
        if found[part].keys() != batch.keys():
            return f"{part} has the fields {sorted(found[part])}"
        for key, value in batch.items():
            # Cells are numbered by the places of their columns in the file.
            if not key.startswith("cells/") and not np.array_equal(found[part][key], value):
                return f"{part} {key} is not the same"
    return None
