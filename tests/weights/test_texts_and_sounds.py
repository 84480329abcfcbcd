"""BERT, CLIP, wav2vec 2.0 and HuBERT: the forward pass of the published definitions, in NumPy."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from jssl.weights import Weights, import_weights
from jssl.weights.importing import export_names
from jssl.weights.safetensors import write_safetensors
from tests.weights import transformer_reference as ref
from tests.weights.published import Arrays, Draw

WIDTH, HEADS = 16, 2


def imported(folder: Path, arrays: Arrays, family: str) -> Weights:
    path = folder / "model.safetensors"
    write_safetensors(path, arrays)
    found = import_weights(path, family, ["heads=2"])
    again = export_names(found)
    assert set(again) == set(found.used)
    for name, value in again.items():
        if not any(part in name for part in ("class_embedding", "position", "pos_conv")):
            assert value.tobytes() == arrays[name].tobytes(), name
    return found


def close(got: object, wanted: np.ndarray) -> None:
    got = np.asarray(got)
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() < 3e-5 * np.abs(wanted).max()


BERT = ref.Names(
    "attention.output.LayerNorm",
    tuple(f"attention.self.{n}" for n in ("query", "key", "value")),
    "attention.output.dense",
    "output.LayerNorm",
    "intermediate.dense",
    "output.dense",
)
HF_CLIP = ref.Names(
    "layer_norm1",
    tuple(f"self_attn.{n}_proj" for n in "qkv"),
    "self_attn.out_proj",
    "layer_norm2",
    "mlp.fc1",
    "mlp.fc2",
)
OPENAI = ref.Names("ln_1", ("attn.in",), "attn.out_proj", "ln_2", "mlp.c_fc", "mlp.c_proj")
WAVE = ref.Names(
    "layer_norm",
    tuple(f"attention.{n}_proj" for n in "qkv"),
    "attention.out_proj",
    "final_layer_norm",
    "feed_forward.intermediate_dense",
    "feed_forward.output_dense",
)
IDS = np.array([[5, 9, 3, 7, 11, 4], [8, 2, 6, 0, 0, 0]])
REAL = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]], bool)


def test_bert_has_norms_after_the_sums_and_types_of_tokens(tmp_path: Path) -> None:
    draw, e = Draw(1), "embeddings"
    draw.add(f"{e}.word_embeddings.weight", 13, WIDTH)
    draw.add(f"{e}.position_embeddings.weight", 10, WIDTH)
    draw.add(f"{e}.token_type_embeddings.weight", 2, WIDTH)
    draw.norm(f"{e}.LayerNorm", WIDTH)
    ref.draw_blocks(draw, "encoder.layer.{i}", 2, WIDTH, BERT, 32)
    arrays = {f"bert.{name}": value for name, value in draw.arrays.items()}
    arrays["bert.pooler.dense.weight"] = np.ones((WIDTH, WIDTH), np.float32)
    arrays["cls.predictions.bias"] = np.ones(13, np.float32)
    path = tmp_path / "model.safetensors"
    write_safetensors(path, arrays)
    found = import_weights(path, "bert", ["heads=2"])
    assert len(found.unused) == 2
    assert {f"bert.{n}" for n in export_names(found)} == {*arrays} - {
        "bert.pooler.dense.weight",
        "cls.predictions.bias",
    }
    w = ref.doubles(draw.arrays)
    types = np.array([[0, 0, 0, 1, 1, 1], [0, 1, 1, 0, 0, 0]])
    x = w[f"{e}.word_embeddings.weight"][IDS] + w[f"{e}.position_embeddings.weight"][:6]
    x = ref.norm(w, f"{e}.LayerNorm", x + w[f"{e}.token_type_embeddings.weight"][types], 1e-12)
    options = {"eps": 1e-12, "post_norm": True, "mask": REAL[:, None, None]}
    wanted = ref.run_blocks(w, "encoder.layer.{i}", x, BERT, HEADS, **options)
    symbols = jnp.where(REAL, IDS + 1, 0)
    features = found.encoder.apply(
        found.variables, {"symbols": symbols, "types": jnp.asarray(types)}, train=False
    )
    close(features.tokens, wanted * REAL[..., None])
    mean = (wanted * REAL[..., None]).sum(1) / REAL.sum(1, keepdims=True)
    close(features.pooled, mean)


def clip(openai: bool) -> Arrays:
    draw = Draw(2)
    v, t = ("visual", "") if openai else ("vision_model.embeddings", "text_model.embeddings.")
    patch = "visual.conv1" if openai else f"{v}.patch_embedding"
    draw.add(f"{patch}.weight", WIDTH, 3, 4, 4)
    draw.add(f"{v}.class_embedding", WIDTH)
    draw.add(
        "visual.positional_embedding" if openai else f"{v}.position_embedding.weight", 10, WIDTH
    )
    draw.norm("visual.ln_pre" if openai else "vision_model.pre_layrnorm", WIDTH)
    draw.norm("visual.ln_post" if openai else "vision_model.post_layernorm", WIDTH)
    draw.add(f"{t}token_embedding.weight", 13, WIDTH)
    draw.add("positional_embedding" if openai else f"{t}position_embedding.weight", 8, WIDTH)
    draw.norm("ln_final" if openai else "text_model.final_layer_norm", WIDTH)
    for name in ("visual.proj", "text_projection") if openai else ():
        draw.add(name, WIDTH, 6)
    for name in () if openai else ("visual_projection", "text_projection"):
        draw.linear(name, 6, WIDTH, bias=False)
    for at in blocks(openai):
        ref.draw_blocks(draw, at, 2, WIDTH, OPENAI if openai else HF_CLIP, 32)
    draw.add("logit_scale")
    arrays = draw.arrays
    for name in [n for n in arrays if ".attn.in." in n]:
        arrays[name.replace(".attn.in.", ".attn.in_proj_")] = arrays.pop(name)
    return arrays


def blocks(openai: bool) -> tuple[str, str]:
    if openai:
        return "visual.transformer.resblocks.{i}", "transformer.resblocks.{i}"
    return "vision_model.encoder.layers.{i}", "text_model.encoder.layers.{i}"


@pytest.mark.parametrize("openai", [True, False], ids=["openai", "transformers"])
def test_clip(tmp_path: Path, openai: bool) -> None:
    arrays = clip(openai)
    w = ref.doubles(arrays)
    w |= {n.replace(".attn.in_proj_", ".attn.in."): x for n, x in w.items() if "in_proj" in n}
    names, options = (OPENAI if openai else HF_CLIP), {"eps": 1e-5, "act": "quick_gelu"}
    image_blocks, text_blocks = blocks(openai)

    found = imported(tmp_path, arrays, "clip_image")
    images = np.random.default_rng(1).normal(size=(2, 12, 12, 3)).astype(np.float32)
    v = "vision_model.embeddings"
    x = ref.patches(w, "visual.conv1" if openai else f"{v}.patch_embedding", np.float64(images))
    cls = w["visual.class_embedding" if openai else f"{v}.class_embedding"]
    x = np.concatenate([np.broadcast_to(cls, (2, 1, WIDTH)), x], axis=1)
    x = x + w["visual.positional_embedding" if openai else f"{v}.position_embedding.weight"]
    x = ref.norm(w, "visual.ln_pre" if openai else "vision_model.pre_layrnorm", x, 1e-5)
    x = ref.run_blocks(w, image_blocks, x, names, HEADS, **options)
    last = "visual.ln_post" if openai else "vision_model.post_layernorm"
    project = w["visual.proj"] if openai else w["visual_projection.weight"].T
    features = found.encoder.apply(found.variables, images, train=False)
    close(features.pooled, ref.norm(w, last, x[:, 0], 1e-5) @ project)

    found = imported(tmp_path, arrays, "clip_text")
    t = "" if openai else "text_model.embeddings."
    table = w["positional_embedding" if openai else f"{t}position_embedding.weight"]
    x = w[f"{t}token_embedding.weight"][IDS] + table[:6]
    x = ref.run_blocks(w, text_blocks, x, names, HEADS, mask=np.tri(6, dtype=bool), **options)
    x = ref.norm(w, "ln_final" if openai else "text_model.final_layer_norm", x, 1e-5)
    ends = x[np.arange(2), REAL.sum(1) - 1]
    project = w["text_projection"] if openai else w["text_projection.weight"].T
    symbols = jnp.where(REAL, IDS + 1, 0)
    features = found.encoder.apply(found.variables, symbols, train=False)
    close(features.pooled, ends @ project)


KERNELS, STRIDES = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)


def wave(large: bool) -> Arrays:
    draw, inner = Draw(4), 1
    for i, kernel in enumerate(KERNELS):
        at = f"feature_extractor.conv_layers.{i}"
        draw.add(f"{at}.conv.weight", 8, inner, kernel, std=(inner * kernel) ** -0.5)
        if large:
            draw.add(f"{at}.conv.bias", 8)
        if large or i == 0:
            draw.norm(f"{at}.layer_norm", 8)
        inner = 8
    draw.norm("feature_projection.layer_norm", 8)
    draw.linear("feature_projection.projection", WIDTH, 8)
    draw.add("masked_spec_embed", WIDTH)
    at = "encoder.pos_conv_embed.conv"
    g, v = ("weight_g", "weight_v") if large else (
        f"parametrizations.weight.original{k}" for k in (0, 1)
    )  # fmt: skip
    draw.add(f"{at}.{g}", 1, 1, 4, mean=1.0)
    draw.add(f"{at}.{v}", WIDTH, 4, 4)
    draw.add(f"{at}.bias", WIDTH)
    draw.norm("encoder.layer_norm", WIDTH)
    ref.draw_blocks(draw, "encoder.layers.{i}", 2, WIDTH, WAVE, 32)
    return draw.arrays


def conv1d(x: np.ndarray, w: np.ndarray, stride: int = 1, groups: int = 1) -> np.ndarray:
    """x [B, C, T], w [O, I, k] -> [B, O, T']."""
    views = np.lib.stride_tricks.sliding_window_view(x, w.shape[-1], axis=2)[:, :, ::stride]
    parts = zip(np.split(views, groups, axis=1), np.split(w, groups), strict=True)
    return np.concatenate([np.einsum("bctk,ock->bot", v, p) for v, p in parts], axis=1)


@pytest.mark.rotating
@pytest.mark.parametrize(("large", "family"), [(False, "wav2vec2"), (True, "hubert")])
def test_wav2vec2_and_hubert(tmp_path: Path, large: bool, family: str) -> None:
    arrays = wave(large)
    found = imported(tmp_path, arrays, family)
    w = ref.doubles(arrays)
    sounds = np.random.default_rng(1).normal(size=(2, 400 + 320 * 6)).astype(np.float32)
    x = np.float64(sounds)[:, None]
    for i, stride in enumerate(STRIDES):
        at = f"feature_extractor.conv_layers.{i}"
        x = conv1d(x, w[f"{at}.conv.weight"], stride)
        if large:
            x = x + w[f"{at}.conv.bias"][:, None]
            x = ref.norm(w, f"{at}.layer_norm", x.swapaxes(1, 2), 1e-5).swapaxes(1, 2)
        elif i == 0:
            mean, var = x.mean(2, keepdims=True), x.var(2, keepdims=True)
            x = (x - mean) / np.sqrt(var + 1e-5)
            x = x * w[f"{at}.layer_norm.weight"][:, None] + w[f"{at}.layer_norm.bias"][:, None]
        x = ref.ACTIVATIONS["gelu"](x)
    x = ref.norm(w, "feature_projection.layer_norm", x.swapaxes(1, 2), 1e-5)
    x = ref.linear(w, "feature_projection.projection", x)
    at = "encoder.pos_conv_embed.conv"
    g, v = (w[f"{at}.weight_g"], w[f"{at}.weight_v"]) if large else (
        w[f"{at}.parametrizations.weight.original{k}"] for k in (0, 1)
    )  # fmt: skip
    kernel = g * v / np.sqrt((v**2).sum((0, 1), keepdims=True))
    padded = np.pad(x.swapaxes(1, 2), ((0, 0), (0, 0), (2, 2)))
    places = conv1d(padded, kernel, groups=4)[:, :, :-1] + w[f"{at}.bias"][:, None]
    x = x + ref.ACTIVATIONS["gelu"](places).swapaxes(1, 2)
    x = x if large else ref.norm(w, "encoder.layer_norm", x, 1e-5)
    options = {"eps": 1e-5, "post_norm": not large}
    x = ref.run_blocks(w, "encoder.layers.{i}", x, WAVE, HEADS, **options)
    x = ref.norm(w, "encoder.layer_norm", x, 1e-5) if large else x
    close(found.encoder.apply(found.variables, sounds, train=False).tokens, x)
