"""Checkpoints: exact, strict, on any mesh, and never lost to damage or a full disk."""

import errno
import gc
import json
import random
import subprocess
import sys
import time
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jssl.core.state import TrainState, paths
from jssl.errors import UserError
from jssl.training import checksums, sharding
from jssl.training.checkpoint import Checkpoints

# Orbax drops its coroutines when a read or a write fails.
DROPS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
TX = optax.sgd(0.1, momentum=0.9)


def make(step: int, *, width: int = 32, name: str = "kernel") -> TrainState:
    params = {"dense": {name: np.random.default_rng(step).normal(size=(64, width))}}
    params = jax.tree.map(lambda x: np.asarray(x, np.float32), params)
    return TrainState(
        step=np.int32(step),
        params=params,
        opt_state=jax.tree.map(np.asarray, TX.init(params)),
        stats={},
        memory={"teacher": params, "mean": np.full(3, 0.1 * step, np.float32)},
    )


def on(state: TrainState, devices: int = 1, fsdp: int = 1) -> TrainState:
    mesh = sharding.make_mesh(devices, fsdp)
    rules = sharding.FSDP if fsdp > 1 else sharding.REPLICATE
    return sharding.put(state, sharding.state_shardings(state, mesh, rules))


def target(state: TrainState, devices: int = 1, fsdp: int = 1) -> TrainState:
    return jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding),
        on(state, devices, fsdp),
    )


def write(folder: Path, *steps: int, **options) -> None:
    checkpoints = Checkpoints(folder, **options)
    for step in steps:
        checkpoints.save(on(make(step)))
    checkpoints.close()


def read(folder: Path, step: int | None = None):
    checkpoints = Checkpoints(folder)
    try:
        return checkpoints.restore(target(make(0)), step)
    finally:
        checkpoints.close()


def same(a: TrainState, b: TrainState) -> None:
    chex.assert_trees_all_equal(a, b, strict=True)


def damage(folder: Path, step: int) -> Path:
    """Cuts the largest file of a checkpoint in half."""
    files = [path for path in (folder / str(step)).rglob("*") if path.is_file()]
    largest = max(files, key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[: largest.stat().st_size // 2])
    return largest


def test_round_trip_across_meshes(tmp_path: Path) -> None:
    state = make(7)
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.restore(target(state, 8, 4)) == (None, [])
    checkpoints.save(on(state, 8, 4))
    checkpoints.finish()
    for devices, fsdp in ((8, 4), (4, 2), (4, 1), (1, 1)):
        wanted = target(state, devices, fsdp)
        restored, problems = checkpoints.restore(wanted)
        assert problems == []
        same(state, restored)
        for leaf, spec in zip(jax.tree.leaves(restored), jax.tree.leaves(wanted), strict=True):
            assert leaf.sharding.is_equivalent_to(spec.sharding, leaf.ndim)
    checkpoints.close()


def test_buffers_may_be_overwritten_once_save_returns(tmp_path: Path) -> None:
    state = on(make(1))
    expected = make(1)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state)
    advance = jax.jit(lambda s: jax.tree.map(lambda x: x + 1, s), donate_argnums=0)
    for _ in range(3):
        state = advance(state)
    checkpoints.close()
    same(expected, read(tmp_path)[0])


def test_keep_last_and_keep_every(tmp_path: Path) -> None:
    write(tmp_path, 1, 2, 3, 4, 5, 6, 7, keep_last=2, keep_every=3)
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.steps() == [3, 6, 7]
    checkpoints.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3", "6", "7"]
    same(make(3), read(tmp_path, 3)[0])
    same(make(7), read(tmp_path)[0])


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (make(0, name="weight"), r"dense/kernel: this run has no such leaf, the checkpoint has it"),
        (make(0, width=16), r"dense/kernel: this run has it with shape \[64, 16\], the .*64, 32"),
        (
            make(0).replace(memory={"teacher": make(0).params}),
            r"memory/mean: this run has no such leaf, the checkpoint has it with shape \[3\]",
        ),
        (
            make(0).replace(stats={"batch_stats": np.zeros(2, np.float32)}),
            r"stats/batch_stats: this run has it with shape \[2\], the checkpoint has no such leaf",
        ),
    ],
    ids=["renamed", "shape", "superfluous", "missing"],
)
def test_restore_is_strict_and_names_the_leaf(tmp_path: Path, other, sentence: str) -> None:
    write(tmp_path, 5)
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(UserError, match=sentence):
        checkpoints.restore(target(other))
    checkpoints.close()
    same(make(5), read(tmp_path)[0])


