"""BERT, CLIP, wav2vec 2.0 and HuBERT in their published layouts, small, with random weights."""

from tests.weights import transformer_reference as ref
from tests.weights.published import Arrays, Draw

WIDTH = 16

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


def bert(vocabulary: int = 13, positions: int = 10) -> Arrays:
    """BERT's encoder with token types."""
    draw, e = Draw(1), "embeddings"
    draw.add(f"{e}.word_embeddings.weight", vocabulary, WIDTH)
    draw.add(f"{e}.position_embeddings.weight", positions, WIDTH)
    draw.add(f"{e}.token_type_embeddings.weight", 2, WIDTH)
    draw.norm(f"{e}.LayerNorm", WIDTH)
    ref.draw_blocks(draw, "encoder.layer.{i}", 2, WIDTH, BERT, 32)
    return draw.arrays


def clip(openai: bool, vocabulary: int = 13) -> Arrays:
    """Both encoders of CLIP, in OpenAI's names or those of transformers."""
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
    draw.add(f"{t}token_embedding.weight", vocabulary, WIDTH)
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
    """Names of the blocks of images and of texts."""
    if openai:
        return "visual.transformer.resblocks.{i}", "transformer.resblocks.{i}"
    return "vision_model.encoder.layers.{i}", "text_model.encoder.layers.{i}"


KERNELS, STRIDES = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)


def wave(large: bool) -> Arrays:
    """wav2vec 2.0 base, or large, which has HuBERT's names too."""
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
