"""What the system says of this machine: cores, processor and memory."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor() -> str:
    """The processor's name, as the system gives it."""
    for line in _lines("/proc/cpuinfo"):
        if line.startswith(("model name", "Hardware")):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def vector_extensions() -> list[str]:
    """The vector and matrix extensions that matter for speed; [] where the system does not say."""
    known = ["avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve", "bf16"]
    for line in _lines("/proc/cpuinfo"):
        if line.startswith(("flags", "Features")):
            has = set(line.partition(":")[2].split())
            return [name for name in known if name in has]
    return []


def available_memory() -> int | None:
    """Bytes of memory that can be had now; None where the system does not say."""
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemAvailable"):
            return int(line.split()[1]) * 1024
    return None


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return []
