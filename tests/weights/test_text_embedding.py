"""Weights of text encoders with their tokenizer: `jssl import`, `jssl embed` and refusals."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from jssl.cli import main
from jssl.interop.encoder import load_encoder
from jssl.weights.safetensors import write_safetensors
from tests.data.tokenizer_files import bert_file, clip_files, stand_in
from tests.weights.layouts import bert, clip

TEXTS = ["the boat", "a gull near the pier", "the pier near the boat and a gull near the boat"]
# [CLS] the boat [SEP]; the last is cut to the ten positions of the encoder, and keeps its [SEP].
IDS = [[2, 5, 6, 3], [2, 9, 7, 10, 5, 11, 3], [2, 5, 11, 10, 5, 6, 1, 9, 7, 3]]


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", stand_in())


def published(folder: Path, positions: int = 10) -> Path:
    """A folder as a hub has it: a BERT and its vocabulary."""
    folder.mkdir(exist_ok=True)
    write_safetensors(folder / "model.safetensors", bert(12, positions))
    (folder / "config.json").write_text('{"num_attention_heads": 2}')
    bert_file(folder)
    return folder


def features(module: object, variables: object, ids: list[list[int]]) -> np.ndarray:
    rows = [np.int32([[i + 1 for i in row]]) for row in ids]
    return np.concatenate([module.apply(variables, row, train=False).pooled for row in rows])


def test_texts_are_cut_into_the_pieces_beside_the_weights(
    tmp_path: Path, library: None, capsys: pytest.CaptureFixture[str]
) -> None:
    hub, folder, out = published(tmp_path / "hub"), tmp_path / "bert", tmp_path / "f.npy"
    assert main(["import", str(hub), "--as", "bert", "--to", str(folder)]) == 0
    assert "tokenizer: vocab.txt" in capsys.readouterr().out
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(TEXTS * 4) + "\n")
    options = ["--out", str(out), "--devices", "1", "--device-batch", "4"]
    assert main(["embed", str(folder), str(texts), *options]) == 0
    encoder = load_encoder(folder)
    assert encoder.example["text"].shape == (10,)
    wanted = features(encoder.module, encoder.variables, IDS)
    np.testing.assert_allclose(np.load(out), np.tile(wanted, (4, 1)), atol=2e-6)
    weights = json.loads(out.with_suffix(".json").read_text())["weights"]
    assert weights["tokenizer"] == "wordpiece" and weights["special"] == ["[CLS]", "[SEP]"]
    # Without the tokenizer a sentence says so; another of the right size may be named.
    (folder / "vocab.txt").unlink()
    capsys.readouterr()
    other = bert_file(tmp_path / "larger", "fish")
    few = bert_file(tmp_path / "few").parent / "few.txt"
    few.write_text("[UNK]\nboat\n")
    photos = tmp_path / "photos.npz"
    np.savez(photos, image=np.zeros((12, 8, 8, 3), np.uint8))
    for more, says in (
        ([str(texts)], "has no tokenizer beside it: put the model's own there (vocab.txt"),
        ([str(texts), "--tokenizer", str(other)], "has 13 pieces and"),
        ([str(texts), "--tokenizer", str(few)], "has no [CLS]"),
        ([str(texts), "--tokenizer", str(clip_files(tmp_path / "clip"))], "of the kind clip_bpe"),
        ([str(texts), "--tokenizer", str(tmp_path / "photos")], "there is no file"),
        (["text/mlm_sst2"], "the texts of text/mlm_sst2 are no such"),
        (["text/mlm_sst2", "--tokenizer", str(hub)], "is an experiment's name"),
        (["--tokenizer", str(hub)], "name their file or folder"),
        ([str(photos), "--tokenizer", str(hub)], "takes another modality (text)"),
    ):
        assert main(["embed", str(folder), *more, *options]) == 2, says
        error = capsys.readouterr().err
        assert says in error and error.count("\n") == 1, error
    again = ["embed", str(folder), str(texts), "--tokenizer", str(hub), *options]
    before = out.read_bytes()
    assert main(again) == 0 and out.read_bytes() == before


def test_weights_of_clip_read_its_own_pieces(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    names = json.loads(clip_files(tmp_path / "hub").read_text())
    arrays = clip(openai=False, vocabulary=len(names))
    write_safetensors(tmp_path / "hub/model.safetensors", arrays)
    folder, out, texts = tmp_path / "clip", tmp_path / "f.npy", tmp_path / "texts.txt"
    command = ["import", str(tmp_path / "hub"), "--as", "clip_text", "--set", "heads=2"]
    assert main([*command, "--to", str(folder)]) == 0
    texts.write_text("low\nLower 42\nlower lower lower lower lower lower lower\n")
    options = ["--out", str(out), "--devices", "1"]
    assert main(["embed", str(folder), str(texts), *options]) == 0
    start, end = names["<|startoftext|>"], names["<|endoftext|>"]
    lower = names["lower</w>"]
    ids = [[start, names["low</w>"], end]]
    ids += [[start, lower, names["4</w>"], names["2</w>"], end], [start, *[lower] * 6, end]]
    encoder = load_encoder(folder)
    wanted = features(encoder.module, encoder.variables, ids)
    np.testing.assert_allclose(np.load(out), wanted, atol=2e-6)
