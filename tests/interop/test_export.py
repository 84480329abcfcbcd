"""Encoders in four formats give the features of the encoder, and say what they are."""

import dataclasses
import json

import jax
import numpy as np
import pytest
from tiny_encoders import encoder

from jssl.encoders.mlp import MLP
from jssl.encoders.resnet import ResNet
from jssl.encoders.vit import ViT
from jssl.errors import UserError
from jssl.interop import exporting
from jssl.interop.encoder import load_encoder
from jssl.interop.exporting import export, features_of
from jssl.interop.timm_forward import timm_forward
from jssl.interop.timm_layout import to_timm
from jssl.testing.quick import quick_compilation

SMALL = {"patch_size": 4, "width": 16, "depth": 2, "heads": 2, "image_size": 8}


@pytest.fixture(autouse=True)
def quick():
    with quick_compilation():
        yield


def quiet(line):
    del line


@pytest.fixture(scope="module")
def vit():
    return encoder()


def test_safetensors_are_read_by_load_encoder_bit_for_bit(tmp_path, vit):
    found = export(vit, None, "safetensors", tmp_path / "out", log=quiet)
    assert found.difference == 0 and found.scale > 0.1
    back = load_encoder(tmp_path / "out")
    assert back.fingerprint == vit.fingerprint and back.module == vit.module
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "weights.safetensors",
        "config.json",
        "README.md",
    }


def test_stablehlo_takes_a_batch_of_any_size_on_three_platforms(tmp_path, vit):
    found = export(vit, None, "stablehlo", tmp_path, log=quiet)
    assert found.difference == 0
    exported = jax.export.deserialize(bytearray((tmp_path / "encoder.stablehlo").read_bytes()))
    assert exported.platforms == ("cpu", "cuda", "tpu")
    assert str(exported.in_avals[0].shape) == "(batch, 8, 8, 3)"
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["preprocessing"]["mean"] and config["fingerprint"] == vit.fingerprint


@pytest.mark.rotating
@pytest.mark.parametrize(
    "module",
    [
        ViT("Ti", **SMALL),
        ViT("Ti", **SMALL, pool="mean", registers=2, layer_scale=0.3, positions="learned"),
        ViT("Ti", **SMALL, pool="mean", class_token=True, scan=True, qkv_bias=False),
        ResNet(10, stem="imagenet"),
    ],
    ids=["cls", "registers", "stacked", "resnet"],
)
def test_timm_names_give_the_same_features_by_timms_definition(module):
    net = encoder(module, size=8 if isinstance(module, ViT) else 32)
    height, width, channels = net.input.shape
    arrays, config = to_timm(net.module, net.variables, (height, width), channels)
    x = exporting.inputs(net)
    difference, scale = exporting._compared(net, timm_forward(arrays, config, x), x)
    assert difference < 2e-5 * max(scale, 1)
    wrong = {**arrays, **{k: v + 1 for k, v in arrays.items() if k.endswith("norm1.bias")}}
    wrong |= {k: v * 2 for k, v in arrays.items() if k == "bn1.weight"}
    assert exporting._compared(net, timm_forward(wrong, config, x), x)[0] > 1e-3


TRANSFORMERS = {
    "ViTModel": ViT("Ti", **SMALL),
    "Dinov2Model": ViT("Ti", **SMALL, layer_scale=0.3, positions="learned", scan=True),
    "Dinov2WithRegistersModel": ViT("Ti", **SMALL, pool="mean", class_token=True, registers=2),
}


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformers_names_are_those_of_the_import(name, tmp_path):
    net = encoder(TRANSFORMERS[name])
    found = export(net, None, "transformers", tmp_path, log=quiet)
    assert found.difference < 1e-5 * found.scale
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == [name]
    assert f"transformers.{name}.from_pretrained" in (tmp_path / "README.md").read_text()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformers_reads_its_export(name, tmp_path):
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    net = encoder(TRANSFORMERS[name])
    export(net, None, "transformers", tmp_path, log=quiet)
    options = {"add_pooling_layer": False} if name == "ViTModel" else {}
    model, info = getattr(transformers, name).from_pretrained(
        tmp_path, output_loading_info=True, **options
    )
    assert not info["missing_keys"] and not info["unexpected_keys"]
    x = exporting.inputs(net)
    with torch.no_grad():
        pixels = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
        tokens = model.eval()(pixel_values=pixels).last_hidden_state.numpy()
    features = net.apply(net.variables, x)
    wanted = np.concatenate([features.extras["cls"][:, None], features.tokens], axis=1)
    skip = 1 + TRANSFORMERS[name].registers
    found = np.concatenate([tokens[:, :1], tokens[:, skip:]], axis=1)
    difference = np.abs(found - wanted).max()
    print(f"{name}: largest difference {difference:.1e} (largest value {np.abs(wanted).max():.2g})")
    assert difference < 1e-5 * np.abs(wanted).max()


