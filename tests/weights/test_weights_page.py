"""Every command of docs/weights.md on small weights of the layouts, up to the training itself."""

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from jssl import api, cli
from jssl.commands.options import settle
from jssl.commands.own_data import own_options
from jssl.core.state import paths
from jssl.plan.planning import data_facts
from jssl.runs import warm_start
from jssl.training import sharding
from jssl.training.program import build
from jssl.weights.safetensors import write_safetensors
from tests.data.tokenizer_files import bert_file, stand_in
from tests.weights import torch_zip
from tests.weights import transformer_reference as ref
from tests.weights.layouts import wave
from tests.weights.published import Arrays, Draw, resnet
from tests.weights.test_text_embedding import TEXTS, published

PAGE = Path(__file__).parents[2] / "docs" / "weights.md"
TEXT = PAGE.read_text()
TRAIN = re.findall(r"^jssl train .*$", TEXT, re.MULTILINE)
OTHER = re.findall(r"^jssl (?:import|embed) .*$", TEXT, re.MULTILINE)


def hub(folder: Path, arrays: Arrays, heads: int = 2) -> None:
    folder.mkdir(parents=True)
    write_safetensors(folder / "model.safetensors", arrays)
    (folder / "config.json").write_text(f'{{"num_attention_heads": {heads}}}')


def _decoder() -> Arrays:
    draw = Draw(9)
    draw.linear("decoder_embed", 8, 16)
    draw.add("mask_token", 1, 1, 8)
    draw.add("decoder_pos_embed", 1, 197, 8)
    ref.draw_blocks(draw, "decoder_blocks.{i}", 1, 8, ref.AUTHORS, 32)
    draw.norm("decoder_norm", 8)
    draw.linear("decoder_pred", 768, 8)
    return draw.arrays


def _vit(**options: object) -> Arrays:
    return ref.draw_vit(**{"patch": 16, "grid": 14, **options})


def _file(root: Path) -> None:
    arrays = resnet((3, 4, 6, 3), 4, bottleneck=True)
    torch_zip.write(root / "resnet50.pth", *torch_zip.state_dict(arrays))


def _minilm(root: Path) -> None:
    published(root / "minilm", 40)
    (root / "weights").mkdir(exist_ok=True)
    published(root / "weights/minilm", 40)
    rows = [f"{1 + k % 4},the boat,a gull near the pier" for k in range(200)]
    for name in ("train.csv", "test.csv"):
        (root / name).write_text("\n".join(rows) + "\n")
    for name in ("articles.txt", "texts.txt"):
        (root / name).write_text("\n".join(TEXTS * 8) + "\n")


def _sounds(root: Path) -> None:
    hub(root / "weights/wav2vec2", wave(large=False))
    (root / "recordings").mkdir()
    tone = (9000 * np.sin(np.arange(8000))).astype(np.int16)
    for k in range(60):
        wavfile.write(root / f"recordings/{k % 10}_a_{k}.wav", 8000, tone)


MAKERS = {
    "weights/mae": lambda root: hub(root / "weights/mae", {**_vit(), **_decoder()}),
    "weights/dino": lambda root: hub(root / "weights/dino", _vit()),
    "weights/dinov2": lambda root: hub(
        root / "weights/dinov2", _vit(names=ref.SCALED, patch=14, grid=37)
    ),
    "resnet50.pth": _file,
    "weights/minilm": _minilm,
    "weights/wav2vec2": _sounds,
}
"""What `--init-from` names in the page -> writes it."""


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", stand_in())
    monkeypatch.chdir(tmp_path)


@pytest.mark.rotating
@pytest.mark.parametrize("command", TRAIN)
def test_the_training_can_begin(command: str, tmp_path: Path) -> None:
    arguments = cli.parser().parse_args(shlex.split(command)[1:])
    settle(arguments)
    MAKERS[str(arguments.init_from)](tmp_path)
    said: list[str] = []
    run = api.make_run(
        arguments.name,
        overrides=tuple(arguments.overrides),
        init_from=arguments.init_from,
        init_as=arguments.init_as or _family(arguments.init_from),
        data=arguments.data,
        data_options=own_options(arguments),
        log=said.append,
    )
    example, length = data_facts(run.experiment)
    program = build(run.experiment, example, length, sharding.make_mesh(1))
    taken = paths(warm_start.load(run, program, log=said.append))
    assert len(taken) > 20 and "starts from" in said[-1]
    encoder = paths(program.abstract_state.params["encoder"])
    new = {name for name in encoder if f"params/encoder/{name}" not in taken}
    assert all(name.endswith(("mask_token", "lora_a", "lora_b")) for name in new)
    if "decoder_class_token" in command:
        assert "decoder of weights/mae is not taken" in "".join(said)  # it has other sizes here


def _family(path: Path) -> str | None:
    """A folder that `jssl import` writes says its family; those of the tests are published ones."""
    names = {"mae": "mae", "dino": "dino", "dinov2": "dinov2", "wav2vec2": "wav2vec2"}
    return {**names, "minilm": "bert"}.get(path.name)


@pytest.mark.parametrize("command", OTHER)
def test_weights_are_imported_and_texts_embedded(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if "as dinov2" in command:
        write_safetensors(
            tmp_path / "model.safetensors", _vit(names=ref.SCALED, patch=14, width=384)
        )
    elif "mae_pretrain" in command:
        arrays = _vit(width=24, grid=2)
        path = tmp_path / "mae_pretrain_vit_base.pth"
        torch_zip.write(path, *torch_zip.state_dict(arrays))
    elif "list" not in command:
        _minilm(tmp_path)
        bert_file(tmp_path)
        path = tmp_path / "minilm/model.safetensors"
        (tmp_path / "model.safetensors").write_bytes(path.read_bytes())
        (tmp_path / "config.json").write_text('{"num_attention_heads": 2}')
        (tmp_path / "weights/minilm").rename(tmp_path / "old")
    if "embed weights" in command:
        assert cli.main(["import", "minilm", "--as", "bert", "--to", "weights/minilm"]) == 0
    assert cli.main(shlex.split(command)[1:]) == 0, capsys.readouterr().err
    if "embed" in command:
        assert np.load("features.npy").shape == (24, 16)
