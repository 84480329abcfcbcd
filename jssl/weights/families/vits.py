"""Vision transformers: timm, DeiT, DINO, DINOv2, DINOv3, MAE, MoCo v3, I-JEPA."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from jssl.encoders.vit import ViT
from jssl.errors import UserError
from jssl.weights.families.vit_names import AUTHORS, DINOV3_TRANSFORMERS, MAE, TRANSFORMERS
from jssl.weights.family import CONTAINERS, IMAGENET, Built, Family, Keys

HEADS = {192: 3, 384: 6, 768: 12, 1024: 16, 1280: 16, 1408: 16, 1536: 24, 4096: 32}
"""Heads by width, which no shape shows; `--set heads=N` for another width."""

_HALF = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "resize": 248}
_SATELLITES = {"mean": (0.430, 0.411, 0.296), "std": (0.213, 0.156, 0.143)}
_OUTPUTS = ("mlp.fc2", "mlp.w3", "mlp.weights_out", "mlp.down_proj", "output.dense")


def heads_of(keys: Keys, width: int, known: Mapping[int, int] = HEADS) -> int:
    """The number of attention heads: from the configuration, or from the width.

    Raises:
      UserError: neither tells it, and the user gave none.
    """
    stated = keys.config.get("num_attention_heads")
    if isinstance(stated, int) and stated > 0:
        return stated
    if any(text.replace(" ", "").startswith("heads=") for text in keys.settings):
        return 1  # replaced by the user's
    if width not in known:
        raise UserError(
            f"{keys.where} has tokens of width {width}, and no shape shows the number of attention "
            "heads: give it with --set heads=N"
        )
    return known[width]


def _vit(
    keys: Keys, heads: Mapping[int, int] = HEADS, interpolation: str = "torch", **fields: Any
) -> Built:
    """A `ViT` of the sizes that the shapes show."""
    if keys.has(r"vit\..*"):  # ViT-MAE of transformers, whose decoder has another prefix
        shapes = {name.removeprefix("vit."): shape for name, shape in keys.shapes.items()}
        keys = dataclasses.replace(keys, shapes=shapes)
    before = "embeddings." if keys.has(r"embeddings\.patch_embeddings\..*") else ""
    width, channels, patch = keys.shape(
        "patch_embed.proj.weight",
        "embeddings.patch_embeddings.projection.weight",
        "embeddings.patch_embeddings.weight",
    )[:3]
    names = (f"{before}{n}" for n in ("register_tokens", "reg_token", "storage_tokens"))
    registers = next((keys.shape(n)[1] for n in names if n in keys.shapes), 0)
    has_class = f"{before}cls_token" in keys.shapes
    output = next(n for n in _OUTPUTS if keys.has(rf"(.*\.)?0\.{n}\.weight"))
    hidden = next(s[1] for n, s in keys.shapes.items() if n.endswith(f".0.{output}.weight"))
    fused = any(n.endswith(".0.mlp.fc1.weight") and s[0] == 2 * hidden for n, s in
                keys.shapes.items())  # fmt: skip
    gated = fused or keys.has(r".*\.0\.mlp\.(w12|w1|weights_in|gate_proj|fc1_g)\.weight")
    side, facts = 224 // patch * patch, {"patch": patch, "fused": fused, "gated": gated}
    if fields.get("positions", "learned") == "learned":
        count = keys.shape("pos_embed", "embeddings.position_embeddings")[1]
        row = has_class and math.isqrt(count) ** 2 != count
        rows = math.isqrt(count - row)
        if rows * rows != count - row:
            raise UserError(f"{keys.where} has {count} positions, which are no square grid")
        side, facts = rows * patch, {**facts, "rows": rows, "columns": rows, "class_row": row}
        fields = {"positions": "learned", "image_size": side, **fields}
    encoder = ViT(
        width=width,
        depth=keys.count(r"(?:blocks|encoder\.layer|layer|model\.layer)\.(\d+)\.norm1\.weight")
        or keys.count(r"encoder\.layer\.(\d+)\.layernorm_before\.weight"),
        heads=heads_of(keys, width, heads),
        patch_size=patch,
        pool="cls" if has_class else "mean",
        registers=registers,
        layer_scale=1.0 if keys.has(r".*\.0\.(ls1\.|gamma_1|layer_scale1\.).*") else None,
        mlp_ratio=hidden / width,
        gated=gated,
        activation="silu" if gated else "gelu",
        qkv_bias=keys.has(r".*\.0\.attn(\.qkv\.|\.q_)bias|.*\.0\..*(query|q_proj)\.bias"),
        qk_norm=keys.has(r".*\.0\.attn\.q_norm\.weight"),
        kernel_init="trunc_normal",
        interpolation=interpolation,
        **{"eps": keys.config.get("layer_norm_eps", 1e-6), **fields},
    )
    inputs = _timm(keys.config) or {"size": side, "resize": round(side * 8 / 7)}
    return Built(encoder, ((1, side, side, channels), "float32"), facts, inputs)


def _timm(config: Mapping[str, Any]) -> dict[str, Any]:
    """Preprocessing of timm's `pretrained_cfg`."""
    stated = config.get("pretrained_cfg")
    if not isinstance(stated, Mapping):
        return {}
    size = int(stated.get("input_size", (3, 224, 224))[1])
    return {
        "size": size,
        "resize": round(size / float(stated.get("crop_pct", 0.9))),
        "interpolation": str(stated.get("interpolation", "bicubic")),
        "mean": tuple(map(float, stated.get("mean", _HALF["mean"]))),
        "std": tuple(map(float, stated.get("std", _HALF["std"]))),
    }


