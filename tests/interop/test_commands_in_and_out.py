"""`jssl embed` and `jssl export` on the folder of a run: the commands of docs/in_and_out.md."""

import json

import numpy as np
import pytest
from PIL import Image
from tiny_runs import write_experiment

import jssl
from jssl.cli import main


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    experiment = str(write_experiment(folder))
    return jssl.train(experiment, folder / "run", evaluate=False, devices=1, log=lambda line: None)


def test_a_run_is_embedded_and_exported(run, tmp_path, capsys):
    folder = str(run.folder)
    out = tmp_path / "f.npy"
    options = ["--split", "test", "--devices", "1", "--trust"]
    assert main(["embed", folder, "--out", str(out), "--layers", "last,0", *options]) == 0
    about = json.loads(out.with_suffix(".json").read_text())
    assert about["weights"]["run"] == run.fingerprint and about["weights"]["step"] == 9
    digits = run.experiment.data.load().test[np.arange(5)]["image"]
    encoder = jssl.load_encoder(run)
    pooled = np.asarray(encoder(digits).pooled)
    np.testing.assert_allclose(np.load(out)[:5], np.concatenate([pooled] * 2, 1), atol=1e-5)
    weights = tmp_path / "weights"
    exported = ["export", folder, "--to", "safetensors", "--out", str(weights), "--trust"]
    assert main([*exported, "--licence", "MIT"]) == 0
    assert "largest difference 0 " in capsys.readouterr().out
    card = (weights / "README.md").read_text()
    assert "license: MIT" in card and run.fingerprint in card and '"batch_size": 16' in card
    assert "The run has not been evaluated." in card
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(12):
        Image.fromarray(np.full((8, 8), 20 * i, np.uint8)).save(photos / f"{i:02}.png")
    capsys.readouterr()
    assert main(["embed", folder, str(photos), "--out", str(out), "--trust"]) == 0
    names = json.loads(out.with_suffix(".json").read_text())["columns"]["path"]
    assert names == [f"{i:02}.png" for i in range(12)]
    assert main(["neighbours", str(out), "03.png", "-k", "1"]) == 0
    capsys.readouterr()
    assert main(["embed", folder, "image/simclr_digit", "--out", str(out), "--trust"]) == 2
    assert "no file, folder or experiment" in capsys.readouterr().err.replace("there is ", "")
    assert main(["embed", str(tmp_path), "--out", str(out)]) == 2
