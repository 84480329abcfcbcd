"""`jssl compare`: what it shows of folders that were written by hand, and what it refuses."""

import json
import re

import pytest
from report_records import record, table_records, write_run

from jssl.cli import main
from jssl.errors import UserError
from jssl.reporting.comparison import (
    cautions,
    differing_circumstances,
    differing_settings,
    labels_of,
    read_runs,
    result_tables,
)
from jssl.reporting.comparison_page import charts, ranking, write_comparison

BASE = {"untrained": (0.7, 0.01), "raw image": (0.5, 0.01)}


@pytest.fixture
def runs(tmp_path):
    """Two runs of one experiment that differ in a setting, and one of another on other data."""
    first = {"trained": (0.9, 0.02), **BASE}
    second = {"trained": (0.8, 0.02), **BASE}
    temperature = {"method": {"temperature": 0.5}, "views": {"entries": [["a", {"p": 0.5}]]}}
    measured = record("ridge", {"trained": {"top1": (0.6, 0.1)}}, fingerprint="image/x0")
    return [
        write_run(
            tmp_path / "a",
            experiment={"encoder": {"class": "jssl.encoders.resnet.ResNet", "stem": None}},
            results=table_records(first),
            protocols={"ridge": measured},
        ),
        write_run(
            tmp_path / "b",
            experiment=temperature,
            overrides=["method.temperature=0.5"],
            results=table_records(second),
            losses=(3.0, float("inf")),
        ),
        write_run(
            tmp_path / "<script>alert(1)",
            name="/somewhere/alert_<script>.py",
            experiment={"batch_size": 16},
            test="other",
            hardware="8 x tpu (v5e)",
            versions={"jax": "0.9"},
        ),
    ]


def test_only_what_differs_is_shown(runs):
    one, two, third = read_runs(runs)
    assert [one.label, two.label, third.label] == [
        "image/x",
        "image/x, method.temperature=0.5",
        "alert_<script>",
    ]
    settings, others = differing_settings([one, two])
    assert settings.rows == (("method.temperature", "0.1", "0.5"),)
    assert others.rows == (
        ("encoder.class", "ResNet", "–"),
        ("encoder.stem", "none", "–"),
        ("views.entries.a.p", "–", "0.5"),
    )
    assert differing_circumstances([one, two]) is None
    assert {row[0] for row in differing_settings([one, third])[0].rows} == {"batch_size"}
    rows = {row[0]: row[1:] for row in differing_circumstances([one, third]).rows}
    assert rows == {
        "test split": ("5 examples, t", "5 examples, other"),
        "hardware": ("1 x cpu (x86_64)", "8 x tpu (v5e)"),
        "version of jax": ("–", "0.9"),
    }
    said = " ".join(cautions([one, third]))
    assert "test splits differ" in said and "hardware differs" in said
    assert "has not been evaluated" in said
    assert cautions([one, two]) == []


def test_results_stand_below_each_other_with_intervals(runs):
    one, two, _ = read_runs(runs)
    tables = result_tables([one, two])
    assert list(tables) == ["Results", "Protocol ridge"]
    assert tables["Protocol ridge"].rows == (("image/x", "60.0 ± 10.0"),)
    rows = {row[0]: row[2] for row in tables["Results"].rows}
    assert rows == {
        one.label: "90.0 ± 2.0",
        two.label: "80.0 ± 2.0",
        "untrained": "70.0 ± 1.0",
        "raw image": "50.0 ± 1.0",
    }
    verdict = ranking([one, two])
    assert f"{one.label} has the best linear probe, 90.0 ± 2.0 %" in verdict.sentence
    assert f"{two.label} is behind by 10.0 ± 2.8 points" in verdict.sentence


def test_runs_on_other_test_splits_are_not_ranked(tmp_path):
    scores = {"trained": (0.9, 0.02), **BASE}
    folders = [
        write_run(tmp_path / name, seed=k, test=name, results=table_records(scores, test=name))
        for k, name in enumerate("ab")
    ]
    runs = read_runs(folders)
    assert ranking(runs) is None
    assert [run.label for run in runs] == ["seed 0", "seed 1"]
    assert len(result_tables(runs)) == 2


def test_labels_say_no_more_than_tells_the_runs_apart(tmp_path):
    def record(name, seed=0, overrides=()):
        return {"name": name, "seed": seed, "overrides": list(overrides)}

    folders = [tmp_path / "a" / "run", tmp_path / "b" / "run", tmp_path / "c"]
    x, y = record("x"), record("y")
    assert labels_of([x, y], folders[:2]) == ["x", "y"]
    assert labels_of([x, record("x", 1), y], folders) == ["x, seed 0", "x, seed 1", "y"]
    shared = [record("x", 0, ["e=1"]), record("x", 0, ["e=1", "t=2"])]
    assert labels_of(shared, folders[:2]) == ["x", "t=2"]
    assert labels_of([x, x], [folders[0], folders[2]]) == ["run", "c"]
    assert labels_of([x, x], folders[:2]) == [str(folder) for folder in folders[:2]]


def test_seeds_become_a_mean(tmp_path):
    folders = [
        write_run(
            tmp_path / str(k),
            seed=k,
            results=table_records({"trained": (value, 0.02), **BASE}, seed=k),
        )
        for k, value in enumerate((0.90, 0.92))
    ]
    verdict = ranking(read_runs(folders))
    assert "differ in their seeds only" in verdict.sentence
    assert "91.0 ± 12.7 % correct" in verdict.sentence  # Student's t with one degree of freedom


def test_runs_of_other_batch_sizes_are_drawn_over_examples(runs):
    one, two, third = read_runs(runs)
    drawn = charts([one, two])["Loss"]
    assert drawn.xlabel == "step"
    assert drawn.series[one.label] == [(10, 3.0), (20, 2.0), (30, 1.0)]
    assert charts([one, third])["Loss"].xlabel == "examples seen"
    assert charts([one, third])["Loss"].series[third.label][0] == (160, 3.0)


def test_the_page_is_whole_and_escaped(runs, tmp_path, capsys):
    out = tmp_path / "page.html"
    assert main(["compare", *map(str, runs), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"page: {out}\n"
    text = out.read_text()
    assert "<script" not in text and "&lt;script&gt;" in text
    assert text.count("<tr") == text.count("</tr>") and text.rstrip().endswith("</html>")
    assert not re.search(r"""(src|href)=["'](?!data:)""", text)
    assert write_comparison(runs, tmp_path) == tmp_path / "comparison.html"


def test_mistakes_get_a_sentence(runs, tmp_path, capsys):
    a, b, _ = map(str, runs)
    (tmp_path / "empty").mkdir()
    for arguments, words in (
        ([a], "at least two runs"),
        ([a, f"{a}/."], "given twice"),
        ([a, str(tmp_path / "empty")], "is not the folder of a run"),
        ([a, b, "--out", str(tmp_path / "none" / "x.html")], "there is no folder"),
    ):
        assert main(["compare", *arguments]) == 2
        said = capsys.readouterr().err
        assert words in said and said.count("\n") == 1
    (runs[1] / "results.json").write_text(json.dumps([{"kind": "jssl evaluation"}]))
    with pytest.raises(UserError, match=r"results\.json is damaged"):
        write_comparison([a, b], tmp_path)
