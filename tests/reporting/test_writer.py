"""Metrics survive kills and resumes: no line twice, none lost, none half."""

import errno
import json
import math
import os

import jax.numpy as jnp
import numpy as np
import pytest

from jssl.errors import Unwritable, UserError
from jssl.logging.writer import MetricsWriter, put_aside, read_metrics


def write(folder, steps, **kwargs):
    with MetricsWriter(folder, tensorboard=False, **kwargs) as writer:
        for step in steps:
            writer.write(step, {"loss": step / 8})


def steps(folder):
    return [record["step"] for record in read_metrics(folder)]


def test_records_of_every_kind_of_scalar(tmp_path):
    values = {
        "jax": jnp.float32(0.5),
        "numpy": np.float64(0.25),
        "integer": 3,
        "nan": math.nan,
        "up": math.inf,
        "down": jnp.float32(-jnp.inf),
    }
    with MetricsWriter(tmp_path / "new" / "run", tensorboard=False) as writer:
        writer.write(np.int64(4), values)
    line = (tmp_path / "new" / "run" / "metrics.jsonl").read_text()
    json.loads(line, parse_constant=pytest.fail)  # strict JSON, for other programs
    (record,) = read_metrics(tmp_path / "new" / "run")
    assert record["step"] == 4
    assert record["time"] > 1.6e9
    assert [record[k] for k in ("jax", "numpy", "integer")] == [0.5, 0.25, 3]
    assert math.isnan(record["nan"])
    assert (record["up"], record["down"]) == (math.inf, -math.inf)
    (same,) = read_metrics(tmp_path / "new" / "run" / "metrics.jsonl")
    assert same == pytest.approx(record, nan_ok=True)


def test_resume_drops_what_runs_again(tmp_path):
    write(tmp_path, range(10, 60, 10))
    write(tmp_path, range(40, 70, 10), resume_step=30)
    assert steps(tmp_path) == [10, 20, 30, 40, 50, 60]
    write(tmp_path, [70], resume_step=None)
    assert steps(tmp_path) == [10, 20, 30, 40, 50, 60, 70]
    write(tmp_path, [5], resume_step=0)
    assert steps(tmp_path) == [5]
    assert [p.name for p in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_kill_at_every_byte_of_the_last_line(tmp_path):
    write(tmp_path, [1, 2])
    path = tmp_path / "metrics.jsonl"
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole)):
        path.write_bytes(whole[:cut])
        assert steps(tmp_path) == [1]
        write(tmp_path, [2], resume_step=1)
        assert steps(tmp_path) == [1, 2]
    path.write_bytes(whole[:-4] + b"\n")
    assert steps(tmp_path) == [1]


def test_damage_elsewhere_is_a_sentence(tmp_path):
    path = tmp_path / "metrics.jsonl"
    for damage in (b"\x00\xff", b"[]", b'{"loss": 1}', b'{"step": 1, "loss": "low"}'):
        path.write_bytes(b'{"step": 1}\n' + damage + b'\n{"step": 3}\n')
        with pytest.raises(UserError, match=r"line 2 of .*metrics\.jsonl is not a record"):
            read_metrics(tmp_path)
        with pytest.raises(UserError, match="line 2"):
            MetricsWriter(tmp_path, tensorboard=False, resume_step=3)
    assert path.read_bytes().endswith(b'{"step": 3}\n')  # nothing was lost
    with pytest.raises(UserError, match="no metrics at"):
        read_metrics(tmp_path / "elsewhere")


def test_only_the_first_process_writes(tmp_path):
    with MetricsWriter(tmp_path / "run", enabled=False) as writer:
        writer.write(1, {"loss": 1.0})
    assert not (tmp_path / "run").exists()


def test_tensorboard_holds_the_same_scalars(tmp_path):
    with MetricsWriter(tmp_path, resume_step=0) as writer:
        writer.write(7, {"loss": 0.5, "knn/top1": 0.75})
        writer.flush()
    (events,) = (tmp_path / "tensorboard").iterdir()
    from tensorboardX.proto import event_pb2

    data, found = events.read_bytes(), {}
    while data:  # records: length u64, its checksum u32, payload, checksum u32
        length = int.from_bytes(data[:8], "little")
        event = event_pb2.Event.FromString(data[12 : 12 + length])
        found.update({(event.step, v.tag): v.simple_value for v in event.summary.value})
        data = data[16 + length :]
    assert found == {(7, "loss"): 0.5, (7, "knn/top1"): 0.75}


def test_a_run_that_starts_again_drops_every_record(tmp_path):
    write(tmp_path, [0, 10])
    write(tmp_path, [0], resume_step=0)
    assert steps(tmp_path) == [0], "the row of step 0 is not written twice"
    write(tmp_path, [10], resume_step=5)
    assert steps(tmp_path) == [0, 10]


def test_records_without_a_checkpoint_are_put_aside_and_named(tmp_path):
    assert put_aside(tmp_path) is None
    write(tmp_path, [0])
    assert put_aside(tmp_path) is None, "before the first step there is nothing to lose"
    for number in (1, 2):
        write(tmp_path, [10, 20])
        sentence = put_aside(tmp_path)
        assert "up to step 20, but there is no checkpoint" in sentence
        assert f"kept in metrics.before-{number}.jsonl" in sentence
        assert not (tmp_path / "metrics.jsonl").exists()
        assert len(read_metrics(tmp_path / f"metrics.before-{number}.jsonl")) >= 2


@pytest.mark.parametrize("tensorboard", [True, False])
def test_a_full_disk_is_one_error_and_closing_adds_none(tmp_path, monkeypatch, tensorboard):
    def full(descriptor, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    with (
        pytest.raises(Unwritable, match=rf"cannot write {tmp_path}/metrics.jsonl: No space left"),
        MetricsWriter(tmp_path, tensorboard=tensorboard) as writer,
    ):
        writer.write(1, {"loss": 1.0})
        monkeypatch.setattr(os, "write", full)
        writer.write(2, {"loss": 1.0})
    assert steps(tmp_path) == [1]
