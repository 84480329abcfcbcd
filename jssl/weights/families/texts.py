"""BERT and MiniLM, and CLIP's two encoders."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from jssl.encoders.text import SymbolTransformer
from jssl.encoders.vit import ViT
from jssl.errors import UserError
from jssl.weights.families.vit_names import split_qkv
from jssl.weights.families.vits import heads_of
from jssl.weights.family import IMAGENET, Built, Family, Keys, Layout
from jssl.weights.names import Rule, affine, layer_norm, rule

Rules = tuple[Rule, ...]

_BERT_HEADS = {128: 2, 256: 4, 312: 12, 384: 12, 512: 8, 768: 12, 1024: 16}
_MASK = {30522: 103, 28996: 103}  # id of [MASK] by the size of BERT's vocabularies


def _bert(at: str = "") -> Rules:
    block, own = f"{at}encoder.layer.{{i}}", "transformer/block{i}"
    names = tuple(f"{block}.attention.self.{name}" for name in ("query", "key", "value"))
    return (
        rule(f"{at}embeddings.word_embeddings.weight", "symbols", "symbols", "!mask_id"),
        rule(
            f"{at}embeddings.word_embeddings.weight",
            "symbols mask_token",
            "symbols_and_mask",
            "mask_id",
        ),
        rule(f"{at}embeddings.position_embeddings.weight", "position_table"),
        rule(f"{at}embeddings.token_type_embeddings.weight", "type_table"),
        *layer_norm(f"{at}embeddings.LayerNorm", "input_norm"),
        *split_qkv(names, f"{own}/attention/qkv"),
        *affine(f"{block}.attention.output.dense", f"{own}/attention/out"),
        *layer_norm(f"{block}.attention.output.LayerNorm", f"{own}/attention_norm"),
        *affine(f"{block}.intermediate.dense", f"{own}/mlp/dense0"),
        *affine(f"{block}.output.dense", f"{own}/mlp/dense1"),
        *layer_norm(f"{block}.output.LayerNorm", f"{own}/mlp_norm"),
    )


def _bert_built(keys: Keys) -> Built:
    """Post-norm, epsilon 1e-12, symbols k + 1 for BERT's id k, and 0 for padding."""
    vocabulary, width = keys.shape("embeddings.word_embeddings.weight")
    config = keys.config
    encoder = SymbolTransformer(
        width=width,
        depth=keys.count(r"encoder\.layer\.(\d+)\..*"),
        heads=heads_of(keys, width, _BERT_HEADS),
        pool="mean",
        mlp_ratio=keys.shape("encoder.layer.0.intermediate.dense.weight")[0] / width,
        vocabulary=vocabulary + 1,
        positions="learned",
        max_length=keys.shape("embeddings.position_embeddings.weight")[0],
        token_types=keys.shape("embeddings.token_type_embeddings.weight")[0],
        post_norm=True,
        input_norm=True,
        eps=float(config.get("layer_norm_eps", 1e-12)),
        kernel_init="trunc_normal",
    )
    facts = {"mask_id": _MASK.get(vocabulary, 0)}
    return Built(encoder, ((1, 8), "int32"), facts, {"max_length": encoder.max_length})


BERT = Layout(
    "transformers",
    (r"embeddings\.word_embeddings\.weight", r"encoder\.layer\.0\.attention\.self\.query\.weight"),
    _bert(),
    (r"pooler\..*", r"cls\..*", r"(.*\.)?position_ids", r"classifier\..*"),
)


def _resblocks(source: str) -> Rules:
    """The blocks of OpenAI's CLIP."""
    own = "transformer/block{i}"
    return (
        *layer_norm(f"{source}.ln_1", f"{own}/attention_norm"),
        rule(f"{source}.attn.in_proj_weight", f"{own}/attention/qkv/kernel", "dense"),
        rule(f"{source}.attn.in_proj_bias", f"{own}/attention/qkv/bias"),
        *affine(f"{source}.attn.out_proj", f"{own}/attention/out"),
        *layer_norm(f"{source}.ln_2", f"{own}/mlp_norm"),
        *affine(f"{source}.mlp.c_fc", f"{own}/mlp/dense0"),
        *affine(f"{source}.mlp.c_proj", f"{own}/mlp/dense1"),
    )


