"""Keeps memory that a step frees for the next step, on a CPU."""

from __future__ import annotations

import ctypes
import sys

# Of malloc.h in glibc.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8


def keep_freed_memory() -> bool:
    """Tells the C library not to return freed memory to the system.

    On a CPU, XLA allocates fresh buffers on each call. They are large, so glibc maps and unmaps
    them each time, and the system zeroes each page when it is first touched: a quarter of the time
    of a step of a small ViT or ResNet (`benchmarks/heap.py`). If freed memory is kept, the next
    call reuses it. The cost is that the memory stays with the process until
    `give_back_freed_memory`.

    This affects the whole process, so only commands call it; a notebook may call it before JAX
    computes anything. If the C library is not glibc, nothing happens.

    Returns:
      Whether the setting was changed.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    # One arena: those of other threads are bounded, and map what exceeds them whatever is set.
    settings = ((_ARENA_MAX, 1), (_MMAP_MAX, 0), (_TRIM_THRESHOLD, -1))
    return all(mallopt(name, value) == 1 for name, value in settings)


def give_back_freed_memory() -> None:
    """Returns unused memory to the system, between training and evaluation or between two models.

    Buffers of other sizes would not fit into the freed ones, and the two would add up.
    """
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
