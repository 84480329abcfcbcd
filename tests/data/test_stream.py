import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jssl.data import (
    ArraySource,
    DeviceData,
    ImageFolder,
    Stream,
    SubsetSource,
    batch_indices,
    gather,
    window_indices,
)
from jssl.errors import UserError

N, BATCH = 90, 8


def source():
    image = np.random.default_rng(0).integers(0, 256, (N + 10, 16, 16, 3), dtype=np.uint8)
    whole = ArraySource({"image": image, "label": np.arange(N + 10) % 7})
    return SubsetSource(whole, np.arange(N + 10)[::-1][:N])


def resident(seed, start, count):
    """The device path: one compiled program gathers all steps."""
    data = DeviceData.load(source())
    windows = jnp.asarray(window_indices(seed, start, count, len(data), BATCH))
    batches = jax.jit(jax.vmap(gather, in_axes=(None, 0)))(jax.device_put(data.arrays), windows)
    return [{key: np.asarray(value[k]) for key, value in batches.items()} for k in range(count)]


def same(a, b):
    chex.assert_trees_all_equal(a, b, strict=True)


def settled():
    """Waits until no thread or process of a stream is left."""
    deadline = time.time() + 10
    while time.time() < deadline:
        left = [t.name for t in threading.enumerate() if t.name.startswith("grain")]
        left += multiprocessing.active_children()
        if not left:
            return []
        time.sleep(0.05)
    return left


@pytest.mark.parametrize("workers", [0, 2])
def test_streamed_batches_are_the_device_resident_ones(workers):
    start, count = 7, 9  # crosses an epoch: 11 steps each
    want = resident(3, start, count)
    with Stream(source(), 3, BATCH, start=start, workers=workers) as stream:
        for step, batch in zip(range(count), stream, strict=False):
            same({k: np.asarray(v) for k, v in batch.items()}, want[step])
            index = batch_indices(3, start + step, N, BATCH)
            np.testing.assert_array_equal(batch["index"], index)
            np.testing.assert_array_equal(batch["label"], (N + 9 - index) % 7)
    assert settled() == []


def test_stopping_rows_and_early_close():
    whole = list(Stream(source(), 0, BATCH, start=2, stop=6))
    assert len(whole) == 4
    halves = [
        list(Stream(source(), 0, BATCH, start=2, stop=6, rows=slice(k * 4, k * 4 + 4)))
        for k in range(2)
    ]
    for batch, first, second in zip(whole, *halves, strict=True):
        joined = {key: np.concatenate([first[key], second[key]]) for key in batch}
        same(joined, batch)
    assert list(Stream(source(), 0, BATCH, start=6, stop=6)) == []
    stream = Stream(source(), 0, BATCH)
    next(stream)
    stream.close()
    stream.close()
    assert list(stream) == []
    assert settled() == []


def test_each_host_reads_its_own_rows_only():
    class Counting(ArraySource):
        read = 0

        def __getitem__(self, index):
            Counting.read += np.size(index)
            return super().__getitem__(index)

    list(Stream(Counting({"x": np.arange(64)}), 0, 16, stop=3, rows=slice(4, 8)))
    assert Counting.read == 3 * 4


def test_bad_arguments():
    with pytest.raises(UserError, match=r"batch of 91 .* 90 examples"):
        Stream(source(), 0, 91)
    with pytest.raises(UserError, match="workers must be at least 0, not -1"):
        Stream(source(), 0, 8, workers=-1)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_unreadable_file_is_named_from_any_worker(tmp_path, workers):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(8):
            Image.effect_noise((40, 40), 50).save(tmp_path / name / f"{i}.png")
    bad = tmp_path / "b" / "3.png"
    bad.write_bytes(bad.read_bytes()[:300])
    files = ImageFolder(str(tmp_path), size=8).load().train.source
    with (
        pytest.raises(UserError, match=r"b/3\.png is not a readable image; remove it"),
        Stream(files, 0, 16, stop=2, workers=workers) as stream,
    ):
        list(stream)
    assert settled() == []


PROGRAM = """
import os, sys, time
import multiprocessing
import numpy as np
from jssl.data import ArraySource, Stream

if __name__ == "__main__":
    stream = Stream(ArraySource({"image": np.zeros((64, 64, 64, 3), np.uint8)}), 0, 32, workers=2)
    held = [next(stream), next(stream)]  # one from each worker: both are up
    print(*[child.pid for child in multiprocessing.active_children()], flush=True)
    if sys.argv[1] == "wait":
        time.sleep(60)
"""


@pytest.mark.parametrize("end", ["exit", "kill"])
def test_workers_end_with_their_parent(tmp_path, end):
    """Neither a program that forgets to close nor one that is killed leaves workers behind."""
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    command = [sys.executable, "-W", "error", str(script), "wait" if end == "kill" else "go"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        pids = [int(pid) for pid in program.stdout.readline().split()]
        if len(pids) != 2:
            program.kill()
        assert len(pids) == 2
        if end == "kill":
            program.send_signal(signal.SIGKILL)
        errors = program.stderr.read().decode() if end == "exit" else ""
        program.wait(timeout=60)
    if end == "exit":
        assert program.returncode == 0
        assert errors == ""
    deadline = time.time() + 10
    while any(_alive(pid) for pid in pids) and time.time() < deadline:
        time.sleep(0.1)
    assert not any(_alive(pid) for pid in pids)


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return not os.path.isdir("/proc")


@pytest.mark.slow
def test_a_killed_worker_is_a_sentence():
    with Stream(source(), 0, BATCH, workers=2) as stream:
        next(stream)
        workers = [p for p in multiprocessing.active_children() if "grain" in p.name]
        workers[0].kill()
        with pytest.raises(UserError, match="reads data was killed by signal 9"):
            for _ in range(1000):
                next(stream)


def test_only_the_end_of_a_worker_is_taken_for_one(monkeypatch):
    stream = Stream(source(), 0, BATCH)
    failing = iter(lambda: (_ for _ in ()).throw(RuntimeError("of the source")), None)
    stream._batches[0].close()
    stream._batches[0] = failing
    with pytest.raises(RuntimeError, match="of the source"):
        next(stream)
    stream._batches.clear()
