"""wav2vec 2.0 and HuBERT."""

from __future__ import annotations

from jssl.encoders.waveform import WaveformTransformer
from jssl.errors import UserError
from jssl.weights.families.vit_names import split_qkv, when
from jssl.weights.families.vits import heads_of
from jssl.weights.family import Built, Family, Keys, Layout
from jssl.weights.names import affine, layer_norm, rule

_BLOCK, _OWN = "encoder.layers.{i}", "transformer/block{i}"
_CONV = "feature_extractor.conv_layers.{i}"
_POSITION = "encoder.pos_conv_embed.conv"
_STRIDES = (5, 2, 2, 2, 2, 2, 2)

TRANSFORMERS = Layout(
    "transformers",
    (
        r"feature_extractor\.conv_layers\.0\.conv\.weight",
        r"encoder\.layers\.0\.attention\.q_proj\.weight",
    ),
    (
        rule(f"{_CONV}.conv.weight", "stack/conv{i}/kernel", "wave"),
        rule(f"{_CONV}.conv.bias", "stack/conv{i}/bias"),
        *layer_norm(f"{_CONV}.layer_norm", "stack/norm{i}"),
        *layer_norm("feature_projection.layer_norm", "norm"),
        *affine("feature_projection.projection", "embedding"),
        rule("masked_spec_embed", "mask_token"),
        rule(
            f"{_POSITION}.weight_g|{_POSITION}.parametrizations.weight.original0 "
            f"{_POSITION}.weight_v|{_POSITION}.parametrizations.weight.original1",
            "position_conv/conv/kernel",
            "weight_norm",
        ),
        rule(f"{_POSITION}.bias", "position_conv/conv/bias"),
        *when("post_norm", layer_norm("encoder.layer_norm", "input_norm")),
        *when("!post_norm", layer_norm("encoder.layer_norm", "transformer/norm")),
        *split_qkv(tuple(f"{_BLOCK}.attention.{n}_proj" for n in "qkv"), f"{_OWN}/attention/qkv"),
        *affine(f"{_BLOCK}.attention.out_proj", f"{_OWN}/attention/out"),
        *layer_norm(f"{_BLOCK}.layer_norm", f"{_OWN}/attention_norm"),
        *affine(f"{_BLOCK}.feed_forward.intermediate_dense", f"{_OWN}/mlp/dense0"),
        *affine(f"{_BLOCK}.feed_forward.output_dense", f"{_OWN}/mlp/dense1"),
        *layer_norm(f"{_BLOCK}.final_layer_norm", f"{_OWN}/mlp_norm"),
    ),
    (r"lm_head\..*", r"projector\..*", r"classifier\..*"),
)


def _waveform(keys: Keys) -> Built:
    """Base models: group norm, post-norm; large ones: layer norms of frames, pre-norm."""
    config = keys.config
    count = keys.count(r"feature_extractor\.conv_layers\.(\d+)\.conv\.weight")
    shapes = [keys.shape(f"feature_extractor.conv_layers.{i}.conv.weight") for i in range(count)]
    strides = tuple(config.get("conv_stride", _STRIDES))
    if len(strides) != count:
        raise UserError(
            f"{keys.where} has {count} convolutions, and strides of {len(strides)} are known: put "
            "its config.json beside it"
        )
    group = f"feature_extractor.conv_layers.{count - 1}.layer_norm.weight" not in keys.shapes
    post = not config.get("do_stable_layer_norm", not group)
    width = keys.shape("feature_projection.projection.weight")[0]
    names = [f"{_POSITION}.weight_v", f"{_POSITION}.parametrizations.weight.original1"]
    _, inner, reach = keys.shape(*names)
    encoder = WaveformTransformer(
        width=width,
        depth=keys.count(r"encoder\.layers\.(\d+)\..*"),
        heads=heads_of(keys, width),
        pool="mean",
        mlp_ratio=keys.shape("encoder.layers.0.feed_forward.intermediate_dense.weight")[0] / width,
        channels=shapes[0][0],
        kernels=tuple(shape[2] for shape in shapes),
        strides=strides,
        conv_norm="group" if group else "layer",
        conv_bias="feature_extractor.conv_layers.0.conv.bias" in keys.shapes,
        positions="conv",
        position_kernel=reach,
        position_groups=width // inner,
        post_norm=post,
        input_norm=post,
        eps=float(config.get("layer_norm_eps", 1e-5)),
        kernel_init="trunc_normal",
    )
    field, hop = encoder.field()
    facts = {"kernels": encoder.kernels, "strides": strides, "post_norm": post}
    return Built(encoder, ((1, field + 3 * hop), "float32"), facts)


_INPUT = {"kind": "audio", "sample_rate": 16000, "standardize": True}

FAMILIES = (
    Family(
        "wav2vec2",
        "wav2vec 2.0, base and large",
        (TRANSFORMERS,),
        _waveform,
        parts=("wav2vec2.",),
        preprocessing=_INPUT,
    ),
    Family(
        "hubert", "HuBERT, base and large", (TRANSFORMERS,), _waveform, parts=("hubert.",),
        preprocessing=_INPUT,
    ),
)  # fmt: skip