def _dinov2(keys: Keys) -> Built:
    """Those with registers interpolate positions with antialiasing, the others with an offset."""
    registers = keys.has(r"(embeddings\.)?(register_tokens|reg_token)")
    built = _vit(keys, interpolation="timm" if registers else "dino")
    inputs = {"size": 224, "resize": 256}  # the table of 518 pixels is interpolated
    return Built(built.encoder, built.sample, built.facts, inputs)


def _dinov3(keys: Keys) -> Built:
    """Rotary positions, with the periods of the file where it has them."""
    periods: tuple[float, ...] = ()
    if "rope_embed.periods" in keys.shapes:
        periods = tuple(float(x) for x in keys.read("rope_embed.periods").reshape(-1))
    eps = keys.config.get("layer_norm_eps", 1e-5)
    built = _vit(keys, {**HEADS, 1280: 20}, positions="rope", rope_periods=periods, eps=eps)
    satellites = _SATELLITES if "sat493m" in keys.where else {}
    facts = {**built.facts, "masked_bias": True}
    return Built(built.encoder, built.sample, facts, {**built.preprocessing, **satellites})


def _mae(keys: Keys) -> Built:
    """Published configurations of transformers have eps 1e-12; the weights were trained at 1e-6."""
    return _vit(keys, order="columns", eps=1e-6)


_PLAIN = (AUTHORS, TRANSFORMERS)

FAMILIES = (
    Family(
        "timm_vit",
        "timm's ViTs, also with registers, layer scale, QK normalisation and SwiGLU",
        (AUTHORS,),
        partial(_vit, interpolation="timm"),
        preprocessing={**IMAGENET, **_HALF},
    ),
    Family("deit", "DeiT and DeiT III", _PLAIN, _vit, parts=("vit.", "deit."),
           preprocessing=IMAGENET),
    Family("hf_vit", "transformers' ViT", (TRANSFORMERS,), _vit, parts=("vit.",),
           preprocessing={**IMAGENET, **_HALF, "resize": 224}),
    Family(
        "dino",
        "DINO, iBOT and MSN: the backbone, or the teacher of a full checkpoint",
        _PLAIN,
        partial(_vit, interpolation="dino"),
        containers=("", "teacher", "target_encoder", *CONTAINERS[1:]),
        parts=("backbone.", "vit."),
        preprocessing=IMAGENET,
    ),
    Family(
        "dinov2",
        "DINOv2 without and with registers, S to g",
        _PLAIN,
        _dinov2,
        parts=("backbone.", "dinov2.", "dinov2_with_registers."),
        preprocessing=IMAGENET,
    ),
    Family(
        "dinov3",
        "DINOv3's ViTs",
        (AUTHORS, DINOV3_TRANSFORMERS),
        _dinov3,
        parts=("backbone.", "model."),
        preprocessing=IMAGENET,
    ),
    Family(
        "mae",
        "MAE: the encoder, and the decoder where the file has it",
        MAE,
        _mae,
        preprocessing=IMAGENET,
    ),
    Family(
        "moco_v3",
        "MoCo v3's ViTs, the S of which has 12 heads",
        (AUTHORS,),
        partial(_vit, heads={**HEADS, 384: 12}),
        parts=("base_encoder.",),
        preprocessing=IMAGENET,
    ),
    Family(
        "ijepa",
        "I-JEPA: the target encoder",
        _PLAIN,
        _vit,
        containers=("target_encoder", "encoder", *CONTAINERS),
        parts=("ijepa.",),
        preprocessing=IMAGENET,
    ),
)  # fmt: skip