def test_the_published_set_of_names_is_written_exactly():
    """Names and shapes of timm's vit_small (registers, layer scale) and resnet18, by count."""
    module = ViT(
        "S", patch_size=14, registers=4, layer_scale=1.0, positions="learned", image_size=28
    )
    shapes = jax.eval_shape(
        lambda x: module.init(jax.random.key(0), x, train=False),
        jax.ShapeDtypeStruct((1, 28, 28, 3), np.float32),
    )
    zeros = jax.tree.map(lambda leaf: np.broadcast_to(np.float32(0), leaf.shape), shapes)
    arrays, config = to_timm(module, zeros, (28, 28), 3)
    assert len(arrays) == 175  # timm's "vit_small_patch14_reg4_dinov2"
    assert arrays["blocks.3.attn.qkv.weight"].shape == (1152, 384)
    assert arrays["reg_token"].shape == (1, 4, 384) and config["model_args"]["no_embed_class"]
    module = ResNet(18, stem="imagenet")
    shapes = jax.eval_shape(
        lambda x: module.init(jax.random.key(0), x, train=False),
        jax.ShapeDtypeStruct((1, 32, 32, 3), np.float32),
    )
    zeros = jax.tree.map(lambda leaf: np.broadcast_to(np.float32(0), leaf.shape), shapes)
    arrays, _ = to_timm(module, zeros, (32, 32), 3)
    counted = [name for name in arrays if "running" not in name]
    assert sum(arrays[name].size for name in counted) == 11176512
    assert len(arrays) == 120 - 20  # without num_batches_tracked, which timm fills in


@pytest.mark.parametrize(
    "module",
    [ViT("Ti", **SMALL), ViT("Ti", **SMALL, scan=True), ResNet(10, width=1 / 16), MLP((8,))],
    ids=["vit", "scan", "resnet", "mlp"],
)
def test_onnx_runs_in_onnxruntime(module, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    net = encoder(module)
    found = export(net, None, "onnx", tmp_path, log=quiet)
    assert found.difference < 2e-5 * max(found.scale, 1)
    graph = onnx.load(tmp_path / "encoder.onnx").graph
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    kinds = [node.op_type for node in graph.node]
    if isinstance(module, ResNet):
        assert kinds.count("Conv") == 12  # plain convolutions, the 1x1 ones too
    x = exporting.inputs(net, 5, seed=1)
    from jssl.interop.onnx_graph import run_onnx

    np.testing.assert_allclose(
        run_onnx(tmp_path / "encoder.onnx", x), features_of(net)(x), atol=2e-5
    )


def test_hub_folder_and_refusals(tmp_path, vit, monkeypatch):
    said = []
    export(vit, None, "hf", tmp_path / "hub", licence="MIT", push=True, log=said.append)
    card = (tmp_path / "hub/README.md").read_text()
    assert card.startswith("---\nlicense: MIT\nlibrary_name: timm\n") and vit.fingerprint in card
    assert "nothing was uploaded" in said[0]
    assert "safetensors filter=lfs" in (tmp_path / "hub/.gitattributes").read_text()
    export(vit, None, "hf", tmp_path / "hub", log=quiet)  # an export is replaced
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    parts = dataclasses.replace(vit, whole=False)
    refused = [
        ("needs --licence", vit, "hf", {"push": True}),
        ("did you mean 'onnx'", vit, "onxx", {}),
        ("whose architectures timm has", encoder(MLP((8,))), "hf", {}),
        ("writes ViTs, not a ResNet", encoder(ResNet(10, width=1 / 16)), "transformers", {}),
        ("a class token", encoder(ViT("Ti", **SMALL, pool="mean")), "transformers", {}),
        ("with gated False", encoder(ViT("Ti", **SMALL, gated=True)), "transformers", {}),
        ("stem of large images", encoder(ResNet(10, width=1 / 16)), "hf", {}),
        ("exact|gated", encoder(ViT("Ti", **SMALL, gated=True)), "hf", {}),
        ("lose a part", parts, "safetensors", {}),
    ]
    for words, net, form, options in refused:
        with pytest.raises(UserError, match=words):
            export(net, None, form, tmp_path / "new", log=quiet, **options)
    with pytest.raises(UserError, match="something other than an export"):
        export(vit, None, "hf", other, log=quiet)
    assert [p.name for p in other.iterdir()] == ["notes.txt"]
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(UserError, match="pip install"):
        export(vit, None, "onnx", tmp_path / "new", log=quiet)


def test_an_operation_without_a_rule_is_named(tmp_path, vit):
    pytest.importorskip("onnx")
    from jssl.interop.onnx_graph import write_onnx

    def sorts(x):
        return jax.numpy.sort(x.reshape(x.shape[0], -1), axis=1)

    with pytest.raises(UserError, match="the encoder uses sort"):
        write_onnx(tmp_path / "x.onnx", sorts, vit.input)
    assert not list(tmp_path.iterdir())
