"""Memory that a step frees is kept for the next step, on a CPU."""

from __future__ import annotations

import ctypes
import sys

# Of malloc.h in glibc.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8


def keep_freed_memory() -> bool:
    """Tells the C library not to hand freed memory back to the system.

    On a CPU, XLA takes the buffers of a step anew at every call. They are large, so that glibc
    maps them and unmaps them each time, and the system fills each page with zeros when it is
    touched: a quarter of a step of a small ViT or ResNet (`benchmarks/heap.py`). Kept, the next
    call finds them. The price: memory stays with the process until `give_back_freed_memory`.

    It acts on the whole process, so that only commands call it; a notebook may, before JAX
    computes anything. Where the C library is not glibc it does nothing.

    Returns:
      Whether it was done.
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
    """Hands to the system what is kept but unused: between training and evaluation, or two models.

    Buffers of another size would not fit where the old ones were, and the two would add up.
    """
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
