"""Weights of jssl's ViT and ResNet under the names of timm, with the configuration that it reads.

The arrays of both sides are described in `jssl.weights`; PyTorch keeps a linear layer as [out, in]
and a convolution as [out, in, rows, columns].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jssl.core.state import paths
from jssl.encoders.resnet import DEPTHS, ResNet
from jssl.encoders.vit import ViT
from jssl.errors import UserError
from jssl.nn import module as nn
from jssl.nn.positions import interpolate, sincos_2d

Arrays = dict[str, np.ndarray]


def to_timm(
    module: nn.Module, variables: Any, size: tuple[int, int], channels: int
) -> tuple[Arrays, dict[str, Any]]:
    """The arrays and the model's description.

    Args:
      module: a `ViT` or `ResNet`.
      variables: its variables.
      size: (H, W) of the images, for the table of positions.
      channels: of the images.

    Returns:
      (arrays by timm's names, {"architecture", "num_features", "global_pool", "model_args"}).

    Raises:
      UserError: timm has no such architecture.
    """
    if channels not in (1, 3):
        raise UserError(f"timm reads images of 1 or 3 channels, and these have {channels}")
    flat = {name: np.asarray(leaf, np.float32) for name, leaf in paths(variables).items()}
    if type(module) is ViT:
        return _vit(module, flat, size, channels)
    if type(module) is ResNet:
        return _resnet(module, flat, channels)
    raise UserError(
        f"--to hf writes ViT and ResNet, whose architectures timm has, and this run's encoder is a "
        f"{type(module).__name__}: use --to safetensors, stablehlo or onnx"
    )


def _dense(flat: Mapping[str, np.ndarray], ours: str, theirs: str) -> Arrays:
    found = {f"{theirs}.weight": flat[f"{ours}/kernel"].T}
    if f"{ours}/bias" in flat:
        found[f"{theirs}.bias"] = flat[f"{ours}/bias"]
    return found


def _norm(flat: Mapping[str, np.ndarray], ours: str, theirs: str) -> Arrays:
    return {f"{theirs}.weight": flat[f"{ours}/scale"], f"{theirs}.bias": flat[f"{ours}/bias"]}


def _vit(
    vit: ViT, flat: Mapping[str, np.ndarray], size: tuple[int, int], channels: int
) -> tuple[Arrays, dict[str, Any]]:
    """Names of `timm.models.vision_transformer.VisionTransformer`."""
    flat = unstacked({k.removeprefix("params/"): v for k, v in flat.items()})
    width, depth, heads = vit.shape
    grid = vit.grid(size)
    has_class = vit.pool == "cls" if vit.class_token is None else vit.class_token
    _refuse(vit)
    kernel = flat["patch_embedding/kernel"].reshape(vit.patch_size, vit.patch_size, channels, width)
    found = {
        "patch_embed.proj.weight": kernel.transpose(3, 2, 0, 1),
        "patch_embed.proj.bias": flat["patch_embedding/bias"],
    }
    if has_class:
        found["cls_token"] = flat["class_token"].reshape(1, 1, width)
    if vit.registers:
        found["reg_token"] = flat["register_tokens"][None]
    table = position_table(vit, flat, grid, width)
    if table is not None:  # prefix tokens have no position here, which is `no_embed_class` there
        found["pos_embed"] = table.reshape(1, -1, width)
    for i in range(depth):
        ours, theirs = f"transformer/block{i}", f"blocks.{i}"
        found |= _norm(flat, f"{ours}/attention_norm", f"{theirs}.norm1")
        found |= _dense(flat, f"{ours}/attention/qkv", f"{theirs}.attn.qkv")
        found |= _dense(flat, f"{ours}/attention/out", f"{theirs}.attn.proj")
        found |= _norm(flat, f"{ours}/mlp_norm", f"{theirs}.norm2")
        found |= _dense(flat, f"{ours}/mlp/dense0", f"{theirs}.mlp.fc1")
        found |= _dense(flat, f"{ours}/mlp/dense1", f"{theirs}.mlp.fc2")
        if vit.layer_scale is not None:
            found[f"{theirs}.ls1.gamma"] = flat[f"{ours}/attention_scale"]
            found[f"{theirs}.ls2.gamma"] = flat[f"{ours}/mlp_scale"]
    found |= _norm(flat, "transformer/norm", "norm")
    pool = "token" if vit.pool == "cls" else "avg"
    arguments = {
        "img_size": list(size),
        "patch_size": vit.patch_size,
        "in_chans": channels,
        "embed_dim": width,
        "depth": depth,
        "num_heads": heads,
        "mlp_ratio": vit.mlp_ratio,
        "qkv_bias": vit.qkv_bias,
        "init_values": vit.layer_scale,
        "class_token": has_class,
        "reg_tokens": vit.registers,
        "no_embed_class": True,
        "pos_embed": "none" if table is None else "learn",
        "global_pool": pool,
        "fc_norm": False,
    }
    config = {
        "architecture": "vit_base_patch16_224",  # every size is given in the arguments
        "num_features": width,
        "global_pool": pool,
        "model_args": {key: value for key, value in arguments.items() if value is not None},
    }
    return found, config


def _refuse(vit: ViT) -> None:
    activations = {"gelu": "exact GELU"}
    for wrong, words in (
        (vit.gated, "gated MLPs"),
        (vit.activation not in activations, f"the activation {vit.activation}"),
        (vit.dtype != "float32", f"the dtype {vit.dtype}"),
        *((getattr(vit, name, other) != other, f"{name} {getattr(vit, name, other)}")
          for name, other in _PLAIN.items()),
    ):  # fmt: skip
        if wrong:
            raise UserError(
                f"--to hf writes plain ViTs, and this one has {words}; use --to safetensors, "
                "stablehlo or onnx"
            )


_PLAIN: dict[str, Any] = {
    "eps": 1e-6,
    "qk_norm": False,
    "input_norm": False,
    "patch_bias": True,
    "projection": 0,
    "lora": 0,
}
"""Fields that change the function of a ViT, with the values that timm's plain ViT has."""


def position_table(
    vit: ViT, flat: Mapping[str, np.ndarray], grid: tuple[int, int], width: int
) -> np.ndarray | None:
    """The positions of a ViT's patches as a table [rows, columns, width]; None if it has none.

    Raises:
      UserError: they are no table.
    """
    if vit.positions == "none":
        return None
    if vit.positions == "learned":
        table = flat["position_embedding/table"]
        if table.shape[:2] == grid:
            return table
        return np.asarray(interpolate(table, grid, vit.interpolation))
    if vit.positions not in ("sincos", "sincos_mae"):
        raise UserError(f"this form has ViTs with a table of positions, not {vit.positions!r}")
    reference = None if vit.image_size is None else vit.grid(vit.image_size)
    order = "columns" if vit.positions == "sincos_mae" else "rows"
    return np.asarray(sincos_2d(grid, width, reference, order=order), np.float32)


def unstacked(flat: Mapping[str, np.ndarray]) -> Arrays:
    """Blocks that a loop keeps stacked, each under its own name."""
    found: Arrays = {}
    for name, value in flat.items():
        if name.startswith("transformer/blocks/"):
            rest = name.removeprefix("transformer/blocks/")
            found |= {f"transformer/block{i}/{rest}": part for i, part in enumerate(value)}
        else:
            found[name] = value
    return found


def _resnet(
    net: ResNet, flat: Mapping[str, np.ndarray], channels: int
) -> tuple[Arrays, dict[str, Any]]:
    """Names of `timm.models.resnet.ResNet`, which are torchvision's."""
    if net.stem != "imagenet" or net.width != 1 or net.dtype != "float32":
        raise UserError(
            "--to hf writes ResNets with the stem of large images and the standard width in "
            f"float32, and this one has stem {net.stem!r}, width {net.width:g} and dtype "
            f"{net.dtype}; use --to safetensors, stablehlo or onnx"
        )
    kind, blocks = DEPTHS[net.depth]
    found: Arrays = {}

    def unit(ours: str, conv: str, conv_to: str, norm: str, norm_to: str) -> None:
        found[f"{conv_to}.weight"] = flat[f"params/{ours}{conv}/kernel"].transpose(3, 2, 0, 1)
        found[f"{norm_to}.weight"] = flat[f"params/{ours}{norm}/scale"]
        found[f"{norm_to}.bias"] = flat[f"params/{ours}{norm}/bias"]
        found[f"{norm_to}.running_mean"] = flat[f"batch_stats/{ours}{norm}/mean"]
        found[f"{norm_to}.running_var"] = flat[f"batch_stats/{ours}{norm}/var"]

    unit("", "stem_conv", "conv1", "stem_norm", "bn1")
    for stage, count in enumerate(blocks, start=1):
        for block in range(count):
            ours, theirs = f"stage{stage}_block{block}/", f"layer{stage}.{block}"
            for c in range(2 if kind == "basic" else 3):
                unit(ours, f"conv{c}", f"{theirs}.conv{c + 1}", f"norm{c}", f"{theirs}.bn{c + 1}")
            if f"params/{ours}conv_shortcut/kernel" in flat:
                down = f"{theirs}.downsample"
                unit(ours, "conv_shortcut", f"{down}.0", "norm_shortcut", f"{down}.1")
    names = {10: "resnet18", 18: "resnet18", 34: "resnet34", 50: "resnet50", 101: "resnet101"}
    config = {
        "architecture": names.get(net.depth, "resnet152"),
        "num_features": 512 if kind == "basic" else 2048,
        "global_pool": "avg",
        "model_args": {"in_chans": channels, "layers": list(blocks)}
        | ({"base_width": round(64 * net.inner)} if net.inner != 1 else {}),
    }
    return found, config