def as_before(folder: Path, step: int, *, noted: bool) -> None:
    """Gives a checkpoint the form of version 0.1: checksums beside it, or none if it was killed."""
    metadata = folder / str(step) / "_CHECKPOINT_METADATA"
    content = json.loads(metadata.read_text())
    content["custom_metadata"] = {}
    metadata.write_text(json.dumps(content))
    (folder / str(step) / checksums.NAME).unlink()
    if noted:
        note = json.dumps(checksums.compute(folder / str(step)))
        (folder / f"{step}.checksums.json").write_text(note)


@DROPS
@pytest.mark.parametrize("noted", [True, False], ids=["with checksums", "without"])
def test_a_truncated_checkpoint_falls_back_and_can_be_written_again(
    tmp_path: Path, noted: bool
) -> None:
    write(tmp_path, 1, 2)
    if not noted:
        as_before(tmp_path, 2, noted=False)
    cut = damage(tmp_path, 2)
    checkpoints = Checkpoints(tmp_path)
    state, problems = checkpoints.restore(target(make(0)))
    same(make(1), state)
    assert len(problems) == 1
    assert f"checkpoint 2 in {tmp_path} is damaged" in problems[0]
    if noted:
        assert f"{cut.name} has changed" in problems[0]
    assert checkpoints.steps() == [1]
    # Training goes on from step 1 and comes to step 2 again.
    checkpoints.save(on(make(2)))
    checkpoints.close()
    state, problems = read(tmp_path)
    assert problems == []
    same(make(2), state)
    assert list(tmp_path.glob("damaged.2.*")), "what was damaged is put aside, not deleted"
    gc.collect()


def test_a_step_between_is_saved_although_a_later_one_was_damaged(tmp_path: Path) -> None:
    write(tmp_path, 10, 20)
    damage(tmp_path, 20)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.restore(target(make(0)))
    checkpoints.save(on(make(15)))
    checkpoints.close()
    state, problems = read(tmp_path)
    assert problems == []
    assert int(state.step) == 15


