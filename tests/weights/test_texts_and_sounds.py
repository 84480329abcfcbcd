"""BERT, CLIP, wav2vec 2.0 and HuBERT: the forward pass of the published definitions, in NumPy."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from jssl.weights import Weights, import_weights
from jssl.weights.importing import export_names
from jssl.weights.safetensors import write_safetensors
from tests.weights import transformer_reference as ref
from tests.weights.layouts import (
    BERT,
    HF_CLIP,
    OPENAI,
    STRIDES,
    WAVE,
    WIDTH,
    bert,
    blocks,
    clip,
    wave,
)
from tests.weights.published import Arrays

HEADS = 2


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


IDS = np.array([[5, 9, 3, 7, 11, 4], [8, 2, 6, 0, 0, 0]])
REAL = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]], bool)


def test_bert_has_norms_after_the_sums_and_types_of_tokens(tmp_path: Path) -> None:
    drawn, e = bert(), "embeddings"
    arrays = {f"bert.{name}": value for name, value in drawn.items()}
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
    w = ref.doubles(drawn)
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
