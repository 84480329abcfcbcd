"""Eight faked CPU devices, quick compilation and a cache of it, set before JAX starts."""

import gc
import os
from pathlib import Path
from typing import Any

import pytest
from xla_flags import known_flags

pytest_plugins = ["budget", "compilation", "tiers"]

ROOT = Path(__file__).resolve().parent.parent

# Tracing makes millions of small objects that are no cycles: at its usual pace the collector takes
# a twentieth of the suite's time.
gc.set_threshold(100_000, 20, 100)

os.environ.setdefault("JAX_PLATFORMS", "cpu")
flags = os.environ.get("XLA_FLAGS", "")
if "xla_force_host_platform_device_count" not in flags:
    flags = f"{flags} --xla_force_host_platform_device_count=8"
if "xla_cpu_use_fusion_emitters" not in flags:
    flags = " ".join([flags, *known_flags(ROOT / ".jax_cache")])
os.environ["XLA_FLAGS"] = flags.strip()
# Nearly all of the suite's time is compilation, which takes half as long without optimisations;
# tests of programs as users compile them are marked `optimised`.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "true")
# Compiled programs are shared by the workers of pytest-xdist and by later runs.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".jax_cache"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")

from jax._src import compilation_cache  # noqa: E402

_cached = compilation_cache.get_executable_and_time


def _of_one_device(key: str, options: Any, *rest: Any) -> tuple:
    """A program from the cache, or (None, None): to be compiled.

    Read back, a program of several faked devices has lost the order of its collectives, and its
    devices wait for each other for ever (jaxlib 0.10.2; jssl/training/batches.py has the other way
    to get there). JAX has no setting that says which programs are kept.
    """
    build = options.executable_build_options
    several = build.num_replicas * build.num_partitions > 1
    return (None, None) if several else _cached(key, options, *rest)


compilation_cache.get_executable_and_time = _of_one_device
_put = compilation_cache.put_executable_and_time


def _put_of_one_device(key: str, name: str, executable: Any, *rest: Any) -> None:
    """Writes a program into the cache, unless it would not be read again (see above)."""
    if len(executable.local_devices()) == 1:
        _put(key, name, executable, *rest)


compilation_cache.put_executable_and_time = _put_of_one_device


def pytest_collection_finish(session: pytest.Session) -> None:
    """Modules and collected tests stay for the whole run: the collector need not visit them."""
    gc.collect()
    gc.freeze()
