"""Features in files: the same on any mesh and after an interruption, with their origin."""

import dataclasses
import json

import jax
import numpy as np
import pytest
from tiny_encoders import encoder, splits

from jssl.cli import main
from jssl.data.source import SubsetSource, paths_of
from jssl.encoders.mlp import MLP
from jssl.encoders.resnet import ResNet
from jssl.errors import Interrupted, UserError
from jssl.interop import embedding, shards
from jssl.interop.embedding import embed
from jssl.interop.feature_files import read_features
from jssl.interop.layers import select
from jssl.runs import interrupt


def quiet(line):
    del line


@pytest.fixture(scope="module")
def vit():
    return encoder()


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(shards, "_SHARD", 16)


@pytest.mark.parametrize("suffix", ["parquet", "npy"])
def test_features_labels_and_origin_come_back(suffix, tmp_path, vit):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    data = splits()
    out = tmp_path / f"new/features.{suffix}"
    found = embed(vit, data, out, split="all", device_batch=4, devices=1, log=quiet)
    assert found.shape == (62, 16) and found.computed == 62
    file = read_features(out)
    parts = (data.train, data.validation, data.test)
    direct = np.concatenate([vit(part.arrays["image"]).pooled for part in parts])
    np.testing.assert_allclose(file.features, direct, atol=2e-6)
    assert file.columns["split"] == ["train"] * 50 + ["validation"] * 6 + ["test"] * 6
    assert file.columns["label"] == [i % 3 for n in (50, 6, 6) for i in range(n)]
    assert file.metadata["weights"]["fingerprint"] == vit.fingerprint
    assert file.metadata["data"]["splits"]["test"]["examples"] == 6
    assert file.metadata["layers"] == [{"name": "last", "width": 16}]
    assert file.describe(51) == {"split": "validation", "label": "b"}
    assert not (tmp_path / f"new/features.{suffix}.parts").exists()


def test_one_and_eight_devices_give_the_same_bytes(tmp_path, vit):
    files = []
    for devices in (1, 8):
        out = tmp_path / f"on{devices}.npy"
        embed(vit, splits(), out, layers=["last", "0"], device_batch=2, devices=devices, log=quiet)
        files.append((out.read_bytes(), out.with_suffix(".json").read_bytes()))
    assert files[0] == files[1]


def test_a_killed_command_goes_on_to_the_same_file(tmp_path, vit, monkeypatch):
    whole, cut = tmp_path / "whole.npy", tmp_path / "cut.npy"
    options = {"device_batch": 4, "devices": 1}
    embed(vit, splits(), whole, **options, log=quiet)

    class Asked(interrupt.Stop):
        signal = 15
        looked = 0

        @property
        def requested(self):  # in the second shard
            self.looked += 1
            return self.looked > 6

    with monkeypatch.context() as patch:
        patch.setattr(embedding.interrupt, "requests", lambda: _entered(Asked()))
        with pytest.raises(Interrupted, match="16 of 50 examples are kept") as left:
            embed(vit, splits(), cut, **options, log=quiet)
    assert left.value.status == 143 and not cut.exists()
    parts = tmp_path / "cut.npy.parts"
    (parts / "000001.npz").write_bytes(b"PK\x03\x04 cut")  # a shard that a power failure damaged
    for change in ({"pool": "mean"}, {"device_batch": 2}, {"layers": ["0"]}):
        with pytest.raises(UserError, match="another embedding"):
            embed(vit, splits(), cut, **{**options, **change}, log=quiet)
    with pytest.raises(UserError, match="another weights"):
        embed(encoder(seed=1), splits(), cut, **options, log=quiet)
    with pytest.raises(UserError, match="another data"):
        embed(vit, splits(seed=1), cut, **options, log=quiet)
    said = []
    found = embed(vit, splits(), cut, **options, log=said.append)
    assert "going on after 16 of 50" in said[0] and found.computed == 34
    assert cut.read_bytes() == whole.read_bytes()
    assert cut.with_suffix(".json").read_bytes() == whole.with_suffix(".json").read_bytes()


class _entered:
    def __init__(self, value):
        self.value = value

    def __enter__(self):
        return self.value

    def __exit__(self, *error):
        return None


