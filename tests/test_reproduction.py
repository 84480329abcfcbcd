"""Tables of papers: every row of every table exists, and a smoke table runs and resumes."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from jssl.cli import main
from jssl.config.overrides import override
from jssl.errors import UserError
from jssl.evaluation.protocols import protocol
from jssl.studies import reproduction
from jssl.studies.reproduction import BUDGETS, Cell, experiment_of, load_table, tabulate

pytestmark = pytest.mark.rotating(shares=9)


@pytest.mark.parametrize("name", reproduction.names())
def test_every_row_is_an_experiment_and_every_column_a_protocol(name: str) -> None:
    table = load_table(name)
    titles = [column.title for column in table.columns]
    assert len({row.name for row in table.rows}) == len(table.rows)
    assert len({column.protocol for column in table.columns}) == len(table.columns)
    for column in table.columns:
        for budget in BUDGETS:
            override(protocol(column.protocol), *column.at(budget)[0])
    for row in table.rows:
        for title, value, source in row.published:
            assert title in titles
            assert 0 < value < 1
            assert source
        full = experiment_of(table, row, "full")
        small = experiment_of(table, row, "small")
        assert small.epochs <= full.epochs
        assert experiment_of(table, row, "smoke").batch_size == 4


def test_smoke_table_runs_resumes_and_collects(tmp_path: Path, capsys) -> None:
    command = ["reproduce", "shapes", "--budget", "smoke", "--rows", "SimCLR", "--devices", "1"]
    command += ["--workdir", str(tmp_path / "runs")]
    assert main([*command, "--collect"]) == 0
    assert "| SimCLR |       |" in capsys.readouterr().out  # nothing there yet
    out = tmp_path / "table.md"
    assert main([*command, "--out", str(out)]) == 0
    assert "| method | seeds |" in capsys.readouterr().out
    record = json.loads((tmp_path / "runs/simclr/seed0/evaluations/knn.json").read_text())
    scores = [record["rows"][name]["k=3"]["value"] for name in ("trained", "untrained")]
    cells = out.read_text().splitlines()[2].split("|")
    assert cells[1:3] == [" SimCLR ", "     1 "]
    assert cells[3].split()[0] == f"{100 * scores[0]:.1f}"
    assert cells[4].split()[0] == f"{100 * scores[1]:.1f}"
    assert main(command) == 0
    assert "finished before" in capsys.readouterr().out
    assert main([*command, "--set", "method.temperature=0.3", "--collect"]) == 0
    assert "| SimCLR |       |" in capsys.readouterr().out  # another run than that


def test_difference_is_given_for_the_full_budget_alone() -> None:
    table = load_table("cifar10_resnet18")

    scores = {"trained": 0.9, "untrained": 0.3}
    made = SimpleNamespace(
        rows={name: {"k=200": {"value": v, "interval": 0.01}} for name, v in scores.items()},
        data={"name": "cifar10", "splits": {"test": {"size": 10000}}},
    )
    found = {"SimCLR": Cell({"kNN, k=200": [made]}), "BYOL": Cell(failure="no data here")}
    made = tabulate(table, found, "full")
    simclr = next(row for row in made.rows if row[0] == "SimCLR")
    assert simclr[1:6] == ("1", "90.0 ± 1.0", "30.0", "84.8 [1]", "+5.2")
    assert "BYOL was not run: no data here" in made.notes
    assert any(note.startswith("[1] lightly") for note in made.notes)
    small = tabulate(table, found, "small")
    assert next(row for row in small.rows if row[0] == "SimCLR")[5] == ""
    assert any("not to be compared" in note for note in small.notes)


def test_a_row_without_its_data_does_not_hold_up_the_table(tmp_path: Path) -> None:
    said: list[str] = []
    made = reproduction.reproduce(
        "cifar10_resnet18",
        rows=["SimCLR"],
        overrides=[f"data.data.data_dir={tmp_path}"],
        workdir=tmp_path / "runs",
        log=said.append,
    )
    assert made.rows[0][0] == "SimCLR"
    assert any("SimCLR was not run: " in note for note in made.notes)


def test_mistakes_are_sentences() -> None:
    with pytest.raises(UserError, match="unknown table 'cifar10': did you mean"):
        reproduction.reproduce("cifar10")
    with pytest.raises(UserError, match="no row 'SimCRL': did you mean 'SimCLR'"):
        reproduction.reproduce("shapes", rows=["SimCRL"])
    with pytest.raises(UserError, match="unknown budget 'tiny'"):
        reproduction.reproduce("shapes", budget="tiny", rows=["SimCLR"], collect=True)
    assert main(["reproduce", "shapes", "--seeds", "0"]) == 2


def test_tables_are_listed(capsys) -> None:
    assert main(["reproduce"]) == 0
    text = capsys.readouterr().out
    for name in reproduction.names():
        assert name in text