def _layers(source: str) -> Rules:
    """The blocks of transformers' CLIP."""
    own = "transformer/block{i}"
    names = tuple(f"{source}.self_attn.{name}_proj" for name in "qkv")
    return (
        *layer_norm(f"{source}.layer_norm1", f"{own}/attention_norm"),
        *split_qkv(names, f"{own}/attention/qkv"),
        *affine(f"{source}.self_attn.out_proj", f"{own}/attention/out"),
        *layer_norm(f"{source}.layer_norm2", f"{own}/mlp_norm"),
        *affine(f"{source}.mlp.fc1", f"{own}/mlp/dense0"),
        *affine(f"{source}.mlp.fc2", f"{own}/mlp/dense1"),
    )


_IDS = r"(.*\.)?position_ids"

IMAGE = (
    Layout(
        "openai",
        (r"visual\.class_embedding", r"visual\.conv1\.weight"),
        (
            rule("visual.conv1.weight", "patch_embedding/kernel", "patch"),
            rule(
                "visual.class_embedding visual.positional_embedding",
                "class_token position_embedding/table",
                "bare_class_row",
            ),
            *layer_norm("visual.ln_pre", "input_norm"),
            *_resblocks("visual.transformer.resblocks.{i}"),
            *layer_norm("visual.ln_post", "transformer/norm"),
            rule("visual.proj", "projection/kernel"),
        ),
        (r"(?!visual\.).*",),
    ),
    Layout(
        "transformers",
        (r"vision_model\.embeddings\.class_embedding",),
        (
            rule(
                "vision_model.embeddings.patch_embedding.weight", "patch_embedding/kernel", "patch"
            ),
            rule(
                "vision_model.embeddings.class_embedding "
                "vision_model.embeddings.position_embedding.weight",
                "class_token position_embedding/table",
                "bare_class_row",
            ),
            *layer_norm("vision_model.pre_layrnorm", "input_norm"),
            *_layers("vision_model.encoder.layers.{i}"),
            *layer_norm("vision_model.post_layernorm", "transformer/norm"),
            rule("visual_projection.weight", "projection/kernel", "dense"),
        ),
        (r"text_.*", r"logit_.*", _IDS),
    ),
)

TEXT = (
    Layout(
        "openai",
        (r"token_embedding\.weight", r"transformer\.resblocks\.0\..*"),
        (
            rule("token_embedding.weight", "symbols", "symbols"),
            rule("positional_embedding", "position_table"),
            *_resblocks("transformer.resblocks.{i}"),
            *layer_norm("ln_final", "transformer/norm"),
            rule("text_projection", "projection/kernel"),
        ),
        (r"visual\..*", r"logit_.*", "input_resolution", "context_length", "vocab_size"),
    ),
    Layout(
        "transformers",
        (r"text_model\.embeddings\.token_embedding\.weight",),
        (
            rule("text_model.embeddings.token_embedding.weight", "symbols", "symbols"),
            rule("text_model.embeddings.position_embedding.weight", "position_table"),
            *_layers("text_model.encoder.layers.{i}"),
            *layer_norm("text_model.final_layer_norm", "transformer/norm"),
            rule("text_projection.weight", "projection/kernel", "dense"),
        ),
        (r"vision_model\..*", r"visual_.*", r"logit_.*", _IDS),
    ),
)


def _config(keys: Keys, part: str) -> Mapping[str, Any]:
    """The part of transformers' configuration for one of the two encoders."""
    found = keys.config.get(f"{part}_config", keys.config)
    return found if isinstance(found, Mapping) else {}


def _activation(config: Mapping[str, Any]) -> str:
    name = str(config.get("hidden_act", "quick_gelu"))
    known = {"quick_gelu": "quick_gelu", "gelu": "gelu", "gelu_pytorch_tanh": "gelu_tanh"}
    if name not in known:
        raise UserError(f"CLIP with the activation {name!r} is not known: {', '.join(known)} are")
    return known[name]


def _heads(keys: Keys, config: Mapping[str, Any], width: int) -> int:
    stated = config.get("num_attention_heads")
    return stated if isinstance(stated, int) and stated > 0 else heads_of(keys, width, _by_64)


