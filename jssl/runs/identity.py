"""Fingerprints of a run's data, code and options, so that it is not resumed with others.

`run.json` keeps a fingerprint of each data split, of the code that the experiment brings (its file
and the modules beside it) and of the options that change numbers. Every command that reopens the
run compares them; see `check`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jssl.config import user_code
from jssl.data.source import ArraySource, Source, Splits, SubsetSource, fingerprint
from jssl.errors import UserError
from jssl.runs.run_files import command, read_record, write_json

if TYPE_CHECKING:
    from jssl.runs.run import Run

KEYS = ("data", "code", "execution")
PARTS = ("train", "validation", "test")
_WHOLE_FILES = 64 << 20  # bytes of files that are read whole; of more, a sample is
_WHOLE_ARRAYS = 1 << 30  # bytes of arrays in memory that are hashed whole
_SAMPLED_FILES, _SAMPLED_ROWS, _ENDS = 64, 4096, 1 << 20


@dataclasses.dataclass(frozen=True)
class Standing:
    """A run's present data, code and options, compared with its record.

    Attributes:
      now: "data", "code" and "execution" as they are at present; plain JSON types.
      changes: clauses that describe the differences from the record; empty if there are none.
      missing: whether the record holds nothing to compare with.
    """

    now: dict[str, Any]
    changes: tuple[str, ...] = ()
    missing: bool = False


# --- what a run is made of ----------------------------------------------------------------------


def data_of(splits: Splits) -> dict[str, Any]:
    """The number of examples and a fingerprint of each split.

    Arrays up to 1 GiB and files up to 64 MiB in total are hashed completely. Of larger data, shapes
    or names and sizes and the content of evenly spaced rows or files are hashed.

    Args:
      splits: the data.

    Returns:
      Part -> {"examples": int, "fingerprint": 16 hexadecimal digits}.
    """
    known: dict[int, str] = {}  # carved parts share their source
    return {
        part: {
            "examples": len(getattr(splits, part)),
            "fingerprint": _digest(getattr(splits, part), known),
        }
        for part in PARTS
    }


def code_of(run: Run) -> dict[str, str]:
    """Fingerprints of the experiment's file and the modules beside it; empty for one that ships."""
    return {} if run.code is None else user_code.digests(run.code)


def execution_of(accumulate: int = 1, approximate: bool = False) -> dict[str, Any]:
    """The options and JAX settings that change results by more than rounding.

    Args:
      accumulate: micro-batches in a step; exact accumulation does not change the result and is not
        recorded.
      approximate: whether micro-batches keep batch statistics of their own.
    """
    precision = jax.config.jax_default_matmul_precision
    return {
        "approximate_accumulation": accumulate if approximate and accumulate > 1 else None,
        "jax_enable_x64": bool(jax.config.jax_enable_x64),
        "jax_default_prng_impl": str(jax.config.jax_default_prng_impl),
        "jax_threefry_partitionable": bool(jax.config.jax_threefry_partitionable),
        "jax_default_matmul_precision": None if precision is None else str(precision),
    }


def _digest(source: Source, known: dict[int, str]) -> str:
    if id(source) not in known:
        known[id(source)] = _hashed(source, known)
    return known[id(source)]


def _hashed(source: Source, known: dict[int, str]) -> str:
    digest = hashlib.sha256()
    if isinstance(source, SubsetSource):
        digest.update(_digest(source.source, known).encode())
        _add_array(digest, source.indices)
    elif isinstance(source, ArraySource):
        for key in sorted(source.arrays):
            digest.update(key.encode())
            _add_array(digest, source.arrays[key])
    else:
        digest.update(f"{len(source)} {fingerprint(source)}".encode())
        state = getattr(source, "__dict__", {})
        if "root" in state and "files" in state:
            _add_files(digest, Path(source.root), [str(name) for name in source.files])
        for name in sorted(state):
            if isinstance(state[name], np.ndarray) and name != "files":
                _add_array(digest, state[name])
    return digest.hexdigest()[:16]


def _add_array(digest: Any, array: np.ndarray) -> None:
    digest.update(f"{array.dtype.str}{array.shape}".encode())
    if array.nbytes > _WHOLE_ARRAYS and array.ndim:
        array = array[_spread(len(array), _SAMPLED_ROWS)]
    if array.dtype.hasobject:
        digest.update(repr(array.tolist()).encode())
    elif array.size:
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def _add_files(digest: Any, root: Path, names: list[str]) -> None:
    try:
        sizes = [(root / name).stat().st_size for name in names]
        for name, size in zip(names, sizes, strict=True):
            digest.update(f"{name} {size}\n".encode("utf-8", "surrogateescape"))
        whole = sum(sizes) <= _WHOLE_FILES
        for i in range(len(names)) if whole else _spread(len(names), _SAMPLED_FILES):
            with (root / names[i]).open("rb") as file:
                digest.update(file.read(-1 if whole else _ENDS))
                if not whole and sizes[i] > _ENDS:
                    file.seek(max(sizes[i] - _ENDS, _ENDS))
                    digest.update(file.read())
    except OSError as error:
        raise UserError(f"cannot read {error.filename or root}: {error.strerror}") from error


