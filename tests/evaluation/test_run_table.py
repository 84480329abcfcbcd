"""The table of a run: made of the records of three protocols, saved and read again."""

import dataclasses
import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

from jssl.errors import UserError
from jssl.evaluation import record, run_table
from jssl.evaluation.representations import Representations

DIGITS = load_digits()
X, Y = DIGITS.data.astype(np.float32) / 16, DIGITS.target
SETTINGS = {
    "knn": {"ks": (5, 1)},
    "linear": {"strengths": (0.01, 0.1)},
    "few_labels_a_class": {"per_class": (1, 5), "draws": 3},
}
DATA = {"name": "digits", "classes": 10, "chance": 0.105}
DATA["splits"] = {
    part: {"size": size, "fingerprint": part[:2]}
    for part, size in (("train", 300), ("validation", 150), ("test", 200))
}


def splits(features):
    return [(features[a:b], Y[a:b]) for a, b in ((0, 300), (300, 450), (450, 650))]


NOISE = np.random.default_rng(0).normal(size=X.shape).astype(np.float32)
ROWS = {"trained": splits(X), "untrained": splits(NOISE), "raw pixels": splits(X**2)}


def measure(subject: Representations, name: str, **changes: object) -> record.Record:
    own = {**SETTINGS[name], "seed": 3, **changes}
    evaluation = dataclasses.replace(run_table.run_protocols()[name], **own)
    return record.evaluate(
        subject,
        name,
        evaluation,
        run={"name": "image/a_b", "seed": 7, "fingerprint": "f", "overrides": []},
        data=DATA,
        seeds={"training": 7},
        versions={"jax": "0"},
        hardware="1 x cpu",
        command="jssl evaluate runs/a",
    )


@pytest.fixture(scope="module")
def records():
    subject = Representations.of_features(ROWS)
    return [measure(subject, name) for name in run_table.NAMES]


def test_records_are_saved_and_read_again(records, tmp_path):
    path = tmp_path / "results.json"
    run_table.save(records, path)
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]
    first = json.loads(path.read_text(), parse_constant=pytest.fail)[0]
    assert first["protocol"]["id"].startswith("knn-v1-")
    assert first["protocol"]["settings"]["ks"] == [5, 1]
    assert first["seeds"] == {"evaluation": 3, "training": 7}
    again = run_table.load(path)
    assert again == json_form(records)
    assert run_table.run_table(again) == run_table.run_table(records)
    path.write_text(json.dumps(json.loads(path.read_text())[:2]))
    with pytest.raises(UserError, match="not the table of a run: 'few_labels_a_class'"):
        run_table.load(path)


def json_form(records):
    return [record.Record(**json.loads(json.dumps(dataclasses.asdict(r)))) for r in records]


def test_signal_beats_noise_in_every_column(records):
    for one, least in zip(records, (0.5, 0.5, 0.2), strict=True):
        trained, noise = one.rows["trained"], one.rows["untrained"]
        for column in trained:
            assert trained[column]["value"] > noise[column]["value"] + least


def test_table_shows_every_row_and_says_what_it_means(records):
    table = run_table.run_table(records)
    assert table.header == (
        "features",
        "kNN, k=5",
        "linear",
        "1 label a class",
        "5 labels a class",
    )
    assert [row[0] for row in table.rows] == ["trained", "untrained", "raw pixels"]
    assert table.emphasis == {"trained"}
    shown, half = table.rows[0][1].split(" ± ")
    score = records[0].rows["trained"]["k=5"]
    assert float(shown) == pytest.approx(100 * score["value"], abs=0.051)
    assert float(half) == pytest.approx(100 * score["interval"], abs=0.051)
    text = table.markdown()
    assert "200 test" in text
    assert "chosen on validation" in text
    assert records[2].protocol["id"] in text
    assert "†" not in text


def test_unconverged_probes_are_marked_and_one_draw_has_no_interval(records):
    alone = measure(
        Representations.of_features(ROWS), "few_labels_a_class", per_class=(1,), draws=1
    )
    rows = {
        name: {k: score | {"converged": name != "trained"} for k, score in row.items()}
        for name, row in records[1].rows.items()
    }
    linear = dataclasses.replace(records[1], rows=rows)
    table = run_table.run_table([records[0], linear, alone])
    assert table.rows[0][2].endswith("†") and not table.rows[1][2].endswith("†")
    assert "±" not in table.rows[0][3]
    assert any(note.startswith("†") for note in table.notes)


def test_what_a_record_demands():
    rows = {name: row for name, row in ROWS.items() if name != "untrained"}
    with pytest.raises(UserError, match="needs a row 'untrained' beside the trained one"):
        measure(Representations.of_features(rows), "knn")
    swapped = {**ROWS, "untrained": [*splits(NOISE)[:2], (NOISE[450:650], Y[450:650][::-1])]}
    with pytest.raises(UserError, match="test labels of 'untrained' differ"):
        Representations.of_features(swapped)
    with pytest.raises(UserError, match="measure the result"):
        measure(Representations.of_features(ROWS), "linear", select_on="test")


def test_more_neighbours_than_examples_are_left_out():
    few = Representations.of_features(
        {n: [(x[:30], y[:30]) for x, y in row] for n, row in ROWS.items()}
    )
    assert list(measure(few, "knn", ks=(20, 200)).rows["trained"]) == ["k=20"]
    with pytest.raises(UserError, match="k = 200 neighbours cannot be drawn"):
        measure(few, "knn", ks=(200,))
