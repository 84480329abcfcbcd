"""Models of PyTorch, timm and transformers with random weights, as their authors save them.

Each entry of `CASES` writes a checkpoint into a folder and gives the model's own output on an
input; nothing of PyTorch is imported before. docs/write_weights.py makes the table of deviations
of docs/weights.md from them.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jssl.encoders.features import Features
from jssl.methods.masked.mae import MAE
from jssl.weights import Weights, import_weights

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(2, 3, 32, 32)).astype(np.float32)
SOUNDS = RNG.normal(size=(2, 4000)).astype(np.float32)
IDS = RNG.integers(1, 99, size=(2, 7))
IDS[:, -1] = 99  # CLIP's end of a text
KEEP, MASKED = np.array([[1, 4, 14], [7, 0, 3]]), 16
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
VISION = {**SIZES, "image_size": 32, "patch_size": 8}
WAVE = {
    **SIZES,
    "intermediate_size": 64,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "vocab_size": 10,
}
TIMM = {"embed_dim": 32, "depth": 2, "num_heads": 2, "img_size": 32, "patch_size": 8}

Forward = Callable[[Weights], jax.Array]


@dataclasses.dataclass(frozen=True)
class Case:
    """A model beside its import.

    Attributes:
      family: as `--as` takes it.
      write: writes the checkpoint into a folder, and returns the model's output as an array.
      forward: the same output from the import.
      settings: of the encoder, that shapes do not show.
    """

    family: str
    write: Callable[[Path], np.ndarray]
    forward: Forward
    settings: tuple[str, ...] = ()


def compared(case: Case, folder: Path) -> tuple[float, int, int]:
    """(largest difference over the largest value, names used, names left out)."""
    wanted = case.write(folder)
    found = import_weights(folder, case.family, case.settings)
    with jax.default_matmul_precision("highest"):
        got = np.asarray(case.forward(found))
    assert got.shape == wanted.shape, (got.shape, wanted.shape)
    deviation = float(np.abs(got - wanted).max() / np.abs(wanted).max())
    return deviation, len(found.used), len(found.unused)


def _noisy(model: Any) -> Any:
    """A model in evaluation mode with noise on all parameters and statistics."""
    import torch

    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.add_(0.1 * torch.randn_like(buffer))
            if name.endswith("running_var"):
                buffer.mul_(1 + 0.5 * torch.rand_like(buffer))
    return model.eval()


def _run(model: Callable[..., Any], x: np.ndarray, **options: Any) -> np.ndarray:
    import torch

    with torch.no_grad():
        found = model(torch.from_numpy(x), **options)
    found = getattr(found, "last_hidden_state", found)
    return getattr(found, "pooler_output", found).numpy()


# --- the import's side --------------------------------------------------------------------


def _applied(found: Weights, x: Any) -> Features:
    return jax.jit(lambda v, x: found.encoder.apply(v, x, train=False))(found.variables, x)


def _pixels() -> np.ndarray:
    return IMAGES.transpose(0, 2, 3, 1)


def all_tokens(found: Weights) -> jax.Array:
    """Class token, registers and patches, [B, N, D]."""
    features = _applied(found, _pixels())
    parts = [features.tokens]
    if "registers" in features.extras:
        parts.insert(0, features.extras["registers"])
    if "cls" in features.extras:
        parts.insert(0, features.extras["cls"][:, None])
    return jnp.concatenate(parts, axis=1)


def last_map(found: Weights) -> jax.Array:
    """The last feature map, [B, C, h, w]."""
    return _applied(found, _pixels()).extras["stage4"].transpose(0, 3, 1, 2)


def decoded(found: Weights) -> jax.Array:
    """The predictions of MAE's decoder for the patches that `KEEP` leaves, [B, N, P]."""
    method = MAE(16, 2, 2, decoder_class_token=True)
    params = {"encoder": found.variables["params"], **found.heads}
    masked = np.stack([np.setdiff1d(np.arange(MASKED), row) for row in KEEP])
    net = method.net(found.encoder)
    run = jax.jit(lambda p, x: net.apply({"params": p}, x, KEEP, masked, train=False)[1])
    return run(params, _pixels())


