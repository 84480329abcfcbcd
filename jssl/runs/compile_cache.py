"""A cache of compiled programs in the user's cache folder, so that a command compiles once only."""

from __future__ import annotations

import os
import sys
from pathlib import Path

MAX_BYTES = 2 * 2**30


def default_folder() -> Path:
    """Where compiled programs are kept: `jssl/programs` in the user's cache folder."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "jssl" / "programs"


def enable(folder: Path | None = None) -> Path | None:
    """Makes JAX keep compiled programs on disk and read them back in later processes.

    JAX's own cache does the work: its key covers the program, its options, the versions and the
    devices, so a program that is read back is the one that would be compiled. At `MAX_BYTES` the
    least recently used programs are deleted. A cache that the user has configured
    (`JAX_COMPILATION_CACHE_DIR`) is left alone, and so are several faked devices on a CPU: a
    program of theirs loses the order of its collectives when it is read back, and its devices wait
    for each other for ever (jaxlib 0.10.2).

    Args:
      folder: where to keep them; `default_folder()` if None.

    Returns:
      The folder in use; None if there is no cache.
    """
    import jax

    configured = jax.config.jax_compilation_cache_dir
    if configured:
        return Path(configured)
    if jax.default_backend() == "cpu" and jax.device_count() > 1:
        return None
    folder = folder or default_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # a home that cannot be written, as in many containers
        return None
    if not os.access(folder, os.W_OK):
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_compilation_cache_max_size", MAX_BYTES)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    return folder


def size(folder: Path | None = None) -> tuple[int, int]:
    """(number of programs, bytes) in the cache; (0, 0) if there is none."""
    files = _files(folder or default_folder())
    return sum(path.name.endswith("-cache") for path in files), sum(_bytes(p) for p in files)


def clear(folder: Path | None = None) -> int:
    """Deletes the cached programs and returns the number of bytes freed.

    Only files that JAX's cache writes are deleted, whatever else the folder holds.
    """
    freed = 0
    for path in _files(folder or default_folder()):
        freed += _bytes(path)
        path.unlink(missing_ok=True)
    return freed


def _files(folder: Path) -> list[Path]:
    names = ("*-cache", "*-atime", ".lockfile")
    return sorted(path for name in names for path in folder.glob(name) if path.is_file())


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # another process has just deleted it
        return 0
