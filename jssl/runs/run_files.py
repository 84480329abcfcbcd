"""Files of a run's folder and what they say of where it ran: `run.json`, versions, hardware."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

import jax

from jssl import __version__
from jssl.errors import Unwritable, UserError
from jssl.runs.run_record import record_trouble

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy", "scikit-learn")


@dataclasses.dataclass(frozen=True)
class Start:
    """The run, or the weights, that a run starts from.

    Attributes:
      folder: its folder, as given by the user; for weights, their path.
      fingerprint: of that run (see `jssl.runs.run.Run.fingerprint`), or of the weights' bytes.
      step: of the checkpoint that is loaded; 0 for weights.
      family: of the weights, "" where it is recognised; None for a run.
    """

    folder: str
    fingerprint: str
    step: int
    family: str | None = None

    def record(self) -> dict[str, Any]:
        """The fields for `run.json`; that of a run names no family."""
        return {key: x for key, x in dataclasses.asdict(self).items() if x is not None}


def read_record(folder: Path) -> dict[str, Any]:
    """`run.json` of a folder; raises `UserError` if it is missing or is no such record."""
    path = Path(folder) / "run.json"
    try:
        text = path.read_text()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"{folder} is not the folder of a run: it has no run.json") from error
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(path, getattr(error, "strerror", None) or str(error)) from error
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    trouble = record_trouble(record)
    if trouble:
        raise _damaged(path, trouble)
    return record


def _damaged(path: Path, why: str) -> UserError:
    return UserError(
        f"{path} is damaged ({why}); restore it from a copy, or start in a new --workdir"
    )


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file atomically."""
    temporary = path.with_name(path.name + ".new")
    try:
        temporary.write_text(json.dumps(value, indent=1) + "\n")
        os.replace(temporary, path)
    except OSError as error:
        raise Unwritable(path, error) from error


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that influence the results."""
    found = {"python": platform.python_version(), "jssl": __version__}
    return found | {name: importlib.metadata.version(name) for name in _PACKAGES}


def hardware() -> str:
    """The hardware of the run, e.g. "8 x cpu (x86_64)"."""
    device = jax.devices()[0]
    kind = platform.machine() if device.platform == "cpu" else device.device_kind
    return f"{jax.device_count()} x {device.platform} ({kind})"


def command() -> str:
    """The command line, with the program's name instead of its path."""
    name = Path(sys.argv[0]).name
    return " ".join(["python -m jssl" if name == "__main__.py" else name, *sys.argv[1:]])


def check_local(folder: Path) -> None:
    """Refuses an address such as `gs://bucket/run` where a run's folder is asked for.

    Taken for a path, it would become a folder named `gs:` on each host.

    Raises:
      UserError: it is an address.
    """
    if re.match(r"[a-z][a-z0-9+.-]+:/", str(folder)):
        raise UserError(
            f"{folder} is an address, and a run's folder lies in a file system that every host "
            "sees: mount the bucket (gcsfuse for Google's) and give the folder where it is mounted"
        )
