"""Metrics in further places: all records arrive, failures are named, the run goes on."""

import json
import math
import sqlite3
import sys
import time

import pytest
from tiny_runs import write_experiment

import jssl
from jssl.errors import UserError
from jssl.logging.services import SERVICES
from jssl.logging.sinks import RunFacts, Sink, Sinks
from jssl.logging.writer import MetricsWriter, read_metrics
from jssl.runs.sinks import resolve

RECORD = {"seed": 3, "experiment": {"batch_size": 8, "optimizer": {"name": "sgd"}}}


class Kept(Sink):
    def __init__(self, fail=""):
        self.fail, self.calls = fail, []

    def _call(self, name, *values):
        self.calls.append((name, *values))
        if name == self.fail:
            raise OSError(f"no\nroute to {name}")

    def open(self, run):
        self._call("open", run)

    def write(self, step, scalars):
        self._call("write", step, dict(scalars))

    def close(self):
        self._call("close")


def facts(folder, start=0):
    return RunFacts(folder, "image/own", "0123456789abcdef", RECORD, start)


def test_every_record_arrives_and_the_files_stay_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("jssl.logging.writer.time.time", lambda: 1e9)
    sink, warned = Kept(), []
    for name, sinks in (
        ("with", lambda: Sinks([sink], facts(tmp_path), warned.append)),
        ("", None),
    ):
        with MetricsWriter(tmp_path / f"run{name}", tensorboard=False, sinks=sinks) as writer:
            writer.write(1, {"loss": 0.5, "nan": math.nan})
            writer.write(2, {"loss": 0.25})
    same = [(tmp_path / f"run{name}" / "metrics.jsonl").read_bytes() for name in ("with", "")]
    assert same[0] == same[1]
    assert [call[0] for call in sink.calls] == ["open", "write", "write", "close"]
    assert sink.calls[2] == ("write", 2, {"loss": 0.25}) and not warned


@pytest.mark.parametrize("at", ["open", "write", "close"])
def test_a_sink_that_fails_is_dropped_with_one_sentence(at, tmp_path):
    bad, good, warned = Kept(at), Kept(), []
    sinks = lambda: Sinks([bad, good], facts(tmp_path), warned.append)  # noqa: E731
    with MetricsWriter(tmp_path, tensorboard=False, sinks=sinks) as writer:
        for step in (1, 2):
            writer.write(step, {"loss": 1.0})
    (warning,) = warned
    assert "the sink Kept cannot be" in warning and f"OSError: no route to {at}" in warning
    assert "\n" not in warning
    assert [call[0] for call in bad.calls].count(at) == 1
    assert [call[0] for call in good.calls] == ["open", "write", "write", "close"]
    assert len(read_metrics(tmp_path)) == 2


def test_a_user_sink_is_one_class_named_by_its_file(tmp_path):
    path = tmp_path / "my_sink.py"
    path.write_text(
        "from jssl.logging.sinks import Sink\n"
        "class Mine(Sink):\n    seen = []\n"
        "    def write(self, step, scalars):\n        self.seen.append(step)\n"
        "class Broken:\n    def write(self, step, scalars): pass\n"
        "class Needs:\n    def __init__(self, key): pass\n"
    )
    (sink,) = resolve([f"{path}:Mine"])
    sink.open(None)
    sink.write(4, {})
    assert type(sink).seen == [4] and sink.close() is None
    given = Kept()
    assert resolve([given, Kept])[0] is given
    for name, words in {
        f"{path}:Other": "has no class Other",
        f"{path}:Broken": "has no open and no close",
        f"{path}:Needs": "key",
        f"{tmp_path / 'none.py'}:Mine": "none.py",
        "no_such_module:Mine": "PYTHONPATH",
        "wandbb": "did you mean 'wandb'",
        ":": "module:Class",
    }.items():
        with pytest.raises(UserError, match=words):
            resolve([name])
    with pytest.raises(UserError, match="sinks=\\['wandb'\\]"):
        resolve("wandb")


@pytest.mark.parametrize("name", SERVICES)
def test_a_missing_package_is_named_before_the_run_begins(name, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match=rf"pip install 'jssl\[{name}\]'"):
        jssl.train("image/simclr_digits", tmp_path / "run", sinks=[name], log=lambda line: None)
    assert not (tmp_path / "run").exists()


def test_a_run_sends_what_it_writes_and_says_what_it_is(tmp_path):
    sink = Kept()
    said = []
    experiment = str(write_experiment(tmp_path))
    options = {"sinks": [sink, Kept("write")], "log_every": 3, "evaluate": False}
    jssl.train(experiment, tmp_path / "run", devices=1, log=said.append, **options)
    (_, run), *writes, closed = sink.calls
    assert run.folder == tmp_path / "run" and run.record["seed"] == 0
    assert run.fingerprint == run.record["fingerprint"]
    rows = [{"step": step, **scalars} for _, step, scalars in writes]
    written = [{k: v for k, v in row.items() if k != "time"} for row in read_metrics(run.folder)]
    assert rows == written and closed == ("close",)


def service(name, folder, *, start=0, steps=(1, 2)):
    (sink,) = resolve([name])
    warned = []
    sinks = Sinks([sink], facts(folder, start), warned.append)
    for step in steps:
        sinks.write(step, {"loss": 1 / step, "probe/knn": math.nan})
    sinks.close()
    assert not warned


@pytest.mark.filterwarnings("ignore")
def test_wandb_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    service("wandb", tmp_path)
    (file,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    until = time.monotonic() + 30  # the service's own process writes the file
    while b"probe/knn" not in file.read_bytes() and time.monotonic() < until:
        time.sleep(0.2)
    assert b"probe/knn" in file.read_bytes() and b"batch_size" in file.read_bytes()


@pytest.mark.filterwarnings("ignore")
def test_mlflow_file_store_of_an_interrupted_run(tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'store.db'}")
    from mlflow.tracking import MlflowClient

    try:
        MlflowClient().search_experiments()
    except Exception:  # the small package has no database
        monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
        monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    service("mlflow", tmp_path, steps=(1, 2, 3))
    service("mlflow", tmp_path, start=1, steps=(2, 3, 4))
    (note,) = tmp_path.glob("mlflow.json")
    run = json.loads(note.read_text())["run_id"]
    client = MlflowClient()
    assert [m.step for m in client.get_metric_history(run, "loss")] == [1, 2, 3, 4]
    found = client.get_run(run)
    assert found.data.params["optimizer.name"] == "sgd" and found.info.status == "FINISHED"


@pytest.mark.filterwarnings("ignore")
def test_trackio_local(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    pytest.importorskip("trackio")
    service("trackio", tmp_path)
    (file,) = (tmp_path / "trackio").glob("*.db")
    with sqlite3.connect(file) as database:
        rows = database.execute("select step from metrics order by step").fetchall()
    assert [step for (step,) in rows] == [1, 2]
