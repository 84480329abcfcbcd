"""The page of a run whose features are given: what it says, without a training."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
from report_records import record, table_records, write_run

from jssl.config import experiment as registry
from jssl.data.source import ArraySource, Splits
from jssl.reporting import embedding_figures, run_page
from jssl.runs.run import Run

BAD = "<script>alert(1)</script>"
ALARM = {"name": "divergence", "cause": "no warm-up", "sentence": "divergence: x", "last_step": 9}


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Writes the page of a run on data with or without labels and gives its text."""

    def features(program, state, source, *, label):
        count = len(source)
        return np.random.default_rng(0).normal(size=(count, 6)), source[np.arange(count)].get(label)

    monkeypatch.setattr(embedding_figures, "features", features)

    def write(records=None, *, labelled=True, protocols=None):
        name = str(tmp_path / "my_<b>_run.py")
        made = dataclasses.replace(registry.load("image/simclr_digits"), name=name)
        folder = write_run(
            tmp_path / "run",
            name=name,
            fingerprint="f",
            losses=(2.0, float("nan")),
            protocols=protocols,
        )
        (folder / "alarms.json").write_text(json.dumps([ALARM]))
        arrays = {"series": np.zeros((12, 5, 1)), "label": np.arange(12) % 2}
        if not labelled:
            del arrays["label"]
        source = ArraySource(arrays)
        splits = Splits(source, source, source, "data", ("cat", BAD) if labelled else ())
        preprocess = SimpleNamespace(field="series")
        program = SimpleNamespace(steps=30, experiment=SimpleNamespace(preprocess=preprocess))
        state = SimpleNamespace(step=20)
        page = run_page.write_run_page(Run(made, 3, folder), program, state, splits, records)
        assert {path.name for path in (folder / "figures").iterdir()} == {
            "loss.png",
            "embedding_map.png",
        }
        return page.read_text()

    return write


def test_a_run_that_was_evaluated(written):
    scores = {"trained": (0.3, 0.02), "untrained": (0.7, 0.02), "raw series": (0.5, 0.02)}
    text = written(table_records(scores))
    assert "<title>my_&lt;b&gt;_run</title>" in text  # the file's name, and not its path
    assert "SimCLR, seed 3" in text
    assert "is worse than the untrained one by 40.0" in text
    for reason in ("Divergence: no warm-up.", "Training stands at step 20 of 30."):
        assert reason in text
    assert "divergence: x. Last seen at step 9." in text
    assert f"{BAD}:" not in text and "&lt;script&gt;alert(1)&lt;/script&gt;: example 1" in text


def test_a_run_whose_labels_do_not_suffice(written):
    text = written()
    assert "have not been evaluated, because class 0 has 6 training examples" in text
    assert "coloured by class" in text


def test_a_run_without_labels(written):
    rows = {"trained": {"RankMe": (5.0, None)}, "untrained": {"RankMe": (4.0, None)}}
    text = written(labelled=False, protocols={"label_free": record("label_free", rows)})
    assert "they have an effective rank of 5 (untrained: 4)" in text
    assert "Protocol label_free" in text
    assert "coloured by k-means clusters" in text