class _By64(dict):  # CLIP's heads are 64 wide throughout
    def __contains__(self, width: object) -> bool:
        return isinstance(width, int) and width % 64 == 0

    def __missing__(self, width: int) -> int:
        return width // 64


_by_64 = _By64()


def _clip_image(keys: Keys) -> Built:
    """Norm before the blocks, QuickGELU, epsilon 1e-5, a projection of the class token."""
    config = _config(keys, "vision")
    kernel = keys.shape("visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight")
    width, channels, patch = kernel[:3]
    count = keys.shape(
        "visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"
    )[0]
    rows = math.isqrt(count - 1)
    if rows * rows != count - 1:
        raise UserError(f"{keys.where} has {count} positions, which are no square grid and one")
    out = keys.shapes.get("visual.proj", (0, 0))[1]
    out = keys.shapes.get("visual_projection.weight", (out,))[0]
    hidden = keys.shape(
        "visual.transformer.resblocks.0.mlp.c_fc.weight",
        "vision_model.encoder.layers.0.mlp.fc1.weight",
    )[0]
    encoder = ViT(
        width=width,
        depth=keys.count(r"visual\.transformer\.resblocks\.(\d+)\..*")
        or keys.count(r"vision_model\.encoder\.layers\.(\d+)\..*"),
        heads=_heads(keys, config, width),
        patch_size=patch,
        positions="learned",
        image_size=rows * patch,
        mlp_ratio=hidden / width,
        activation=_activation(config),
        eps=float(config.get("layer_norm_eps", 1e-5)),
        input_norm=True,
        patch_bias=False,
        projection=out,
        interpolation="torch",
        kernel_init="trunc_normal",
    )
    side = rows * patch
    facts = {"patch": patch, "rows": rows, "columns": rows}
    inputs = {"size": side, "resize": side}
    return Built(encoder, ((1, side, side, channels), "float32"), facts, inputs)


def _clip_text(keys: Keys) -> Built:
    """Causal, QuickGELU, epsilon 1e-5; the pooled vector is that of the end of the text."""
    config = _config(keys, "text")
    vocabulary, width = keys.shape(
        "token_embedding.weight", "text_model.embeddings.token_embedding.weight"
    )
    length = keys.shape("positional_embedding", "text_model.embeddings.position_embedding.weight")[
        0
    ]
    out = keys.shapes.get("text_projection", (0, 0))[1]
    out = keys.shapes.get("text_projection.weight", (out,))[0]
    hidden = keys.shape(
        "transformer.resblocks.0.mlp.c_fc.weight", "text_model.encoder.layers.0.mlp.fc1.weight"
    )[0]
    encoder = SymbolTransformer(
        width=width,
        depth=keys.count(r"transformer\.resblocks\.(\d+)\..*")
        or keys.count(r"text_model\.encoder\.layers\.(\d+)\..*"),
        heads=_heads(keys, config, width),
        pool="last",
        mlp_ratio=hidden / width,
        vocabulary=vocabulary + 1,
        positions="learned",
        max_length=length,
        causal=True,
        activation=_activation(config),
        eps=float(config.get("layer_norm_eps", 1e-5)),
        projection=out,
        kernel_init="trunc_normal",
    )
    return Built(encoder, ((1, min(8, length)), "int32"), {}, {"max_length": length})


_CLIP_PIXELS = {
    "mean": (0.48145466, 0.4578275, 0.40821073),
    "std": (0.26862954, 0.26130258, 0.27577711),
}
_OFFSET = "symbol k + 1 is id k of the published vocabulary, and 0 is padding"

FAMILIES = (
    Family("clip_image", "CLIP's image encoder (ViT), with its projection", IMAGE, _clip_image,
           preprocessing={**IMAGENET, **_CLIP_PIXELS}),
    Family("clip_text", "CLIP's text encoder, with its projection", TEXT, _clip_text,
           preprocessing={"kind": "text", "tokenizer": "clip_bpe", "symbols": _OFFSET}),
    Family(
        "bert",
        "BERT, MiniLM and other encoders of these names, such as those of sentence-transformers",
        (BERT,),
        _bert_built,
        parts=("bert.",),
        preprocessing={
            "kind": "text",
            "tokenizer": "wordpiece",
            "special": ("[CLS]", "[SEP]"),
            "symbols": _OFFSET,
        },
    ),
)  # fmt: skip
