"""Names of the parameters of public vision transformers."""

from __future__ import annotations

import dataclasses

from jssl.weights.family import Layout
from jssl.weights.names import Rule, affine, layer_norm, rule

Rules = tuple[Rule, ...]

_HEADS = (
    r"(fc_)?head(_dist)?\..*",
    r"rope_embed\.periods",
    r"local_cls_norm\..*",
    r"(dino|ibot)_head\..*",
)


def when(fact: str, rules: Rules) -> Rules:
    """Rules that apply only where a fact holds."""
    return tuple(dataclasses.replace(entry, when=fact) for entry in rules)


def positions(cls: str, table: str) -> Rules:
    """A class token and a table of positions, with or without a row for it."""
    return (
        rule(f"{cls} {table}", "class_token position_embedding/table", "class_row", "class_row"),
        rule(cls, "class_token", "tokens", "!class_row"),
        rule(table, "position_embedding/table", "table", "!class_row"),
    )


def swiglu(both: str, last: str, target: str) -> Rules:
    """A gated MLP whose first two matrices are one."""
    return (
        rule(f"{both}.weight", f"{target}/mlp/dense0/kernel {target}/mlp/gate/kernel", "swiglu"),
        rule(f"{both}.bias", f"{target}/mlp/dense0/bias {target}/mlp/gate/bias", "swiglu_bias"),
        *affine(last, f"{target}/mlp/dense1"),
    )


def blocks(source: str, target: str) -> Rules:
    """The blocks of timm and of the authors' codes; both names end in `{i}`."""
    attention = f"{target}/attention"
    bias = f"{source}.attn.qkv.bias"
    fused = swiglu(f"{source}.mlp.fc1", f"{source}.mlp.fc2", target)
    return (
        *layer_norm(f"{source}.norm1", f"{target}/attention_norm"),
        rule(f"{source}.attn.qkv.weight", f"{attention}/qkv/kernel", "dense"),
        rule(bias, f"{attention}/qkv/bias", "same", "!masked_bias"),
        rule(f"{bias} {bias}_mask?", f"{attention}/qkv/bias", "masked_bias", "masked_bias"),
        rule(f"{source}.attn.q_bias {source}.attn.v_bias", f"{attention}/qkv/bias", "qv_bias"),
        *layer_norm(f"{source}.attn.q_norm", f"{attention}/query_norm"),
        *layer_norm(f"{source}.attn.k_norm", f"{attention}/key_norm"),
        *affine(f"{source}.attn.proj", f"{attention}/out"),
        rule(f"{source}.ls1.gamma|{source}.gamma_1", f"{target}/attention_scale"),
        *layer_norm(f"{source}.norm2", f"{target}/mlp_norm"),
        *when("!fused", affine(f"{source}.mlp.fc1", f"{target}/mlp/dense0")),
        *when("!fused", affine(f"{source}.mlp.fc2", f"{target}/mlp/dense1")),
        *when("fused", fused),
        *affine(f"{source}.mlp.w1|{source}.mlp.fc1_g", f"{target}/mlp/dense0"),
        *affine(f"{source}.mlp.w2|{source}.mlp.fc1_x", f"{target}/mlp/gate"),
        *swiglu(f"{source}.mlp.w12", f"{source}.mlp.w3", target),
        rule(f"{source}.ls2.gamma|{source}.gamma_2", f"{target}/mlp_scale"),
    )


AUTHORS = Layout(
    "authors",
    (r"patch_embed\.proj\.weight", r"blocks\.0\.norm1\.weight"),
    (
        *affine("patch_embed.proj", "patch_embedding", "patch"),
        *positions("cls_token", "pos_embed"),
        rule("register_tokens|reg_token|storage_tokens", "register_tokens", "tokens"),
        rule("mask_token", "mask_token", "row"),
        *blocks("blocks.{i}", "transformer/block{i}"),
        *layer_norm("norm", "transformer/norm"),
    ),
    _HEADS,
)


def split_qkv(sources: tuple[str, ...], target: str) -> Rules:
    """Queries, keys and values that are layers of their own; the keys may lack a bias."""
    weights = " ".join(f"{name}.weight" for name in sources)
    biases = [f"{name}.bias" for name in sources]
    biases[1] += "?"
    return (
        rule(weights, f"{target}/kernel", "qkv"),
        rule(" ".join(biases), f"{target}/bias", "qkv_bias"),
    )


