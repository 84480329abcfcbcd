"""The result: its baselines, its record and its table."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

from jssl.errors import UserError
from jssl.evaluation.protocol import Protocol, Result, evaluate_features

DIGITS = load_digits()
X, Y = DIGITS.data.astype(np.float32) / 16, DIGITS.target
PROTOCOL = Protocol(ks=(5, 1), strengths=(0.01, 0.1), draws=3, per_class=(1, 5))


def splits(features):
    return [(features[a:b], Y[a:b]) for a, b in ((0, 300), (300, 450), (450, 650))]


NOISE = np.random.default_rng(0).normal(size=X.shape).astype(np.float32)
ROWS = {"trained": splits(X), "untrained": splits(NOISE), "raw pixels": splits(X**2)}


@pytest.fixture(scope="module")
def result():
    return evaluate_features(
        ROWS,
        protocol=PROTOCOL,
        seed=3,
        seeds={"training": 7},
        fingerprints={"train": "aa", "validation": "bb", "test": "cc"},
        command="jssl evaluate runs/a",
    )


def test_record_holds_what_a_number_needs(result, tmp_path):
    result.save(tmp_path / "result.json")
    text = (tmp_path / "result.json").read_text()
    record = json.loads(text, parse_constant=pytest.fail)
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]
    assert record["protocol"]["id"] == PROTOCOL.id
    assert record["protocol"]["strengths"] == [0.01, 0.1]
    assert record["data"]["splits"] == {
        "train": {"size": 300, "fingerprint": "aa"},
        "validation": {"size": 150, "fingerprint": "bb"},
        "test": {"size": 200, "fingerprint": "cc"},
    }
    assert record["seeds"] == {"evaluation": 3, "training": 7}
    assert record["command"] == "jssl evaluate runs/a"
    assert {"python", "jax", "numpy", "scipy"} <= set(record["versions"])
    assert Result.from_json(text) == Result.from_json(result.to_json())
    assert Result.from_json(text).markdown() == result.markdown()
    with pytest.raises(UserError, match="not an evaluation record"):
        Result.from_json('{"rows": 1')
    with pytest.raises(UserError, match="not an evaluation record"):
        Result.from_json('{"wrong": 1}')


def test_signal_beats_noise_in_every_column(result):
    trained, noise = result.rows["trained"], result.rows["untrained"]
    assert trained["knn"]["5"]["top1"] > noise["knn"]["5"]["top1"] + 0.5
    assert trained["linear"]["top1"] > noise["linear"]["top1"] + 0.5
    for count in ("1", "5"):
        assert trained["few_label"][count]["mean"] > noise["few_label"][count]["mean"] + 0.2
    assert trained["dimension"] == 64


def test_table_shows_every_row_and_says_what_it_means(result):
    table = result.table()
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
    score = result.rows["trained"]["knn"]["5"]
    assert float(shown) == pytest.approx(100 * score["top1"], abs=0.051)
    assert float(half) == pytest.approx(100 * score["interval"], abs=0.051)
    text = result.markdown()
    assert "200 test" in text
    assert "chosen on validation" in text
    assert PROTOCOL.id in text
    assert text.splitlines()[1].startswith("| ---")


def test_unconverged_probes_are_marked_and_one_draw_has_no_interval():
    hurried = Protocol(ks=(1,), strengths=(1.0,), draws=1, per_class=(1,), max_iterations=1)
    result = evaluate_features(ROWS, protocol=hurried)
    row = result.table().rows[0]
    assert row[2].endswith("†")
    assert "±" not in row[3]
    assert any(note.startswith("†") for note in result.table().notes)
    assert result.to_json()
    assert hurried.id != PROTOCOL.id


def test_baselines_and_equal_labels_are_demanded():
    for missing in ("untrained", "raw pixels"):
        rows = {name: row for name, row in ROWS.items() if name != missing}
        with pytest.raises(UserError, match="needs a row 'untrained' and a row that starts with"):
            evaluate_features(rows, protocol=PROTOCOL)
    swapped = {**ROWS, "untrained": [*splits(NOISE)[:2], (NOISE[450:650], Y[450:650][::-1])]}
    with pytest.raises(UserError, match="test labels of 'untrained' differ"):
        evaluate_features(swapped, protocol=PROTOCOL)
    with pytest.raises(UserError, match="measure the result"):
        evaluate_features(ROWS, protocol=Protocol(select_on="test"))