def _spread(length: int, most: int) -> np.ndarray:
    """At most the given number of evenly spaced positions below a length, both ends included."""
    return np.unique(np.linspace(0, max(length - 1, 0), min(most, length)).astype(np.int64))


# --- comparing ----------------------------------------------------------------------------------


def check(
    run: Run,
    data: Mapping[str, Any],
    execution: Mapping[str, Any] | None,
    *,
    training: bool = False,
    log: Callable[[str], None] = print,
) -> Standing:
    """Compares a run's data, code and options with its record.

    Args:
      run: the run; one without a record yet has nothing to compare.
      data: see `data_of`.
      execution: see `execution_of`; None where nothing is trained.
      training: whether the run is about to be trained further.
      log: prints a line.

    Returns:
      The standing.

    Raises:
      UserError: something differs, and `run.accept_changes` is not set.
    """
    now = {"data": dict(data), "code": code_of(run)}
    if execution is not None:
        now["execution"] = dict(execution)
    if not run.record_path.exists():
        return Standing(now)
    record = read_record(run.folder)
    if record["fingerprint"] != run.fingerprint:
        return Standing(now)  # another run altogether, which `Run.open` says better
    if not any(key in record for key in KEYS):
        log(
            f"note: {run.record_path} holds no fingerprint of data and code (an older jssl wrote "
            "it), so changes of these since then are not noticed"
        )
        return Standing(now, missing=True)
    changes = _data_changes(record.get("data"), now["data"])
    changes += _code_changes(run, record.get("code"), now["code"])
    if execution is not None:
        changes += _execution_changes(record.get("execution"), now["execution"])
    if changes and not run.accept_changes:
        way = ", choose another --workdir," if training else ""
        raise UserError(
            f"{run.folder} was trained on something else than there is now: {'; '.join(changes)}; "
            f"bring that back{way} or add --accept-changes to go on"
        )
    if changes:
        log(f"accepted: {'; '.join(changes)}")
    return Standing(now, tuple(changes))


def note(run: Run, standing: Standing, *, training: bool = False) -> None:
    """Records accepted changes, new fingerprints and the data's new place in a run's record.

    Args:
      run: the run.
      standing: see `check`.
      training: whether the run is trained further, on what there is now.

    Raises:
      UserError: the record of a run that is trained cannot be written.
    """
    if jax.process_index() or not run.record_path.exists():
        return
    record = read_record(run.folder)
    elsewhere = run.own is not None and (record.get("own") or {}).get("path") != run.own.path
    if not (standing.changes or (training and standing.missing) or elsewhere):
        return
    if elsewhere:
        record["own"] = run.own.record()
    if standing.changes:
        earlier = record.setdefault("accepted_changes", [])
        entry = {
            "changes": list(standing.changes),
            "trained_on": training,
            "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "command": command(),
        }
        same = ("changes", "trained_on")
        if any(all(one.get(key) == entry[key] for key in same) for one in earlier):
            if not training:
                return
        else:
            earlier.append(entry)
    if training:
        record |= standing.now
        run.copy_code(keep=True)
    with contextlib.nullcontext() if training else contextlib.suppress(UserError):
        write_json(run.record_path, record)  # a folder that is only read may be read-only


def accepted(record: Mapping[str, Any]) -> list[str]:
    """One sentence for each change that was accepted since the run began."""
    return [
        f"{'Trained on' if one['trained_on'] else 'Read'} after an accepted change: "
        f"{'; '.join(one['changes'])} ({one['time']})."
        for one in record.get("accepted_changes", [])
    ]


def _data_changes(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> list[str]:
    if old is None:
        return []
    found = []
    for part in PARTS:
        before, after = old[part]["examples"], new[part]["examples"]
        if before != after:
            found.append(f"the {part} split had {before} examples and has {after}")
        elif old[part]["fingerprint"] != new[part]["fingerprint"]:
            found.append(f"the {part} split has {after} examples as before, but not the same")
    return found


def _code_changes(run: Run, old: Mapping[str, str] | None, new: Mapping[str, str]) -> list[str]:
    if old is None:
        return []
    found = []
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            found.append(f"{name} is no longer part of the experiment")
        elif name not in old:
            found.append(f"{name} is new in the experiment")
        elif old[name] != new[name]:
            here, kept = run.code.parent / name, run.source / name
            if not user_code.same_code(kept, here):
                found.append(f"{here} has changed{user_code.first_difference(kept, here)}")
    return found


def _execution_changes(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> list[str]:
    if old is None:
        return []
    found = []
    for name in sorted(old.keys() & new.keys()):
        if old[name] != new[name]:
            if name == "approximate_accumulation":
                was, now = (
                    f"--accumulate {n} --approximate-accumulation" if n else "exact accumulation"
                    for n in (old[name], new[name])
                )
                found.append(f"it was trained with {was}, now with {now}")
            else:
                found.append(f"{name} was {old[name]}, is {new[name]}")
    return found
