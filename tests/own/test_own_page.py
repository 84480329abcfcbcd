"""Every command of docs/your_own_data.md on data that it describes, up to the training itself."""

import re
import shlex
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from arrow_images import write_saved_images
from own_files import csv, flat, images
from own_page_data import MAKERS

from jssl import api, cli
from jssl.commands.options import settle
from jssl.commands.own_data import FLAGS, own_options
from jssl.training import sharding
from jssl.training.program import build
from tests.data.tokenizer_files import bert_file, stand_in

PAGE = Path(__file__).parents[2] / "docs" / "your_own_data.md"
COMMANDS = re.findall(r"^jssl train .*$", PAGE.read_text(), re.MULTILINE)


def _photos(root: Path) -> None:
    flat(root / "photos", 12, size=(12, 10))


def _scans(root: Path) -> None:
    flat(root / "scans", 24, size=(12, 10), channels=1)
    names = [f"img_{k:02d}.png" for k in range(24)]
    rows = [f"{name},{'ab'[k % 2]},{k}" for k, name in enumerate(names)]
    csv(root / "labels.csv", "file,diagnosis,age", *rows)
    csv(root / "patients.csv", "file,patient", *(f"{n},{k // 3}" for k, n in enumerate(names)))
    found = [f"{name},{k % 2},{k // 8 % 2}" for k, name in enumerate(names)]
    csv(root / "findings.csv", "file,oedema,effusion", *found)


def _gallery(root: Path) -> None:
    pytest.importorskip("pyarrow")
    write_saved_images(root / "gallery", 12, 10)


def _elsewhere(root: Path) -> None:
    flat(root / "elsewhere" / "photos", 12, size=(12, 10))


def _survey(root: Path) -> None:
    names = [f"site/day{k % 2}/{'ab'[k // 6]}/{k}.png" for k in range(12)]
    images(root / "survey", names, size=(12, 10))


def _satellite(root: Path) -> None:
    images(root / "satellite", [f"{k}.npy" for k in range(12)], channels=5, size=(12, 10))


def _arrays(root: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 9, 9, 3), dtype=np.uint8)
    np.savez(root / "arrays.npz", image=pixels, label=np.arange(24) % 2, group=np.arange(24) // 4)


def _captioned(root: Path) -> None:
    flat(root / "captioned", 12, size=(12, 10))
    rows = [f"img_{k:02d}.png,a boat {i} of {k}" for k in range(12) for i in range(2)]
    csv(root / "captioned" / "captions.csv", "file,caption", *rows)


def _videos(root: Path) -> None:
    av = pytest.importorskip("av")
    (root / "videos").mkdir()
    for k in range(6):
        with av.open(str(root / "videos" / f"{k}.mp4"), "w") as container:
            stream = container.add_stream("mpeg4", rate=10)
            stream.width = stream.height = 32
            for frame in range(18):
                pixels = np.full((32, 32, 3), 10 * frame + k, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode())


def _clips(root: Path) -> None:
    clips = np.random.default_rng(0).integers(0, 256, (12, 16, 24, 24, 3), dtype=np.uint8)
    np.savez(root / "clips.npz", video=clips)


def _tomograms(root: Path) -> None:
    volumes = np.random.default_rng(0).normal(0, 300, (12, 10, 20, 20, 2))
    np.savez(root / "tomograms.npz", volume=volumes.astype(np.float32))


HERE = {
    "elsewhere": _elsewhere,
    "gallery": _gallery,
    "survey": _survey,
    "tomograms.npz": _tomograms,
    "clips.npz": _clips,
    "photos": _photos,
    "scans": _scans,
    "satellite": _satellite,
    "arrays.npz": _arrays,
    "captioned": _captioned,
    "videos": _videos,
}
"""Name in the page -> writes such data; those of other modalities are in own_page_data.py."""


@pytest.mark.rotating
@pytest.mark.parametrize("command", sorted(set(COMMANDS)))
def test_the_command_can_be_run(command, tmp_path, monkeypatch) -> None:
    arguments = cli.parser().parse_args(shlex.split(command)[1:])
    settle(arguments)
    monkeypatch.chdir(tmp_path)
    top = arguments.data.parts[0]
    (HERE | MAKERS)[top](tmp_path)
    if arguments.tokenizer is not None:
        bert_file(tmp_path)
        monkeypatch.setitem(sys.modules, "tokenizers", stand_in())
    said: list[str] = []
    run = api.make_run(
        arguments.name,
        overrides=tuple(arguments.overrides),
        data=arguments.data,
        data_options=own_options(arguments),
        log=said.append,
    )
    assert said[0].startswith("data: ")
    experiment = run.experiment
    train = experiment.data.load().train
    program = build(experiment, train[0], len(train), sharding.make_mesh(1))
    assert program.steps >= 1
    rows = np.arange(2) % len(train)  # one graph is one example
    batch = {**train[rows], "index": rows.astype(np.int32)}
    views = jax.eval_shape(experiment.views, jax.random.key(0), batch)
    assert all(leaf.shape[0] == 2 for leaf in jax.tree.leaves(views))


def test_every_option_is_on_the_page() -> None:
    text = PAGE.read_text()
    for flag in FLAGS:
        assert f"`{flag}" in text or f"{flag}`" in text, f"{flag} is not described"
