"""Online evaluators against those for finished runs, and a loop that does not wait for them."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits
from tiny_runs import write_experiment

from jssl.cli import main
from jssl.data.source import SubsetSource
from jssl.errors import UserError
from jssl.evaluation.collapse import effective_rank
from jssl.evaluation.features import features
from jssl.evaluation.knn import knn_accuracy
from jssl.evaluation.online import Batch, OnlineProbe, centroid, knn, rankme
from jssl.logging.writer import read_metrics
from jssl.runs.loop import Options
from jssl.runs.run import reopen
from jssl.studies import session

pytestmark = pytest.mark.rotating

DIGITS = load_digits()
X, Y = DIGITS.data.astype(np.float32), DIGITS.target


def padded(x, y, more):
    """A batch with rows that do not count: huge, and of a class of their own."""
    x = np.concatenate([x, np.full((more, x.shape[1]), 1e3, np.float32)])
    y = np.concatenate([y, np.full(more, 77)]).astype(np.int32)
    return Batch(jnp.asarray(x), jnp.asarray(y), jnp.arange(len(x)) < len(x) - more)


def test_evaluators_match_those_of_finished_runs():
    bank, queries = padded(X[:400], Y[:400], 5), padded(X[400:600], Y[400:600], 3)
    expected = knn_accuracy(X[:400], Y[:400], X[400:600], Y[400:600], ks=(20,))[20]
    assert float(knn(bank, queries)) == pytest.approx(expected, abs=0.006)
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    means = np.stack([unit[:400][Y[:400] == c].mean(axis=0) for c in range(10)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    right = (unit[400:600] @ means.T).argmax(axis=1) == Y[400:600]
    assert float(centroid(bank, queries)) == pytest.approx(right.mean(), abs=0.006)
    rank = float(effective_rank(X[400:600]))
    assert float(rankme(bank, queries)) == pytest.approx(rank, rel=1e-3)


def test_a_run_records_its_probes_in_order(tmp_path: Path):
    folder = tmp_path / "run"
    command = ["train", str(write_experiment(tmp_path)), "--workdir", str(folder), "--devices", "2"]
    command += ["--no-evaluate", "--log-every", "1", "--probe-every", "4"]
    assert main([*command, "--probes", "knn", "rankme"]) == 0
    rows = read_metrics(folder)
    probes = {row["step"]: row for row in rows if "validation_knn" in row}
    assert list(probes) == [0, 4, 8]
    assert all({"validation_knn", "validation_rankme"} <= row.keys() for row in probes.values())
    steps = [row["step"] for row in rows]
    assert steps == sorted(steps)
    run = reopen(folder, trust=True)
    program, state, splits = session.restore(run, Options(devices=2))
    parts = [SubsetSource(s, np.arange(len(s))) for s in (splits.train, splits.validation)]
    bank, queries = (features(program, state, part) for part in parts)
    expected = knn_accuracy(*bank, *queries, ks=(20,))[20]
    found = OnlineProbe()(program, state, splits)
    assert float(found["validation_knn"]) == pytest.approx(expected, abs=0.01)


def test_an_unknown_probe_is_a_sentence(tmp_path: Path, capsys):
    with pytest.raises(UserError, match="unknown online probe 'knnn': did you mean 'knn'"):
        OnlineProbe(["knnn"])
    command = ["train", str(write_experiment(tmp_path)), "--workdir", str(tmp_path / "run")]
    assert main([*command, "--probes", "nothing"]) == 2
    assert "unknown online probe" in capsys.readouterr().err