@pytest.mark.parametrize("what", ["missing file", "same size"])
def test_other_damage_is_found_too(tmp_path: Path, what: str) -> None:
    write(tmp_path, 1, 2)
    files = [path for path in (tmp_path / "2").rglob("*") if path.is_file()]
    largest = max(files, key=lambda path: path.stat().st_size)
    if what == "missing file":
        largest.unlink()
    else:
        content = bytearray(largest.read_bytes())
        content[len(content) // 2] ^= 1
        largest.write_bytes(content)
    state, problems = read(tmp_path)
    assert int(state.step) == 1
    assert largest.name in problems[0]


def test_any_flipped_bit_is_found(tmp_path: Path) -> None:
    """In any file of the newest checkpoint, the checksums and Orbax's metadata included."""
    write(tmp_path, 1, 2)
    files = [path for path in sorted((tmp_path / "2").rglob("*")) if path.is_file()]
    draw = random.Random(0)
    for path in files * 4:
        whole = path.read_bytes()
        content = bytearray(whole)
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
        assert checksums.damage(tmp_path / "2") is not None, path
        path.write_bytes(whole)
    assert checksums.damage(tmp_path / "2") is None


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_checkpoint import Checkpoints, make, on
checkpoints = Checkpoints(Path(sys.argv[1]), keep_last=3)
for step in range(1, 100000):
    checkpoints.save(on(make(step)))
    print(step, flush=True)
"""


@pytest.mark.slow
def test_flipped_bits_right_after_a_kill_are_never_restored(tmp_path: Path) -> None:
    """Ten processes that write checkpoints are killed; then a bit of the newest one is flipped."""
    draw = random.Random(0)
    for attempt in range(10):
        folder = tmp_path / str(attempt)
        command = [sys.executable, "-c", WRITER, str(folder), str(Path(__file__).parent)]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for _ in range(draw.randrange(4, 12)):
            writer.stdout.readline()
        time.sleep(draw.uniform(0, 0.05))
        writer.kill()
        writer.wait()
        writer.stdout.close()
        newest = max(int(path.name) for path in folder.iterdir() if path.name.isdigit())
        assert read(folder)[1] == []
        files = [path for path in (folder / str(newest)).rglob("*") if path.is_file()]
        hit = draw.choice(sorted(files))
        content = bytearray(hit.read_bytes())
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        hit.write_bytes(content)
        state, problems = read(folder)
        assert int(state.step) < newest
        same(make(int(state.step)), state)
        assert f"checkpoint {newest} in {folder} is damaged" in problems[0]


def test_a_checkpoint_has_its_checksums_before_it_has_its_name(tmp_path: Path, monkeypatch) -> None:
    seen = []

    def killed(folder: Path) -> None:
        seen.append(sorted(path.name for path in tmp_path.iterdir()))
        raise OSError(errno.EIO, "killed here")

    write(tmp_path, 1)
    with monkeypatch.context() as patch:
        patch.setattr(checksums, "seal", killed)
        with pytest.raises(UserError, match="checkpoint 2 could not be written"):
            write(tmp_path, 2)
    assert len(seen) == 1
    assert "2" not in seen[0]
    assert read(tmp_path)[1] == []
    same(make(1), read(tmp_path)[0])
    write(tmp_path, 2)
    same(make(2), read(tmp_path)[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"], "nothing is left over"


@pytest.mark.parametrize("text", ["{", "[1]", "[]", "{}", None])
@pytest.mark.parametrize("where", ["inside", "beside"])
def test_a_checkpoint_with_damaged_checksums_is_passed_over(
    tmp_path: Path, text: str | None, where: str
) -> None:
    write(tmp_path, 1, 2)
    note = tmp_path / "2" / checksums.NAME
    if where == "beside":
        as_before(tmp_path, 2, noted=True)
        note = tmp_path / "2.checksums.json"
    if text is None:
        note.unlink()
    else:
        note.write_text(text)
    state, problems = read(tmp_path)
    assert len(problems) == 1
    if where == "beside" and text is None:  # the newest one of an earlier version that was killed
        same(make(2), state)
        assert "has no checksums" in problems[0]
    else:
        same(make(1), state)
        assert "checkpoint 2" in problems[0] and "checksums" in problems[0]


def test_a_checkpoint_of_an_earlier_version_is_verified_too(tmp_path: Path) -> None:
    write(tmp_path, 1, 2)
    as_before(tmp_path, 2, noted=True)
    state, problems = read(tmp_path)
    same(make(2), state)
    assert problems == []
    cut = damage(tmp_path, 2)
    state, problems = read(tmp_path)
    same(make(1), state)
    assert f"{cut.name} has changed" in problems[0]


def test_all_damaged_is_an_error_that_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, 1, 2)
    for step in (1, 2):
        damage(tmp_path, step)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError) as caught:
        read(tmp_path)
    for part in ("checkpoint 1", "checkpoint 2", "no whole checkpoint is left"):
        assert part in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before
    with pytest.raises(UserError, match=r"checkpoint 9 .*its folder is missing"):
        read(tmp_path, 9)


@DROPS
def test_a_failed_write_keeps_earlier_checkpoints(tmp_path: Path, monkeypatch) -> None:
    import tensorstore

    write(tmp_path, 1)
    checkpoints = Checkpoints(tmp_path)

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tensorstore, "open", full)
        with pytest.raises(UserError) as caught:
            checkpoints.save(on(make(2)))
            checkpoints.finish()
    for part in (
        "checkpoint 2 could not be written",
        "No space left",
        f"whole checkpoints in {tmp_path}: 1)",
        "goes on from step 1",
    ):
        assert part in str(caught.value)
    checkpoints.close()
    state, problems = read(tmp_path)
    assert problems == []
    same(make(1), state)


@pytest.fixture
def tiny_disk(tmp_path: Path):
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if done.returncode:
        pytest.skip("mounting a small disk takes more rights than there are here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@DROPS
def test_a_full_disk_keeps_earlier_checkpoints(tiny_disk: Path) -> None:
    write(tiny_disk, 1)
    (tiny_disk / "filler").write_bytes(b"x" * 2**18)
    state = make(2, width=1024)
    checkpoints = Checkpoints(tiny_disk)
    with pytest.raises(UserError, match=r"could not be written: No space left .*: 1\)"):
        checkpoints.save(on(state))
        checkpoints.finish()
    checkpoints.close()
    same(make(1), read(tiny_disk)[0])
    gc.collect()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match="cannot open the checkpoints in"):
        Checkpoints(tmp_path / "file")


def test_keys_of_the_state_are_paths(tmp_path: Path) -> None:
    names = paths(make(0))
    assert {"step", "params/dense/kernel", "memory/teacher/dense/kernel"} <= set(names)
    assert any(name.startswith("opt_state/0/trace") for name in names)
    assert all(isinstance(leaf, np.ndarray | np.integer | jnp.ndarray) for leaf in names.values())