def test_layers_and_pools(vit):
    x = splits(4).train.arrays["image"]
    features = vit(x)

    def take(*layers, pool=None, of=vit.module, from_=features):
        return [np.asarray(part) for part in select(of, layers, pool)(from_)]

    block = np.asarray(features.extras["block0"])
    assert np.array_equal(take("last")[0], features.pooled)
    assert np.array_equal(take("0")[0], block[:, 0])
    np.testing.assert_allclose(take("block0", pool="mean")[0], block[:, 1:].mean(1), atol=1e-6)
    assert [part.shape for part in take("last", "1", pool="tokens")] == [(4, 4, 16)] * 2
    np.testing.assert_allclose(take("last", pool="mean")[0], features.tokens.mean(1), atol=1e-6)
    with pytest.raises(UserError, match=r"no layer '7'.*block0"):
        take("7")
    with pytest.raises(UserError, match="no pooling"):
        take("last", pool="max")
    net = encoder(ResNet(10, width=1 / 16))
    maps = jax.eval_shape(net.__call__, x)
    shapes = [s.shape for s in jax.eval_shape(select(net.module, ["last", "stage2"]), maps)]
    assert shapes == [(4, 32), (4, 8)]
    with pytest.raises(UserError, match="no class token"):
        jax.eval_shape(select(net.module, ["last"], "cls"), maps)
    mlp = encoder(MLP((8,), norm="none"))
    with pytest.raises(UserError, match="no tokens"):
        select(mlp.module, ["last"], "mean")(mlp(x))
    with pytest.raises(UserError, match="one vector"):
        select(mlp.module, ["0"], "tokens")(mlp(x))


def test_paths_follow_the_examples():
    class Files:
        files = np.array(["a/0.png", "a/1.png", "b/2.png"])

        def __len__(self):
            return 3

        def __getitem__(self, index):
            return {}

    assert paths_of(SubsetSource(Files(), [2, 0])) == ["b/2.png", "a/0.png"]
    assert paths_of(splits().train) is None


def test_what_is_refused_says_why(tmp_path, vit):
    data = splits()
    out = tmp_path / "f.npy"
    with pytest.raises(UserError, match="must end in"):
        embed(vit, data, tmp_path / "f.csv")
    with pytest.raises(UserError, match="did you mean 'train'"):
        embed(vit, data, out, split="training")
    with pytest.raises(UserError, match="is empty"):
        embed(vit, dataclasses.replace(data, test=SubsetSource(data.test, [])), out, split="test")
    with pytest.raises(UserError, match=r"examples of noise, of shape \[10, 10, 3\]"):
        embed(vit, splits(size=10), out)
    text = dataclasses.replace(vit, pipeline=dataclasses.replace(vit.pipeline, field="text"))
    with pytest.raises(UserError, match="reads the field 'text', which noise does not have"):
        embed(text, data, out)
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="there is no run and there are no weights"):
        __import__("jssl").load_encoder(tmp_path / "none")


def test_neighbours_and_subsets_are_read_from_the_file(tmp_path, vit, capsys):
    out = tmp_path / "f.npy"
    embed(vit, splits(), out, device_batch=8, devices=1, log=quiet)
    assert main(["neighbours", str(out), "3", "-k", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    x = np.load(out)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    best = np.argsort(-(x @ x[3]))[1:3]
    assert [f"row {i}  {'abc'[i % 3]}" in line for i, line in zip(best, lines[1:], strict=True)]
    assert f"{x[best[0]] @ x[3]:.4f}" in lines[1] and lines[0].startswith("a")
    for by in ("kmeans", "coreset"):
        chosen = tmp_path / f"{by}.txt"
        arguments = ["select", str(out), "--count", "7", "--by", by, "--out", str(chosen)]
        assert main(arguments) == 0
        rows = [int(line) for line in chosen.read_text().split()]
        assert len(set(rows)) == 7
        again = chosen.read_text()
        assert main(arguments) == 0 and chosen.read_text() == again
        radius = 1 - (x @ x[rows].T).max(1)
        assert f"{radius.max():.4f} at most" in capsys.readouterr().err
    for words, arguments in {
        "rows 0 to 49": ["neighbours", str(out), "50"],
        "keeps no paths": ["neighbours", str(out), "cat.png"],
        "49 other examples": ["neighbours", str(out), "0", "-k", "50"],
        "has 50 examples": ["select", str(out), "--count", "51"],
        "there is no file": ["neighbours", str(tmp_path / "g.npy"), "0"],
    }.items():
        assert main(arguments) == 2
        assert words in capsys.readouterr().err
    sidecar = out.with_suffix(".json")
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "format": "other"}))
    assert main(["neighbours", str(out), "0"]) == 2
    assert "no whole file that jssl embed wrote" in capsys.readouterr().err


def test_the_greedy_coreset_covers_at_most_twice_as_far_as_needed(tmp_path):
    from jssl.interop.feature_files import FeatureFile
    from jssl.interop.subsets import select as subset

    angle = np.repeat(np.arange(4) * np.pi / 2, 10) + np.tile(np.linspace(0, 0.01, 10), 4)
    x = np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32)
    for by in ("kmeans", "coreset"):
        found = subset(FeatureFile(tmp_path, x, {}, {}), 4, by, seed=3)
        assert sorted(found.rows // 10) == [0, 1, 2, 3] and found.radius < 1e-3
    same = FeatureFile(tmp_path, np.ones((5, 2), np.float32), {}, {})
    assert sorted(subset(same, 4, "kmeans").rows) == sorted(set(subset(same, 4, "kmeans").rows))
    assert len(subset(same, 5, "coreset").rows) == 5
