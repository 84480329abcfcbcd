"""Tables of records: seeds drawn together, published figures beside ours, three formats."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from jssl.cli import main
from jssl.errors import UserError
from jssl.evaluation import run_table
from jssl.evaluation.reading import read_records
from jssl.evaluation.record import Record
from jssl.evaluation.tables import cell, over_seeds, runs_table


def record(seed=0, top1=0.8, **changes):
    score = {"value": top1, "interval": 0.01, "percent": True}
    plain = {"value": 12.345, "interval": None, "percent": False}
    made = Record(
        protocol={"name": "knn", "id": "knn-v1-aa", "about": "", "source": "", "settings": {}},
        run={
            "name": "image/a_b",
            "method": "SimCLR",
            "seed": seed,
            "fingerprint": f"f{seed}",
            "overrides": [],
            "expected": [["knn", 0.848, "lightly, 200 epochs"]],
        },
        data={
            "name": "digits",
            "classes": 10,
            "splits": {p: {"size": 9, "fingerprint": p} for p in ("train", "validation", "test")},
        },
        rows={
            "trained": {"k=20": score, "rank": plain},
            "untrained": {"k=20": score | {"value": 0.5}},
        },
        details={},
        notes=["A note."],
        seeds={"evaluation": 0, "training": seed},
        versions={},
        hardware="1 x cpu",
        command="jssl evaluate",
    )
    return dataclasses.replace(made, **changes)


def test_seeds_are_drawn_together_with_students_interval():
    values = [0.8, 0.82, 0.87]
    table = runs_table([record(seed, value) for seed, value in enumerate(values)])
    assert table.header == ("run", "seeds", "k=20", "rank", "published")
    half = stats.t.ppf(0.975, 2) * np.std(values, ddof=1) / np.sqrt(3)
    trained, untrained = table.rows
    assert trained == (
        "image/a_b, trained",
        "3",
        f"83.0 ± {100 * half:.1f}",
        "12.3 ± 0",
        "84.8 [1]",
    )
    assert untrained == ("image/a_b, untrained", "3", "50.0 ± 0.0", "", "")
    assert "[1] lightly, 200 epochs" in table.notes
    assert "A note." in table.notes
    assert table.emphasis == {"image/a_b, trained"}
    assert not any("one seed" in note for note in table.notes)


def test_one_seed_keeps_its_own_interval_and_says_so():
    table = runs_table([record(), record()])  # the same run twice is one seed
    assert table.rows[0][1:4] == ("1", "80.0 ± 1.0", "12.3")
    assert any("does not cover training" in note for note in table.notes)
    assert over_seeds([]) is None
    assert cell(None) == ""


def test_other_values_are_other_rows_but_other_data_paths_are_not():
    changed = record().run | {"overrides": ["method.temperature=0.5", "data.path=x.npz"]}
    table = runs_table([record(), record(run=changed)])
    titles = [row[0] for row in table.rows]
    assert "image/a_b method.temperature=0.5, trained" in titles
    assert len(titles) == 4


def test_what_cannot_be_compared_is_refused():
    other = record(protocol=record().protocol | {"id": "knn-v1-bb"})
    with pytest.raises(UserError, match=r"different protocols .* knn-v1-aa, knn-v1-bb"):
        runs_table([record(), other])
    splits = record().data["splits"] | {"test": {"size": 9, "fingerprint": "zz"}}
    with pytest.raises(UserError, match="different test splits"):
        runs_table([record(), record(data=record().data | {"splits": splits})])
    with pytest.raises(UserError, match="no evaluation record"):
        runs_table([])


def test_command_writes_all_formats(tmp_path: Path, capsys):
    for seed in range(2):
        record(seed, 0.8 + seed / 100).save(tmp_path / f"seed{seed}" / "evaluations" / "knn.json")
    (tmp_path / "seed0" / "run.json").write_text("{}")  # other JSON is passed over
    assert main(["table", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "## knn, digits" in text
    assert "| image/a_b, trained   |     2 | 80.5 ± 6.4 |" in text
    assert main(["table", str(tmp_path), "--format", "latex"]) == 0
    text = capsys.readouterr().out
    assert r"\textbf{image/a\_b, trained} & \textbf{2} & \textbf{80.5 $\pm$ 6.4}" in text
    assert text.count(r"\begin{tabular}{lrrrr}") == text.count(r"\end{tabular}") == 1
    out = tmp_path / "table.html"
    assert main(["table", str(tmp_path), "--format", "html", "--out", str(out)]) == 0
    assert '<tr class=own><th scope="row">image/a_b, trained</th><td>2</td>' in out.read_text()
    assert main(["table", str(tmp_path / "seed1")]) == 0
    assert "one seed" in capsys.readouterr().out


def test_committed_results_can_be_tabulated(capsys):
    results = Path(__file__).parents[2] / "results" / "cifar10_small.json"
    assert main(["table", str(results)]) == 0
    text = capsys.readouterr().out
    records = json.loads(results.read_text())[0]["records"]
    score = records[1]["rows"]["trained"]["linear"]
    assert f"{100 * score['value']:.1f} ± {100 * score['interval']:.1f}" in text


def test_a_runs_own_table_is_found_in_its_folder(tmp_path: Path, capsys):
    results = Path(__file__).parents[2] / "results" / "cifar10_small.json"
    entry = json.loads(results.read_text())[0]
    (tmp_path / "results.json").write_text(json.dumps(entry["records"]))
    assert main(["table", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert f"{entry['name']}" in text
    assert f"{100 * entry['records'][1]['rows']['trained']['linear']['value']:.1f}" in text


def former(top1: float, converged: bool = True) -> dict:
    """A row of results.json in its former form."""
    few = {"per_class": 1, "mean": top1 - 0.2, "interval": None, "draws": [top1 - 0.2]}
    few |= {"strength": 1.0, "validation_top1": 0.5, "converged": True}
    linear = {"top1": top1, "validation_top1": 0.6, "strength": 1.0, "converged": converged}
    linear |= {"at_edge": False, "path": [], "auc": None, "interval": 0.02}
    knn = {"20": {"top1": top1 - 0.1, "interval": 0.03}, "1": {"top1": 0.4, "interval": 0.03}}
    return {"dimension": 8, "knn": knn, "linear": linear, "few_label": {"1": few}}


def test_a_table_of_the_former_form_still_loads(tmp_path: Path) -> None:
    settings = {"id": "frozen-v1-aa", "ks": [20, 1], "temperature": 0.07, "strengths": [0.1, 1.0]}
    settings |= {"refit": "train", "per_class": [1], "draws": 1, "select_on": "validation"}
    splits = record().data["splits"]
    result = {
        "protocol": settings,
        "data": {"classes": 10, "chance": 0.1, "splits": splits},
        "rows": {"trained": former(0.8, converged=False), "untrained": former(0.5)},
        "seeds": {"evaluation": 0, "training": 3},
        "versions": {},
        "command": "jssl train",
    }
    (tmp_path / "results.json").write_text(json.dumps(result))
    run = {"name": "image/a_b", "seed": 3, "fingerprint": "f", "overrides": [], "hardware": "cpu"}
    (tmp_path / "run.json").write_text(json.dumps(run | {"experiment": {}}))
    records = run_table.load(tmp_path / "results.json")
    assert [one.protocol["name"] for one in records] == list(run_table.NAMES)
    table = run_table.run_table(records)
    assert table.rows[0] == ("trained", "70.0 ± 3.0", "80.0 ± 2.0 †", "60.0")
    assert table.emphasis == {"trained"}
    assert records[1].protocol["id"].startswith("linear-v1-")
    assert records[1].rows["untrained"]["validation"]["value"] == 0.6


def test_wrong_paths_are_sentences(tmp_path: Path):
    with pytest.raises(UserError, match="cannot read"):
        read_records([tmp_path / "none.json"])
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(UserError, match="is not JSON"):
        read_records([tmp_path / "a.json"])
    with pytest.raises(UserError, match="holds no evaluation record"):
        read_records([tmp_path])