def _tokens_of(x: np.ndarray) -> Forward:
    return lambda found: _applied(found, x).tokens


def _pooled_of(x: np.ndarray) -> Forward:
    return lambda found: _applied(found, x).pooled


# --- transformers -----------------------------------------------------------------------


def _transformers(
    name: str, x: np.ndarray, folder: Path, *, method: str = "", config: Any = None, **sizes: Any
) -> np.ndarray:
    import transformers

    made = getattr(transformers, f"{name}Config")(**(sizes if config is None else config))
    model = _noisy(getattr(transformers, f"{name}Model")(made))
    model.save_pretrained(folder)
    return _run(getattr(model, method) if method else model, x)


def _hf(name: str, family: str, forward: Forward, x: np.ndarray, **sizes: Any) -> Case:
    return Case(family, lambda folder: _transformers(name, x, folder, **sizes), forward)


_TEXT = {**SIZES, "vocab_size": 100, "intermediate_size": 64, "max_position_embeddings": 16}
_CLIP = {
    "text_config": {**_TEXT, "eos_token_id": 99, "bos_token_id": 98},
    "vision_config": {**VISION, "intermediate_size": 64},
    "projection_dim": 24,
}
_SYMBOLS = (IDS + 1).astype(np.int32)
_LARGE = {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True}


# --- timm and the authors' codes ----------------------------------------------------------


def _timm_model(name: str, **options: Any) -> Any:
    import timm

    return _noisy(timm.create_model(name, pretrained=False, num_classes=0, **options))


def _saved(content: Any, folder: Path) -> None:
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    torch.save(content, folder / "checkpoint.pth")


def _timm(name: str, folder: Path, **options: Any) -> np.ndarray:
    model = _timm_model(name, **options)
    _saved(model.state_dict(), folder)
    return _run(model.forward_features, IMAGES)


def _prefixed(model: Any, prefix: str) -> dict[str, Any]:
    return {f"{prefix}{name}": value for name, value in model.state_dict().items()}


