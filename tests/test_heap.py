"""Memory kept between steps: page faults of a large buffer taken, freed and taken again."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.optimised

PROGRAM = """
import ctypes, resource, sys, threading
from jssl.runs.malloc import keep_freed_memory
if sys.argv[1] == "kept" and not keep_freed_memory():
    print(-1), sys.exit()
c = ctypes.CDLL(None)
c.malloc.restype, c.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
c.free.argtypes = [ctypes.c_void_p]
size = 200 * 2**20  # more than an arena of a thread holds
def fill():
    place = c.malloc(size)
    ctypes.memset(place, 1, size)
    c.free(place)
def work():
    fill()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    fill()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
thread = threading.Thread(target=work)  # XLA's buffers are taken by threads of its own
thread.start(), thread.join()
"""


def faults(way: str) -> int:
    command = [sys.executable, "-c", PROGRAM, way]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_a_freed_buffer_is_found_again_by_the_next_call():
    if faults("anew") < 100:
        pytest.skip("this C library keeps freed memory, or maps pages that are huge")
    kept = faults("kept")
    if kept < 0:
        pytest.skip("this C library has no mallopt")
    assert kept < 100
