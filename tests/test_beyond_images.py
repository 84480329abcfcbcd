"""Inputs that are no images go all the way: trained, probed while training, measured, reported."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.augmentations.compose import pipeline, sometimes
from jssl.config import experiment
from jssl.data.source import entry
from jssl.errors import UserError
from jssl.evaluation import evaluating
from jssl.methods.base import inputs_of, the_input
from jssl.methods.siamese import interleave_views, split_views
from jssl.runs.loop import Options
from jssl.runs.run import Run
from jssl.studies import session
from jssl.testing.quick import quick_compilation

GRAPH = {"graph/nodes": np.ones((2, 3)), "graph/edges": np.zeros((4, 2), np.int32), "label": 1}


def test_a_field_may_have_parts():
    assert set(entry(GRAPH, "graph")) == {"nodes", "edges"}
    assert entry(GRAPH, "label") == 1
    assert entry(GRAPH, "series") is None
    one = pipeline(sometimes(lambda key, x: {**x, "nodes": 2 * x["nodes"]}, 1.0), field="graph")
    found = one(jax.random.key(0), GRAPH)
    np.testing.assert_array_equal(found["nodes"], 2.0)
    assert found["edges"].dtype == jnp.int32  # numbers of nodes are not scaled like pixels
    with pytest.raises(UserError, match="has no such field"):
        pipeline(field="grahp")(None, GRAPH)


def test_views_of_trees_are_put_together_and_taken_apart():
    a = {"x": jnp.arange(6.0).reshape(3, 2), "n": jnp.arange(3)}
    both = interleave_views(a, jax.tree.map(lambda x: -x, a))
    np.testing.assert_array_equal(both["n"], [0, 0, 1, -1, 2, -2])
    np.testing.assert_array_equal(split_views(both["x"], 2)[1], -a["x"])


def test_a_method_of_one_input_takes_it_under_any_name():
    views = {"index": 0, "mask": 1, "series": 2}
    assert the_input(views) == 2
    assert inputs_of({"b": 3, "a": 4, "label": 5}) == [3, 4]
    with pytest.raises(UserError, match="takes one input"):
        the_input({"a": 1, "b": 2})


def small(name):
    found = experiment.load(name).smoke()
    optimizer = dataclasses.replace(found.optimizer, warmup_epochs=0.0)
    return dataclasses.replace(found, optimizer=optimizer, epochs=0.4, batch_size=8)


@pytest.mark.rotating
def test_graphs_are_probed_measured_and_reported(tmp_path):
    made = small("graph/simclr_motifs")
    data = dataclasses.replace(made.data, train=40)  # ten of each class for the probes
    run = Run(dataclasses.replace(made, data=data), 0, tmp_path / "run")
    options = Options(devices=1, probe_every=1, on_collapse="warn")
    with quick_compilation():
        session.train(run, options, log=lambda line: None)
    assert "raw graph" in run.results.read_text()
    assert "validation_knn" in (run.folder / "metrics.jsonl").read_text()
    assert (run.folder / "report.html").exists()


@pytest.mark.rotating
def test_forecasts_are_measured_without_labels(tmp_path):
    run = Run(small("series/patchtst_etth1"), 0, tmp_path / "run")
    options = Options(devices=1, probe_every=0, on_collapse="warn")
    with quick_compilation():
        session.train(run, options, log=lambda line: None)
        chosen = evaluating.choose(["forecast"], [], None)
        (record,) = evaluating.evaluate_run(run, chosen, options, log=lambda line: None)
    assert set(record.rows) == {"trained", "untrained", "raw series"}
    assert all(np.isfinite(row["mse"]["value"]) for row in record.rows.values())