def _moco_v3(folder: Path) -> np.ndarray:
    """A checkpoint of MoCo v3: `ModelWrapper` in DistributedDataParallel; ViT-S has 12 heads."""
    from torch import nn

    sizes = {**TIMM, "embed_dim": 384, "num_heads": 12}
    base, momentum = (_timm_model("vit_small_patch16_224", **sizes) for _ in range(2))
    momentum.norm.weight.data.mul_(3)
    head = nn.Sequential(
        *(nn.Linear(384, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(inplace=True)),
        *(nn.Linear(64, 16, bias=False), nn.BatchNorm1d(16, affine=False)),
    )
    state = {
        **_prefixed(base, "module.base_encoder."),
        **_prefixed(head, "module.base_encoder.head."),
        **_prefixed(momentum, "module.momentum_encoder."),
        **_prefixed(head, "module.momentum_encoder.head."),
        **_prefixed(head, "module.predictor."),
    }
    content = {"epoch": 300, "arch": "vit_small", "state_dict": state, "optimizer": {"state": {}}}
    _saved(content, folder)
    return _run(base.forward_features, IMAGES)


def _dino(folder: Path) -> np.ndarray:
    """A full checkpoint of DINO: a student in DistributedDataParallel, a teacher, and the rest."""
    import torch
    from torch import nn

    student, teacher = (_timm_model("vit_small_patch16_224", **TIMM) for _ in range(2))
    student.norm.weight.data.mul_(3)
    last = nn.utils.weight_norm(nn.Linear(8, 40, bias=False))
    head = nn.ModuleDict({"mlp": nn.Sequential(nn.Linear(32, 8), nn.GELU()), "last_layer": last})
    content = {
        "student": {**_prefixed(student, "module.backbone."), **_prefixed(head, "module.head.")},
        "teacher": {**_prefixed(teacher, "backbone."), **_prefixed(head, "head.")},
        "optimizer": torch.optim.AdamW(student.parameters()).state_dict(),
        "epoch": 100,
        "args": argparse.Namespace(arch="vit_small", patch_size=8),
        "dino_loss": {"center": torch.zeros(1, 40)},
        "fp16_scaler": {"scale": 1.0, "_growth_tracker": 0},
    }
    _saved(content, folder)
    return _run(teacher.forward_features, IMAGES)


def _mae(folder: Path) -> np.ndarray:
    """MAE's published decoder on its encoder; the predictions for all patches."""
    import torch
    from timm.models.vision_transformer import Block
    from torch import nn

    from jssl.nn.positions import sincos_2d

    def table(width: int) -> Any:
        rows = np.asarray(sincos_2d((4, 4), width, order="columns"), np.float32).reshape(16, width)
        return torch.from_numpy(np.concatenate([np.zeros_like(rows[:1]), rows])[None])

    class Decoder(nn.Module):
        """`forward_decoder` of models_mae.py."""

        def __init__(self) -> None:
            super().__init__()
            options = {"qkv_bias": True, "norm_layer": partial(nn.LayerNorm, eps=1e-6)}
            self.decoder_embed = nn.Linear(32, 16)
            self.mask_token = nn.Parameter(torch.randn(1, 1, 16))
            self.decoder_pos_embed = nn.Parameter(table(16), requires_grad=False)
            self.decoder_blocks = nn.ModuleList([Block(16, 2, 4, **options) for _ in range(2)])
            self.decoder_norm = nn.LayerNorm(16, eps=1e-6)
            self.decoder_pred = nn.Linear(16, 8 * 8 * 3)

        def forward(self, x: Any, restore: Any) -> Any:
            x = self.decoder_embed(x)
            tokens = self.mask_token.expand(len(x), restore.shape[1] + 1 - x.shape[1], -1)
            rest = torch.cat([x[:, 1:], tokens], dim=1)
            rest = torch.gather(rest, 1, restore[..., None].expand(-1, -1, x.shape[2]))
            x = torch.cat([x[:, :1], rest], dim=1) + self.decoder_pos_embed
            for block in self.decoder_blocks:
                x = block(x)
            return self.decoder_pred(self.decoder_norm(x))[:, 1:]

    encoder, decoder = _timm_model("vit_base_patch16_224", **TIMM), _noisy(Decoder())
    encoder.pos_embed.data, decoder.decoder_pos_embed.data = table(32), table(16)
    _saved({"model": {**encoder.state_dict(), **decoder.state_dict()}}, folder)
    order = np.stack([[*row, *np.setdiff1d(np.arange(MASKED), row)] for row in KEEP])
    with torch.no_grad():
        x = encoder.patch_embed(torch.from_numpy(IMAGES)) + encoder.pos_embed[:, 1:]
        x = torch.gather(x, 1, torch.from_numpy(KEEP)[..., None].expand(-1, -1, 32))
        first = (encoder.cls_token + encoder.pos_embed[:, :1]).expand(len(x), -1, -1)
        x = torch.cat([first, x], dim=1)
        x = encoder.norm(encoder.blocks(x))
        return decoder(x, torch.from_numpy(order.argsort(1))).numpy()


def _vissl(folder: Path) -> np.ndarray:
    """A RegNetY under ClassyVision's names in a checkpoint of VISSL, as SEER's are."""
    import re

    model = _timm_model("regnety_004")
    ends = {
        **{f"conv{k}.conv": f"f.{part}.0" for k, part in ((1, "a"), (2, "b"))},
        **{f"conv{k}.bn": f"f.{part}.1" for k, part in ((1, "a"), (2, "b"))},
        **{"conv3.conv": "f.c", "conv3.bn": "f.final_bn"},
        **{"se.fc1": "f.se.excitation.0", "se.fc2": "f.se.excitation.2"},
        **{"downsample.conv": "proj", "downsample.bn": "bn"},
    }
    trunk = {}
    for name, value in model.state_dict().items():
        if name.startswith("stem."):
            part = name.replace("stem.conv", "stem.0").replace("stem.bn", "stem.1")
            trunk[f"_feature_blocks.conv1.{part}"] = value
        elif name.startswith("s"):
            stage, block, inner, end = re.fullmatch(r"s(\d)\.b(\d+)\.(.*)\.(\w+)", name).groups()
            at = f"_feature_blocks.res{int(stage) + 1}.block{stage}-{int(block) - 1}"
            trunk[f"{at}.{ends[inner]}.{end}"] = value
    heads = {"0.projection_head.0.weight": model.state_dict()["stem.conv.weight"]}
    base = {"model": {"trunk": trunk, "heads": heads}}
    _saved({"classy_state_dict": {"base_model": base}, "phase_idx": 3}, folder)
    return _run(model.forward_features, IMAGES)


def _timm_case(name: str, family: str = "timm_vit", **options: Any) -> Case:
    vit = family == "timm_vit"
    sizes = TIMM if vit else {}
    settings = ("heads=2",) if vit else ()
    forward = all_tokens if vit else last_map
    return Case(family, lambda f: _timm(name, f, **sizes, **options), forward, settings)


CASES: Mapping[str, Case] = {
    "transformers ViT": _hf("ViT", "hf_vit", all_tokens, IMAGES, **VISION, intermediate_size=64),
    "transformers DINOv2": _hf("Dinov2", "dinov2", all_tokens, IMAGES, **VISION),
    "transformers DINOv2 registers, SwiGLU": _hf(
        "Dinov2WithRegisters", "dinov2", all_tokens, IMAGES, **VISION, use_swiglu_ffn=True
    ),
    "transformers DINOv3": _hf(
        *("DINOv3ViT", "dinov3", all_tokens, IMAGES),
        **VISION, num_register_tokens=4, intermediate_size=64,
    ),
    "transformers DINOv3 SwiGLU": _hf(
        *("DINOv3ViT", "dinov3", all_tokens, IMAGES),
        **VISION, num_register_tokens=4, intermediate_size=64, use_gated_mlp=True,
        hidden_act="silu",
    ),
    "transformers I-JEPA": _hf(
        "IJepa", "ijepa", all_tokens, IMAGES, **VISION, intermediate_size=64
    ),
    "transformers BERT": _hf("Bert", "bert", _tokens_of(_SYMBOLS), IDS, **_TEXT),
    "transformers wav2vec 2.0 base": _hf(
        "Wav2Vec2", "wav2vec2", _tokens_of(SOUNDS), SOUNDS, **WAVE
    ),
    "transformers wav2vec 2.0 large": _hf(
        "Wav2Vec2", "wav2vec2", _tokens_of(SOUNDS), SOUNDS, **WAVE, **_LARGE
    ),
    "transformers HuBERT base": _hf("Hubert", "hubert", _tokens_of(SOUNDS), SOUNDS, **WAVE),
    "transformers CLIP image": _hf(
        *("CLIP", "clip_image", _pooled_of(IMAGES.transpose(0, 2, 3, 1)), IMAGES),
        method="get_image_features", config=_CLIP,
    ),
    "transformers CLIP text": _hf(
        *("CLIP", "clip_text", _pooled_of(_SYMBOLS), IDS), method="get_text_features", config=_CLIP
    ),
    "timm vit_small_patch16_224": _timm_case("vit_small_patch16_224"),
    "timm vit_small_patch14_reg4_dinov2": _timm_case("vit_small_patch14_reg4_dinov2"),
    "timm deit3_small_patch16_224": _timm_case("deit3_small_patch16_224"),
    "timm vit_giant_patch14_dinov2": _timm_case("vit_giant_patch14_dinov2"),
    "timm vit_small_patch16_224 with QK norms": _timm_case("vit_small_patch16_224", qk_norm=True),
    "timm resnet18": _timm_case("resnet18", "resnet"),
    "timm resnet50": _timm_case("resnet50", "resnet"),
    "timm wide_resnet50_2": _timm_case("wide_resnet50_2", "resnet"),
    "timm regnety_004": _timm_case("regnety_004", "timm_regnet"),
    "DINO's full checkpoint": Case("dino", _dino, all_tokens, ("heads=2",)),
    "MoCo v3's checkpoint, ViT-S": Case("moco_v3", _moco_v3, all_tokens),
    "MAE's encoder and decoder": Case("mae", _mae, decoded, ("heads=2",)),
    "VISSL's RegNetY": Case("vissl_regnet", _vissl, last_map),
}  # fmt: skip
"""By the name in the table."""
