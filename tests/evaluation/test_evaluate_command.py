"""`jssl evaluate RUN --protocol ...` on a run of seconds: what is written, and what is refused."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import write_experiment

from jssl.cli import main
from jssl.data.source import fingerprint
from jssl.evaluation.features import features
from jssl.evaluation.knn import knn_accuracy
from jssl.evaluation.protocols import protocol, protocols
from jssl.evaluation.record import Record, identity
from jssl.runs.loop import Options
from jssl.runs.run import reopen
from jssl.studies import session

pytestmark = pytest.mark.rotating

QUICK = ["knn", "linear", "ridge", "few_labels", "clusters", "retrieval"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("run")
    run = base / "run"
    command = ["train", str(write_experiment(base)), "--workdir", str(run), "--devices", "2"]
    assert main([*command, "--no-evaluate", "--probe-every", "0"]) == 0
    return run


def test_records_hold_what_a_number_needs(folder: Path, capsys):
    assert main(["evaluate", str(folder), "--trust", "--protocol", *QUICK, "--devices", "2"]) == 0
    printed = capsys.readouterr().out
    program, state, splits = session.restore(reopen(folder, trust=True), Options(devices=2))
    for name in QUICK:
        record = Record.load(folder / "evaluations" / f"{name}.json")
        assert record.protocol["id"] == identity(name, protocol(name))
        assert set(record.rows) == {"trained", "untrained", "raw image"}
        assert record.seeds == {"evaluation": 0, "training": 0}
        assert record.run["fingerprint"] == reopen(folder, trust=True).fingerprint
        assert {"python", "jax", "numpy"} <= record.versions.keys()
        for part, facts in record.data["splits"].items():
            source = getattr(splits, part)
            assert facts == {"size": len(source), "fingerprint": fingerprint(source)}
        assert record.protocol["id"] in printed
        for row in record.rows.values():
            assert all(np.isfinite(score["value"]) for score in row.values())
    bank, queries = (features(program, state, part) for part in (splits.train, splits.test))
    record = Record.load(folder / "evaluations" / "knn.json")
    for k, top1 in knn_accuracy(*bank, *queries, ks=(1, 5, 20, 200)).items():
        assert record.rows["trained"][f"k={k}"]["value"] == pytest.approx(top1, abs=0.004)
    assert record.rows["raw image"]["k=1"]["value"] > 0.9
    assert main(["table", str(folder)]) == 0
    assert "## few_labels, digits" in capsys.readouterr().out


def test_settings_change_the_id_but_the_seed_does_not(folder: Path):
    command = ["evaluate", str(folder), "--trust", "--devices", "2", "--protocol", "knn", "--set"]
    assert main([*command, "ks=(3,)", "--seed", "5"]) == 0
    record = Record.load(folder / "evaluations" / "knn.json")
    assert list(record.rows["trained"]) == ["k=3"]
    assert record.seeds["evaluation"] == 5
    plain = protocol("knn")
    assert record.protocol["id"] != identity("knn", plain)
    assert identity("knn", dataclasses.replace(plain, seed=9)) == identity("knn", plain)


def test_sweep_label_free_and_episodes(folder: Path):
    command = ["evaluate", str(folder), "--trust", "--devices", "2", "--protocol"]
    small = ["learning_rates=(0.1,1.0)", "weight_decays=(0.0,)", "epochs=3", "batch_size=64"]
    assert main([*command, "sweep", "--set", *small]) == 0
    record = Record.load(folder / "evaluations" / "sweep.json")
    read = {s["representation"] for s in record.details["trained"]["settings"]}
    assert read == {"last/pooled", "layer0/mean"}
    assert main([*command, "label_free", "--set", "limit=200", "examples=24", "draws=3"]) == 0
    record = Record.load(folder / "evaluations" / "label_free.json")
    wanted = {"RankMe", "alpha-ReQ", "LiDAR", "NESum", "stable rank", "alignment", "uniformity"}
    for row in record.rows.values():
        assert wanted | {"intrinsic dimension", "cluster learnability"} == row.keys()
        assert not any(score["percent"] for score in row.values())
    assert main([*command, "episodes", "--set", "episodes=20", "shots=(1,)", "queries=5"]) == 0
    record = Record.load(folder / "evaluations" / "episodes.json")
    assert list(record.rows["trained"]) == [
        "1-shot prototype",
        "1-shot laplacian",
        "1-shot clustering",
    ]


def test_where_features_fail(folder: Path, tmp_path: Path, capsys):
    command = ["evaluate", str(folder), "--trust", "--devices", "2", "--protocol"]
    assert main([*command, "groups", "--set", "k=5"]) == 0
    record = Record.load(folder / "evaluations" / "groups.json")
    row, groups = record.rows["raw image"], record.details["raw image"]["groups"]
    values = [group["top1"] for group in groups.values()]
    assert len(values) == 10
    assert row["gap"]["value"] == pytest.approx(max(values) - min(values))
    noise = write_experiment(tmp_path, "noise_images(8, 1)", "noise")
    line = "from jssl.data import Digits, ImageFolder, Npz"
    more = line + "\nfrom jssl.data.arrays import noise_images"
    noise.write_text(noise.read_text().replace(line, more))
    assert main([*command, "foreign", "--set", f"data={noise}", "k=5"]) == 0
    record = Record.load(folder / "evaluations" / "ood.json")
    assert record.rows["raw image"]["Mahalanobis"]["value"] > 0.95
    assert main([*command, "rotations", "--set", f"data={noise}", "limit=200"]) == 0
    record = Record.load(folder / "evaluations" / "rotations.json")
    # Digits have an upright side, noise has none.
    assert record.rows["raw image"]["rotations"]["value"] > 0.8
    assert record.rows["raw image"]["AUROC"]["value"] > 0.8
    assert main([*command, "ood", "--set", "data=image/simclr_digits"]) == 2
    assert "which is not out of distribution" in capsys.readouterr().err
    assert main([*command, "ood"]) == 2
    assert "do not fit the encoder of 'trained'" in capsys.readouterr().err
    assert main([*command, "attentive"]) == 0
    assert json.loads((folder / "evaluations" / "attentive.json").read_text())["rows"] == {}
    assert main([*command, "copy_detection", "--set", "limit=40"]) == 0
    record = Record.load(folder / "evaluations" / "copy_detection.json")
    assert set(record.rows) == {"trained", "untrained"}
    assert record.rows["trained"]["recall@1"]["value"] > 0.3  # the views are noisy copies
    assert main([*command, "risk"]) == 0
    record = Record.load(folder / "evaluations" / "risk.json")
    for row in ("trained", "untrained"):
        *parts, total = (score["value"] for score in record.rows[row].values())
        assert sum(parts) == pytest.approx(total)


def test_corruptions_lower_what_the_clean_probe_reads(folder: Path, capsys):
    command = [
        "evaluate",
        str(folder),
        "--trust",
        "--devices",
        "2",
        "--protocol",
        "corruptions",
        "--set",
    ]
    assert main([*command, "names=('contrast','impulse_noise')", "severities=(5,)"]) == 0
    record = Record.load(folder / "evaluations" / "corruptions.json")
    raw = record.rows["raw image"]
    assert raw["clean"]["value"] > 0.9
    assert raw["clean"]["value"] > raw["corrupted"]["value"]
    each = record.details["raw image"]["by severity"]
    assert raw["contrast"]["value"] == pytest.approx(each["contrast"]["5"])
    assert main([*command, "names=('fogg',)"]) == 2
    assert "did you mean 'fog'" in capsys.readouterr().err
    assert main([*command, "severities=(6,)"]) == 2


def test_memorisation_needs_a_run_that_saw_less(folder: Path, tmp_path: Path, capsys):
    other = write_experiment(tmp_path, "Part(Digits(), train=900)", "less")
    text = other.read_text().replace("import Digits, ImageFolder, Npz", "import Digits, Part")
    other.write_text(text)
    less = tmp_path / "less"
    train = ["train", str(other), "--workdir", str(less), "--devices", "2", "--no-evaluate"]
    assert main([*train, "--probe-every", "0"]) == 0
    command = [
        "evaluate",
        str(folder),
        "--trust",
        "--devices",
        "2",
        "--protocol",
        "memorisation",
        "--set",
    ]
    assert main([*command, f"without={less}", "examples=30", "draws=3"]) == 0
    record = Record.load(folder / "evaluations" / "memorisation.json")
    assert list(record.rows) == ["trained"]
    scores = np.array(record.details["trained"]["scores"])
    assert len(scores) == 30
    assert np.abs(scores).max() == pytest.approx(1)
    assert record.rows["trained"]["mean"]["value"] == pytest.approx(scores.mean())
    train, seen = (
        session.restore(reopen(f, trust=True), Options(devices=2))[2].train for f in (folder, less)
    )
    chosen = record.details["trained"]["examples"]
    seen = {image.tobytes() for image in seen[np.arange(len(seen))]["image"]}
    assert not any(train[i]["image"].tobytes() in seen for i in chosen)
    assert main([*command, f"without={folder}"]) == 2
    assert "was trained on all but 0 of this run's examples" in capsys.readouterr().err


def test_transfer_probes_on_other_data(folder: Path, tmp_path: Path):
    other = write_experiment(tmp_path, "Digits()", "elsewhere")
    text = other.read_text().replace("data=Digits()", "data=Part(Digits(), train=200)")
    other.write_text(text.replace("import Digits, ImageFolder, Npz", "import Digits, Part"))
    command = ["evaluate", str(folder), "--trust", "--protocol", "ridge", "--devices", "2"]
    assert main([*command, "--on", str(other)]) == 0
    record = Record.load(folder / "evaluations" / "ridge@elsewhere.json")
    assert record.data["splits"]["train"]["size"] == 200
    assert record.data["name"] == "part of digits"


def test_supervised_row_is_trained_once_and_beats_the_untrained(folder: Path, capsys):
    command = [
        "evaluate",
        str(folder),
        "--trust",
        "--protocol",
        "ridge",
        "--supervised",
        "--devices",
        "2",
    ]
    assert main(command) == 0
    record = Record.load(folder / "evaluations" / "ridge.json")
    assert list(record.rows) == ["trained", "supervised", "untrained", "raw image"]
    capsys.readouterr()
    assert main(command) == 0
    assert "resumed at step 9 of 9" in capsys.readouterr().out


def test_listing_names_every_protocol(capsys):
    assert main(["evaluate", "--list"]) == 0
    text = capsys.readouterr().out
    for name, evaluation in protocols().items():
        assert f"  {name} " in text
        assert evaluation.about
        json.dumps(evaluation.notes())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--protocol", "knnn"], "unknown protocol 'knnn': did you mean 'knn'?"),
        (["--protocol", "linear", "--set", "select_on=test"], "would choose on the very examples"),
        (["--protocol", "knn", "--set", "kz=3"], "unknown key 'kz'"),
        (["--protocol", "knn", "--set", "ks=(5000,)"], "k = 5000 neighbours cannot be drawn"),
        (["--set", "ks=(3,)"], "go with --protocol NAME"),
        (["--protocol", "knn", "--on", "image/nothing"], "unknown experiment 'image/nothing'"),
    ],
)
def test_impossible_requests_are_sentences(folder: Path, capsys, arguments, sentence):
    assert main(["evaluate", str(folder), "--trust", "--devices", "2", *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_without_a_run_it_says_what_it_takes(tmp_path: Path, capsys):
    assert main(["evaluate"]) == 2
    assert "takes a run's folder, or --list" in capsys.readouterr().err
    assert main(["evaluate", str(tmp_path), "--protocol", "knn"]) == 2
    assert "is not the folder of a run" in capsys.readouterr().err
