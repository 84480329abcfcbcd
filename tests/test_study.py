"""A study runs what is missing, leaves what is there, and judges gains by their margins."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import write_experiment

from jssl.config import experiment as registry
from jssl.errors import UserError
from jssl.studies import suite
from jssl.studies.suite import BenchmarkSuite, Case, Protocol

ROOT = Path(__file__).resolve().parent.parent
CASES = (
    Case("contrastive/simclr", "image/simclr_digits", margin=5.0),
    Case(
        "distillation/byol",
        "image/simclr_digits",
        ("epochs=1",),
        "linear",
        known_failures="all of it",
    ),
)
STUDY = BenchmarkSuite(CASES, Protocol(overrides=("batch_size=32",), examples=(300, 100, 200)))
# Gains of 6, 8, 7 by kNN for the first and of 1, 2, 3 by the linear probe for the second.
SCORES = {
    ("contrastive/simclr", s): {"knn": 0.2 + g, "linear": 0.2}
    for s, g in enumerate((0.06, 0.08, 0.07))
} | {
    ("distillation/byol", s): {"knn": 0.9, "linear": 0.2 + g}
    for s, g in enumerate((0.01, 0.02, 0.03))
}


@pytest.fixture
def calls(monkeypatch) -> list[tuple[str, int]]:
    """What was run, with records that need no training."""
    made = []

    def run(self: BenchmarkSuite, case: Case, seed: int, log: object = print) -> dict:
        made.append((case.method, seed))
        before = {"knn": 0.2, "linear": 0.2}
        after = SCORES[case.method, seed]
        return {
            "method": case.method,
            "seed": seed,
            "fingerprint": self.fingerprint(case, seed),
            "scores": {"trained": {"test": after}, "untrained": {"test": before}},
            "steps": 7,
            "views_per_second": 100.0,
            "hardware": "1 x cpu",
            "versions": {"jax": "0"},
        }

    monkeypatch.setattr(BenchmarkSuite, "run", run)
    return made


def test_only_what_is_missing_or_stale_is_run(tmp_path: Path, calls) -> None:
    suite.work(STUDY, tmp_path, seeds=(0, 1))
    assert calls == [(e.method, s) for s in (0, 1) for e in CASES]
    suite.work(STUDY, tmp_path, seeds=(0, 1, 2), methods=["distillation/byol"])
    assert calls[4:] == [("distillation/byol", 2)]
    # Another value of the protocol makes every record stale.
    other = BenchmarkSuite(CASES, Protocol(overrides=("batch_size=64",), examples=(300, 100, 200)))
    assert not suite.records(other, tmp_path)
    suite.work(other, tmp_path)
    assert calls[5:] == [(e.method, 0) for e in CASES]
    with pytest.raises(UserError, match="no method 'distillation/boyl'"):
        suite.work(STUDY, tmp_path, methods=["distillation/boyl"])


def test_the_table_judges_by_the_entrys_probe(tmp_path: Path, calls) -> None:
    folder = tmp_path / "records"
    suite.work(STUDY, folder, seeds=(0, 1, 2))
    suite.write_table(STUDY, folder, tmp_path / "table", "Title", ["A note."])
    first, second = json.loads((tmp_path / "table.json").read_text())["methods"]
    np.testing.assert_allclose(first["gain"], [7.0, 1.0], atol=1e-9)
    np.testing.assert_allclose(second["gain"], [2.0, 1.0], atol=1e-9)
    assert (first["cleared"], second["cleared"]) == (True, False)
    text = (tmp_path / "table.md").read_text()
    assert "| +7.0 ± 1.0 | 5 | yes | 0 1 2 |" in text
    assert "- distillation/byol: all of it" in text


def test_a_run_leaves_the_records_of_its_protocols(tmp_path: Path) -> None:
    case = Case("mine", str(write_experiment(tmp_path)), ("epochs=0.1",), "knn")
    study = BenchmarkSuite((case,), Protocol(examples=(300, 100, 200), strengths=(0.01, 0.1)))
    said: list[str] = []
    record = json.loads(json.dumps(study.run(case, 0, said.append)))
    assert [one["protocol"]["name"] for one in record["records"]] == ["knn", "linear"]
    knn, linear = record["records"]
    assert {one["data"]["splits"]["test"]["size"] for one in record["records"]} == {200}
    assert list(knn["rows"]["untrained"]) == ["k=20"]
    assert linear["protocol"]["settings"]["strengths"] == [0.01, 0.1]
    assert (
        suite.accuracy(record, "trained", "linear") == linear["rows"]["trained"]["linear"]["value"]
    )
    assert record["validation"]["trained"]["knn"] != suite.accuracy(record, "trained", "knn")
    assert f"{100 * record['validation']['trained']['knn']:.1f}" in said[0]
    found = suite.summary(case, [record])
    gain = suite.accuracy(record, "trained", "knn") - suite.accuracy(record, "untrained", "knn")
    assert found["gain"] == [pytest.approx(100 * gain), None]


def test_a_table_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no record"):
        suite.write_table(STUDY, tmp_path, tmp_path / "table", "Title", [])


@pytest.mark.parametrize("name", ["learning_shapes", "learning_images"])
def test_the_studies_have_an_entry_for_every_method(name: str, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.STUDY if name == "learning_shapes" else module.make("cifar10.npz")
    stages = {"semisupervised/finetune", "semisupervised/distill"}
    loaded = (registry.load(name) for name in registry.names() if name.startswith("image/"))
    of_images = {type(one.method) for one in loaded}
    wanted = {name for name, method in registry.methods().items() if method in of_images}
    assert len(wanted) > 30
    assert {case.method for case in found.cases} == wanted - stages
    for case in found.cases:
        made = found.experiment(case)
        assert type(made.method) is registry.methods()[case.method]
    sys.modules.pop("learning_shapes", None)