def transformers_blocks(source: str, target: str) -> Rules:
    """The blocks of transformers' ViT, ViT-MAE, I-JEPA and DINOv2."""
    inner = f"{source}.attention.attention"
    names = tuple(f"{inner}.{name}" for name in ("query", "key", "value"))
    return (
        *layer_norm(f"{source}.layernorm_before", f"{target}/attention_norm"),
        *layer_norm(f"{source}.norm1", f"{target}/attention_norm"),
        *split_qkv(names, f"{target}/attention/qkv"),
        *affine(f"{source}.attention.output.dense", f"{target}/attention/out"),
        rule(f"{source}.layer_scale1.lambda1", f"{target}/attention_scale"),
        *layer_norm(f"{source}.layernorm_after", f"{target}/mlp_norm"),
        *layer_norm(f"{source}.norm2", f"{target}/mlp_norm"),
        *affine(f"{source}.intermediate.dense", f"{target}/mlp/dense0"),
        *affine(f"{source}.output.dense", f"{target}/mlp/dense1"),
        *affine(f"{source}.mlp.fc1", f"{target}/mlp/dense0"),
        *affine(f"{source}.mlp.fc2", f"{target}/mlp/dense1"),
        *swiglu(f"{source}.mlp.weights_in", f"{source}.mlp.weights_out", target),
        rule(f"{source}.layer_scale2.lambda1", f"{target}/mlp_scale"),
    )


def _transformers(before: str = "") -> Rules:
    return (
        *affine(f"{before}embeddings.patch_embeddings.projection", "patch_embedding", "patch"),
        *positions(f"{before}embeddings.cls_token", f"{before}embeddings.position_embeddings"),
        rule(f"{before}embeddings.register_tokens", "register_tokens", "tokens"),
        rule(f"{before}embeddings.mask_token", "mask_token", "row"),
        *transformers_blocks(f"{before}encoder.layer.{{i}}", "transformer/block{i}"),
        *layer_norm(f"{before}layernorm", "transformer/norm"),
    )


_PATCHES = r"embeddings\.patch_embeddings\.projection\.weight"

TRANSFORMERS = Layout(
    "transformers",
    (_PATCHES, r"encoder\.layer\.0\..*"),
    _transformers(),
    (r"pooler\..*", r"(cls_)?classifier\..*"),
)

DINOV3_TRANSFORMERS = Layout(
    "transformers",
    (r"embeddings\.patch_embeddings\.weight", r"layer\.0\.norm1\.weight"),
    (
        *affine("embeddings.patch_embeddings", "patch_embedding", "patch"),
        rule("embeddings.cls_token", "class_token", "tokens"),
        rule("embeddings.register_tokens", "register_tokens", "tokens"),
        rule("embeddings.mask_token", "mask_token", "row"),
        *layer_norm("layer.{i}.norm1", "transformer/block{i}/attention_norm"),
        *split_qkv(
            tuple(f"layer.{{i}}.attention.{n}_proj" for n in "qkv"),
            "transformer/block{i}/attention/qkv",
        ),
        *affine("layer.{i}.attention.o_proj", "transformer/block{i}/attention/out"),
        rule("layer.{i}.layer_scale1.lambda1", "transformer/block{i}/attention_scale"),
        *layer_norm("layer.{i}.norm2", "transformer/block{i}/mlp_norm"),
        *when("!gated", affine("layer.{i}.mlp.up_proj", "transformer/block{i}/mlp/dense0")),
        *when("gated", affine("layer.{i}.mlp.gate_proj", "transformer/block{i}/mlp/dense0")),
        *when("gated", affine("layer.{i}.mlp.up_proj", "transformer/block{i}/mlp/gate")),
        *affine("layer.{i}.mlp.down_proj", "transformer/block{i}/mlp/dense1"),
        rule("layer.{i}.layer_scale2.lambda1", "transformer/block{i}/mlp_scale"),
        *layer_norm("norm", "transformer/norm"),
    ),
)

_FIXED = (r"(decoder\.)?decoder_pos_embed",)  # sine-cosine, which the decoder computes


def _decoder(before: str, block: Rules) -> Rules:
    return (
        *affine(f"{before}decoder_embed", "heads/decoder_embedding"),
        rule(f"{before}mask_token", "heads/mask_token", "vector"),
        *block,
        *layer_norm(f"{before}decoder_norm", "heads/decoder/norm"),
        *affine(f"{before}decoder_pred", "heads/decoder_output"),
    )


_ENCODER = tuple(entry for entry in AUTHORS.rules if entry.source != ("mask_token",))
_VIT = tuple(e for p in ("", "vit.") for e in _transformers(p) if "mask_token" not in e.target)
_HF_DECODERS = (
    *transformers_blocks("decoder.decoder_layers.{i}", "heads/decoder/block{i}"),
    *transformers_blocks("decoder.decoder_encoder.layer.{i}", "heads/decoder/block{i}"),
)

MAE = (
    Layout(
        "authors",
        AUTHORS.marks,
        (*_ENCODER, *_decoder("", blocks("decoder_blocks.{i}", "heads/decoder/block{i}"))),
        (*_HEADS, *_FIXED),
    ),
    Layout(
        "transformers",
        (rf"(vit\.)?{_PATCHES}", r"(vit\.)?encoder\.layer\.0\..*"),
        (*_VIT, *_decoder("decoder.", _HF_DECODERS)),
        (*_FIXED, *TRANSFORMERS.drop),
    ),
)
