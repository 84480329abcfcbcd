"""Public vision transformers: the forward pass of the published definitions, in NumPy."""

import dataclasses
from pathlib import Path

import chex
import numpy as np
import pytest

from jssl.weights import Weights, import_weights, read_weights, save_weights
from jssl.weights.importing import export_names
from jssl.weights.safetensors import write_safetensors
from tests.weights import transformer_reference as ref
from tests.weights.published import Arrays

IMAGES = np.random.default_rng(1).normal(size=(2, 12, 12, 3)).astype(np.float32)
# Small variances show the epsilon.
IMAGES[1] *= 1e-3


def imported(folder: Path, arrays: Arrays, family: str, **fields: object) -> Weights:
    path = folder / "model.safetensors"
    write_safetensors(path, arrays)
    return import_weights(path, family, [f"{k}={v}" for k, v in fields.items()])


def deviation(found: Weights, wanted: np.ndarray) -> float:
    """Largest difference of the tokens, relative to the largest value."""
    encoder = found.encoder
    features = encoder.apply(found.variables, IMAGES, train=False)
    parts = [features.tokens]
    if encoder.registers:
        parts.insert(0, features.extras["registers"])
    if encoder.pool == "cls":
        parts.insert(0, features.extras["cls"][:, None])
    got = np.concatenate([np.asarray(part) for part in parts], axis=1)
    assert got.shape == wanted.shape
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())


def dinov3(**options: object) -> Arrays:
    arrays = ref.draw_vit(positions=False, registers=2, width=16, **options)
    arrays["storage_tokens"] = arrays.pop("register_tokens")
    arrays["rope_embed.periods"] = np.float32([1.0, 9.75])
    arrays["mask_token"] = np.ones((1, 16), np.float32)
    for i in range(2):
        mask = np.repeat([1.0, 0.0, 1.0], 16).astype(np.float32)
        arrays[f"blocks.{i}.attn.qkv.bias_mask"] = mask
    return arrays


def masked(arrays: Arrays) -> Arrays:
    """With the bias of the keys set to zero, as the mask does."""
    changed = dict(arrays)
    for i in range(2):
        name = f"blocks.{i}.attn.qkv.bias"
        changed[name] = arrays[name] * arrays[f"{name}_mask"]
    return changed


CASES = {
    "dino": (ref.AUTHORS, {}, "dino"),
    "timm without a class row": (ref.AUTHORS, {"class_row": False}, "timm_vit"),
    "ijepa": (ref.AUTHORS, {"class_token": False}, "ijepa"),
    "no bias": (ref.AUTHORS, {"bias": False}, "timm_vit"),
    "dinov2": (ref.SCALED, {}, "dinov2"),
    "dinov2 registers": (ref.SCALED, {"registers": 4}, "dinov2"),
    "dinov2 giant": (ref.SWIGLU, {"hidden": 40}, "dinov2"),
    "hf": (ref.HF, {"hf": True}, "hf_vit"),
    "hf dinov2": (ref.HF_SCALED, {"hf": True, "registers": 4}, "dinov2"),
    "moco_v3": (ref.AUTHORS, {}, "moco_v3"),
    "mae": (ref.AUTHORS, {}, "mae"),
    "deit": (ref.AUTHORS, {}, "deit"),
}


@pytest.mark.rotating
@pytest.mark.parametrize("case", CASES)
def test_tokens_are_those_of_the_definition(tmp_path: Path, case: str) -> None:
    names, options, family = CASES[case]
    arrays = ref.draw_vit(names, **options)
    found = imported(tmp_path, arrays, family, heads=2)
    assert deviation(found, ref.vit_forward(arrays, IMAGES, names)) < 2e-5
    assert set(found.used) == arrays.keys() and not found.unused
    # Out and in again gives the same bits, and the names are the published ones.
    again = export_names(found)
    assert again.keys() == arrays.keys()
    second = imported(tmp_path, again, family, heads=2)
    chex.assert_trees_all_equal(found.variables, second.variables, strict=True)
    for name, value in arrays.items():
        if not any(part in name for part in ("cls_token", "pos_embed", "position_embeddings")):
            assert again[name].reshape(-1).tobytes() == value.reshape(-1).tobytes(), name


@pytest.mark.parametrize("names", [ref.SCALED, ref.SPLIT], ids=["mlp", "swiglu"])
def test_dinov3(tmp_path: Path, names: ref.Names) -> None:
    arrays = dinov3(names=names)
    found = imported(tmp_path, arrays, "dinov3", heads=2, patch_size=4)
    periods = arrays["rope_embed.periods"].astype(np.float64)
    wanted = ref.vit_forward(masked(arrays), IMAGES, names, eps=1e-5, rope=periods)
    right = deviation(found, wanted)
    assert right < 2e-5
    assert found.encoder.eps == 1e-5 and found.unused == ("rope_embed.periods",)
    other = ref.vit_forward(masked(arrays), IMAGES, names, eps=1e-6, rope=periods)
    assert deviation(found, other) > 10 * right  # the test sees the epsilon
    assert set(export_names(found)) == arrays.keys() - {"rope_embed.periods"}
    folder = save_weights(tmp_path / "out", found)
    assert dataclasses.asdict(read_weights(folder).encoder) == dataclasses.asdict(found.encoder)


def test_halves_of_swiglu_and_parts_of_qkv_are_told_apart(tmp_path: Path) -> None:
    """Shapes cannot show these mistakes, so that the forward pass has to."""
    arrays = ref.draw_vit(ref.SWIGLU, hidden=40)
    found = imported(tmp_path, arrays, "dinov2", heads=2)
    for name, count in (("mlp.w12.weight", 2), ("attn.qkv.weight", 3)):
        wrong = dict(arrays)
        parts = np.split(arrays[f"blocks.0.{name}"], count)
        wrong[f"blocks.0.{name}"] = np.concatenate(parts[::-1])
        assert deviation(found, ref.vit_forward(wrong, IMAGES, ref.SWIGLU)) > 1e-2
