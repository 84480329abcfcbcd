"""`jssl import`, sharded files, and the start of an experiment from weights."""

import json
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.cli import main
from jssl.encoders import ViT
from jssl.errors import UserError
from jssl.methods.masked.mae import MAE
from jssl.weights import import_weights, load
from jssl.weights.safetensors import write_safetensors
from jssl.weights.starting import adopted, selected
from tests.weights import transformer_reference as ref
from tests.weights.published import Arrays, Draw, resnet

WIDTH = 16


def mae() -> Arrays:
    draw = Draw(9)
    draw.linear("decoder_embed", 8, WIDTH)
    draw.add("mask_token", 1, 1, 8)
    draw.add("decoder_pos_embed", 1, 10, 8)
    ref.draw_blocks(draw, "decoder_blocks.{i}", 1, 8, ref.AUTHORS, 32)
    draw.norm("decoder_norm", 8)
    draw.linear("decoder_pred", 48, 8)
    return {**ref.draw_vit(), **draw.arrays}


def test_a_file_becomes_a_folder_of_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, folder = tmp_path / "model.safetensors", tmp_path / "out"
    write_safetensors(path, mae())
    assert main(["import", str(path), "--as", "mae", "--set", "heads=2", "--to", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "names used, 1 left out (decoder_pos_embed" in said and "decoder_output" in said
    config = json.loads((folder / "config.json").read_text())
    assert config["family"] == "mae" and config["source"] == "model.safetensors"
    assert len(config["sha256"]) == 64
    encoder, variables, preprocessing = load(folder)
    features = encoder.apply(variables, jnp.zeros((1, 12, 12, 3)), train=False)
    assert features.pooled.shape == (1, WIDTH) and preprocessing["size"] == 12
    # Refusals are one sentence, with status 2.
    for arguments, says in (
        ([str(path), "--as", "meo"], "did you mean 'mae'"),
        ([str(path), "--as", "mae"], "--set heads=N"),
        ([str(path), "--as", "resnet"], "none of the layouts of resnet"),
        ([str(path), "--as", "mae", "--set", "heads=2", "--to", str(tmp_path)], "something other"),
        ([], "takes a file or folder"),
    ):
        assert main(["import", *arguments]) == 2
        error = capsys.readouterr().err
        assert says in error and error.count("\n") == 1
    assert main(["import", "--list"]) == 0 and "dinov2" in capsys.readouterr().out


def test_shards_are_one_file(tmp_path: Path) -> None:
    arrays = resnet((1, 1, 1, 1), 4, bottleneck=False)
    names = sorted(arrays)
    parts = {"model-00001-of-00002.safetensors": names[::2]}
    parts["model-00002-of-00002.safetensors"] = names[1::2]
    for file, keys in parts.items():
        write_safetensors(tmp_path / file, {key: arrays[key] for key in keys})
    index = {"weight_map": {key: file for file, keys in parts.items() for key in keys}}
    place = tmp_path / "model.safetensors.index.json"
    place.write_text(json.dumps(index))
    assert len(import_weights(tmp_path, "resnet").used) == len(names) - 12
    index["weight_map"][names[0]] = "../model.safetensors"
    place.write_text(json.dumps(index))
    with pytest.raises(UserError, match="outside of its folder"):
        import_weights(tmp_path, "resnet")
    index["weight_map"][names[0]] = "model-00002-of-00002.safetensors"
    place.write_text(json.dumps(index))
    with pytest.raises(UserError, match="in only one of them"):
        import_weights(tmp_path, "resnet")


def test_an_experiment_takes_the_encoder_and_the_decoder(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    write_safetensors(path, mae())
    weights = import_weights(path, "mae", ["heads=2"])
    own = ViT("Ti", patch_size=8, drop_path=0.1, scan=True)
    assert adopted(own, weights, "x") == (
        "encoder.patch_size=4",
        "encoder.width=16",
        "encoder.depth=2",
        "encoder.heads=2",
        "encoder.positions='learned'",
        "encoder.image_size=12",
        "encoder.class_token=True",
        "encoder.interpolation='torch'",
    )
    with pytest.raises(UserError, match="trains a MAE"):
        adopted(MAE(), weights, "x")
    method = MAE(8, 1, 2, decoder_class_token=True)
    keep, masked = jnp.zeros((1, 4), int), jnp.zeros((1, 12), int)

    def shapes(encoder: ViT, method: MAE) -> dict:
        net = method.net(encoder)
        start = partial(net.init, train=False)
        x = jnp.zeros((1, 16, 16, 3))
        return jax.eval_shape(start, jax.random.key(0), x, keep, masked)["params"]

    said: list[str] = []
    encoder = weights.encoder.clone(scan=True, lora=2, image_size=16)
    wanted = shapes(encoder, method)
    taken = selected(weights, wanted, {}, "MAE", "file", said.append)
    parts = {name.split("/")[1] for name in taken}
    assert parts == {"encoder", "decoder", "decoder_embedding", "decoder_output", "mask_token"}
    kernel = taken["params/encoder/transformer/blocks/attention/out/kernel"]
    assert kernel.shape == (2, WIDTH, WIDTH)
    assert taken["params/encoder/position_embedding/table"].shape == (4, 4, WIDTH)
    assert "lora_a" in said[-1] and not any("lora" in name for name in taken)
    other = shapes(encoder, MAE(16, 1, 2))
    selected(weights, other, {}, "MAE", "file", said.append)
    assert any("decoder of file is not taken" in line for line in said)
    narrow = shapes(encoder.clone(mlp_ratio=2.0), method)
    with pytest.raises(UserError, match="in the shape"):
        selected(weights, narrow, {}, "MAE", "file", said.append)


def test_the_decoder_sees_the_class_token_by_choice() -> None:
    encoder = ViT("Ti", patch_size=4, width=8, depth=1, heads=2, positions="learned")
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 8, 8, 3)), jnp.float32)
    keep, masked = jnp.array([[0, 3]]), jnp.array([[1, 2]])
    nets = [MAE(8, 1, 2, decoder_class_token=seen).net(encoder) for seen in (False, True)]
    variables = jax.jit(partial(nets[0].init, train=False))(jax.random.key(0), x, keep, masked)

    @jax.jit
    def both(variables: dict) -> list[jax.Array]:
        return [net.apply(variables, x, keep, masked, train=False)[1] for net in nets]

    without, seen = both(variables)
    assert without.shape == seen.shape == (1, 4, 48)
    assert not np.allclose(without, seen)
