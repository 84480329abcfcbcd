"""Weights of jssl's ViT under the names of transformers' ViT and DINOv2, with their configuration.

Names and operations on arrays are those of the import (`jssl.weights.families.vit_names`), read the
other way.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from jssl.core.state import paths
from jssl.encoders.vit import ViT
from jssl.errors import UserError
from jssl.interop.timm_layout import Arrays, position_table, unstacked
from jssl.nn import module as nn
from jssl.weights.families.vit_names import TRANSFORMERS
from jssl.weights.names import carry_back

_ELSE = "use --to safetensors, hf, stablehlo or onnx"
_PLAIN: dict[str, Any] = {
    "activation": "gelu",
    "gated": False,
    "dtype": "float32",
    "qk_norm": False,
    "input_norm": False,
    "patch_bias": True,
    "projection": 0,
    "lora": 0,
}
"""Fields that change the function of a ViT, with the values that transformers' models have."""
_OF_VIT = ("layernorm_before", "layernorm_after", "layer.{i}.intermediate", "layer.{i}.output")
_OF_DINOV2 = ("norm1", "norm2", "mlp", "layer_scale", "register_tokens", "mask_token")


def to_transformers(
    module: nn.Module, variables: Any, size: tuple[int, int], channels: int
) -> tuple[Arrays, dict[str, Any]]:
    """The arrays and the configuration of a `ViTModel`, `Dinov2Model` or one with registers.

    A ViT with layer scale or registers becomes DINOv2, with layer scales of 1 where it has none.

    Args:
      module: a `ViT` with a class token.
      variables: its variables.
      size: (H, W) of the images, for the table of positions.
      channels: of the images.

    Returns:
      (arrays by transformers' names, content of `config.json`).

    Raises:
      UserError: transformers has no such architecture.
    """
    if type(module) is not ViT:
        raise UserError(f"--to transformers writes ViTs, not a {type(module).__name__}: {_ELSE}")
    _refuse(module, size)
    width, depth, heads = module.shape
    grid, patch = module.grid(size), module.patch_size
    flat = {name: np.asarray(leaf, np.float32) for name, leaf in paths(variables).items()}
    flat = unstacked({name.removeprefix("params/"): leaf for name, leaf in flat.items()})
    table = position_table(module, flat, grid, width)
    flat["position_embedding/table"] = np.zeros((*grid, width)) if table is None else table
    mask = flat.pop("mask_token", np.zeros(width, np.float32))
    dinov2 = bool(module.registers) or module.layer_scale is not None
    if dinov2:
        flat["mask_token"] = mask
        for i in range(depth):
            for part in ("attention_scale", "mlp_scale"):
                flat.setdefault(f"transformer/block{i}/{part}", np.ones(width, np.float32))
    others = _OF_VIT if dinov2 else _OF_DINOV2
    rules = [r for r in TRANSFORMERS.rules if not any(o in s for o in others for s in r.source)]
    facts = {"patch": patch, "class_row": True, "rows": grid[0], "columns": grid[1]}
    arrays = carry_back({n: np.asarray(x, np.float32) for n, x in flat.items()}, rules, facts)
    name = "dinov2" if dinov2 else "vit"
    name += "_with_registers" if module.registers else ""
    classes = {"vit": "ViTModel", "dinov2": "Dinov2Model"}
    config: dict[str, Any] = {
        "model_type": name,
        "architectures": [classes.get(name, "Dinov2WithRegistersModel")],
        "hidden_size": width,
        "num_hidden_layers": depth,
        "num_attention_heads": heads,
        "hidden_act": "gelu",
        "layer_norm_eps": module.eps,
        "image_size": size[0],
        "patch_size": patch,
        "num_channels": channels,
        "qkv_bias": module.qkv_bias,
    }
    if dinov2:
        if module.mlp_ratio != int(module.mlp_ratio):
            raise UserError(
                "transformers' DINOv2 has MLPs of a whole multiple of the width, and this ViT has "
                f"mlp_ratio {module.mlp_ratio:g}: {_ELSE}"
            )
        ratio = int(module.mlp_ratio)
        config |= {"mlp_ratio": ratio, "use_swiglu_ffn": False, "layerscale_value": 1.0}
        config |= {"num_register_tokens": module.registers} if module.registers else {}
    else:
        config |= {"intermediate_size": round(module.mlp_ratio * width)}
    return arrays, config


def _refuse(vit: ViT, size: tuple[int, int]) -> None:
    has_class = vit.pool == "cls" if vit.class_token is None else vit.class_token
    if not has_class:
        raise UserError(f"--to transformers writes ViTs with a class token: {_ELSE}")
    if size[0] != size[1]:
        raise UserError(f"--to transformers writes ViTs of square images, not {size}: {_ELSE}")
    for name, wanted in _PLAIN.items():
        if getattr(vit, name, wanted) != wanted:
            raise UserError(
                f"--to transformers writes ViTs with {name} {wanted!r}, and this one has "
                f"{getattr(vit, name)!r}: {_ELSE}"
            )
