"""Point-CMAE: reconstruct one input under two masks, with agreement where both mask a token.

Ren et al., "Bringing Masked Autoencoders Explicit Contrastive Properties for Point Cloud
Self-Supervised Learning", 2024.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, NonNegative
from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views, the_input
from jssl.methods.masked_parts import counted
from jssl.nn import module as nn
from jssl.nn.decoder import MaskedDecoder
from jssl.nn.dense import Dense
from jssl.objectives.points import masked_agreement, masked_chamfer

MASKS = ("first", "second")


class TwoMasks(nn.Module):
    """One encoder of the visible tokens, and a decoder for each mask.

    Attributes:
      encoder: module that can drop tokens (`keep`) and divides its input into patches of points.
      width: width of the decoders' tokens.
      depth: number of blocks of each decoder.
      heads: number of attention heads in each decoder block.
      dtype: dtype in which the decoders compute.
    """

    encoder: nn.Module
    width: int
    depth: int
    heads: int
    dtype: str

    @nn.compact
    def __call__(
        self, x: Any, masks: Mapping[str, Mapping[str, jax.Array]], *, train: bool
    ) -> tuple[jax.Array, dict[str, jax.Array], dict[str, jax.Array]]:
        """Maps x and masks {"first", "second"} of {"keep" [B, K], "masked" [B, N - K]}.

        Returns:
          (pooled [B, D] for the first mask, features [B, N, width] of each mask's decoder,
          predictions [B, N, P] of each).
        """
        size = self.encoder.patches(x).shape[-1]
        pooled, features, predictions = None, {}, {}
        for name, mask in masks.items():
            seen = self.encoder(x, keep=mask["keep"], train=train)
            pooled = seen.pooled if pooled is None else pooled
            sizes = (self.width, self.depth, self.heads, self.dtype)
            decoder = MaskedDecoder(*sizes, name=f"{name}_decoder")
            features[name] = decoder(
                self.encoder, x, seen.tokens, mask["keep"], mask["masked"], train=train
            )
            head = Dense(size, dtype=self.dtype, name=f"{name}_output")
            predictions[name] = head(features[name])
        return pooled, features, predictions


@dataclasses.dataclass(frozen=True)
class PointCMAE(Method):
    """Chamfer distance of each mask's patches, and agreement on patches that both masks hide.

    Equation: L = CD(d1(f(x, m1)), x; m1) + CD(d2(f(x, m2)), x; m2) + weight * mean over tokens
    masked by both of (1 - cos(z1, z2)), where CD is the Chamfer distance of patches, and z1 and z2
    are the decoders' features.

    Views: one input [B, ...] and `mask` {"keep" int [B, 2, K], "masked" int [B, 2, N - K], "mask"
    bool [B, 2, N]}, two masks drawn from one sampler.

    Remembers: nothing.

    Collapse: cannot collapse like joint-embedding methods; the agreement term alone would make all
    decoder features equal, which the reconstruction prevents.

    Defaults: from the authors' code for ShapeNet (cfgs/pretrain/base.yaml: decoders of 4 blocks and
    6 heads, width 384; 60 % masked, set in the views; squared Chamfer distance; AdamW at 5e-4,
    weight decay 0.05, batch 128, 300 epochs, 10 of warm-up).

    Unverified: the weight of the agreement term; the code returns both terms, and they are summed
    elsewhere.

    Differs from the authors' code: the code compares a token masked by both with all tokens of the
    other mask; here, as in the paper, it is compared with the same token. The decoders' positions
    are sines and cosines of the centres, not an MLP of them.

    Attributes:
      weight: weight of the agreement term.
      decoder_width: width of the decoders' tokens.
      decoder_depth: number of blocks of each decoder.
      decoder_heads: number of attention heads in each decoder block.
      dtype: dtype in which the decoders compute.
    """

    weight: NonNegative = 1.0
    decoder_width: Count = 384
    decoder_depth: Count = 4
    decoder_heads: Count = 6
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.single() + Spec.mask("keep", "masked", "mask")
    paper: ClassVar[str] = (
        "Bringing Masked Autoencoders Explicit Contrastive Properties for Point Cloud "
        "Self-Supervised Learning"
    )
    couples_batch: ClassVar[bool] = False
    targets: ClassVar[tuple[str, ...]] = ("target",)
    scale_invariant: ClassVar[tuple[str, ...]] = ("feature_first", "feature_second")

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and two decoders."""
        decoder = (self.decoder_width, self.decoder_depth, self.decoder_heads)
        return TwoMasks(encoder, *decoder, self.dtype)

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """Inputs on which `init` runs the net."""
        masks = {
            name: {part: views["mask"][part][:, i] for part in ("keep", "masked")}
            for i, name in enumerate(MASKS)
        }
        return the_input(views), masks

    def forward(self, step: Step, views: Views) -> Outputs:
        """For each mask `feature_...`, `prediction_...` [B, N, D or P] and `mask_...` [B, N]."""
        x, masks = self.inputs(views)
        (pooled, features, predictions) = step.student(x, masks)
        outputs = {"embedding": pooled, "target": step.net.encoder.patches(x)}
        for i, name in enumerate(MASKS):
            outputs[f"feature_{name}"] = features[name]
            outputs[f"prediction_{name}"] = predictions[name]
            outputs[f"mask_{name}"] = counted(step.net.encoder, x, views["mask"]["mask"][:, i])
        return outputs

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """The weighted sum, and its terms as metrics."""
        target = outputs["target"]
        errors = [
            masked_chamfer(outputs[f"prediction_{name}"], target, outputs[f"mask_{name}"])
            for name in MASKS
        ]
        both = outputs["mask_first"] & outputs["mask_second"]
        disagreement = masked_agreement(outputs["feature_first"], outputs["feature_second"], both)
        terms = {
            "reconstruction": jnp.mean(errors[0] + errors[1]),
            "disagreement": jnp.mean(disagreement),
        }
        return terms["reconstruction"] + self.weight * terms["disagreement"], terms

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """Features of the first mask's visible tokens; point sets have no order to compare."""
        return Monitored(features={"embedding": outputs["embedding"]})

    def reconstruct(self, step: Step, views: Views) -> Mapping[str, jax.Array]:
        """Visible, reconstructed and original points of all patches, each [B, N * K, 3].

        Masked patches of the input are shown as points at their centres; those of the
        reconstruction are the first decoder's prediction.
        """
        x, masks = self.inputs(views)
        _, _, predictions = step.predict(x, masks)
        true, hidden = step.net.encoder.patches(x), views["mask"]["mask"][:, 0, :, None]
        parts = {
            "input": jnp.where(hidden, 0.0, true),
            "reconstruction": jnp.where(hidden, predictions["first"], true),
            "original": true,
        }
        return {name: step.net.encoder.assemble(part, x) for name, part in parts.items()}

    def smoke(self) -> Method:
        """One-block decoders of width 16."""
        return dataclasses.replace(self, decoder_width=16, decoder_depth=1, decoder_heads=2)
