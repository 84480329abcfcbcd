"""DropPos: drop the position embeddings of most visible patches and predict their positions.

Wang et al., "DropPos: Pre-Training Vision Transformers by Reconstructing Dropped Positions", 2023.
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import jax
import jax.numpy as jnp
from chex import ArrayTree

from jssl.core.progress import linear
from jssl.core.ranges import Count, NonNegative
from jssl.errors import UserError
from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views, the_input
from jssl.nn import module as nn
from jssl.nn.decoder import TokenPredictor
from jssl.objectives.classification import accuracy, smoothed_places, soft_cross_entropy
from jssl.objectives.common import l2_normalize
from jssl.objectives.masked import masked_mean


@dataclasses.dataclass(frozen=True)
class DropPos(Method):
    """Cross-entropy of each dropped position, with smoothing and affinity weights (section 3.2).

    A decoder without positions classifies the position of every visible patch among all N. Targets
    are smoothed over nearby positions by a Gaussian of `sigma` tokens, which shrinks to zero over
    the run. Patches are weighted by the softmax of their similarity to the pooled feature of the
    whole image, computed by the same encoder without gradient.

    Equation: L = -sum over dropped i of w_i sum_j y_ij log softmax(o_i)_j, where y_ij is
    proportional to exp(-distance(i, j)^2 / sigma^2) and w_i is the affinity weight.

    Views: one input [B, ...], `mask` {"keep" int [B, K]}, the visible patches, and `dropped`
    {"mask" bool [B, K]}, True for visible patches whose position is replaced by a learned token.

    Remembers: nothing.

    Collapse: impossible, because a constant feature costs ln N. Patches with the same appearance
    everywhere give no signal, hence the weights.

    Defaults: from the authors' code for ViT-B on ImageNet (`scripts/pretrain_base.sh`: both ratios
    0.75, set in the views; decoder of 2 blocks, width 512, 16 heads; sigma from 1 to 0; affinity by
    similarity at temperature 0.1; AdamW at 1.5e-4 x batch / 256, beta2 0.95).

    Differs from the authors' code: weights are normalised within each image, not over the batch;
    sigma shrinks every step, not every epoch.

    Attributes:
      sigma: width of the smoothing at the first step, in tokens; 0 for hard labels.
      temperature: temperature of the weights; 0 weights all dropped patches equally and saves a
        forward pass.
      decoder_width: width of the decoder's tokens.
      decoder_depth: number of decoder blocks.
      decoder_heads: number of attention heads in each decoder block.
      dtype: dtype in which the decoder computes.
    """

    sigma: NonNegative = 1.0
    temperature: NonNegative = 0.1
    decoder_width: Count = 512
    decoder_depth: Count = 2
    decoder_heads: Count = 16
    dtype: str = "float32"

    views: ClassVar[Spec] = (
        Spec.single() + Spec.mask("keep") + Spec.named("dropped", parts=("mask",))
    )
    paper: ClassVar[str] = (
        "DropPos: Pre-Training Vision Transformers by Reconstructing Dropped Positions"
    )
    couples_batch: ClassVar[bool] = False
    targets: ClassVar[tuple[str, ...]] = ("target", "weight")

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and decoder; the encoder must have positions to drop."""
        if getattr(encoder, "positions", "") == "none":
            raise UserError("DropPos needs an encoder with positions, such as positions='sincos'")
        decoder = (self.decoder_width, self.decoder_depth, self.decoder_heads)
        return TokenPredictor(encoder, "positions", *decoder, dtype=self.dtype)

    def init(self, net: nn.Module, key: jax.Array, views: Views) -> ArrayTree:
        """Variables of the net, including the position token."""
        keys = {"params": key, "dropout": key}
        return net.init(keys, the_input(views), train=True, **self._options(net, views))

    def forward(self, step: Step, views: Views) -> Outputs:
        """`logits` and `target` [B, K, N], `place` and `weight` [B, K], the pooled `embedding`."""
        image, place = the_input(views), views["mask"]["keep"]
        options = self._options(step.net, views)
        (pooled, logits) = step.student(image, **options)
        coordinates = step.net.encoder.token_coordinates(image.shape)
        target = smoothed_places(coordinates, linear(self.sigma, 0.0, step.progress.fraction))[
            place
        ]
        weight = views["dropped"]["mask"].astype(jnp.float32)
        if self.temperature:
            whole = jax.lax.stop_gradient(step.encoder(image))
            tokens, pool = l2_normalize(whole.tokens), l2_normalize(whole.pooled)[:, None]
            affinity = jax.nn.softmax(jnp.sum(tokens * pool, axis=-1) / self.temperature, axis=-1)
            weight = weight * jnp.take_along_axis(affinity, place, axis=1)
        outputs = {"logits": logits, "target": target, "place": place, "weight": weight}
        return {**outputs, "embedding": pooled}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Weighted cross-entropy of the dropped positions, averaged over the batch."""
        logits, weight = outputs["logits"], outputs["weight"]
        loss = masked_mean(soft_cross_entropy(logits, outputs["target"]), weight)
        right = masked_mean(accuracy(logits, outputs["place"]), weight > 0)
        return jnp.mean(loss), {"accuracy": jnp.mean(right)}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """The features, and the loss ln N of a constant feature."""
        features = {"embedding": outputs["embedding"]}
        return Monitored(features=features, trivial_loss=math.log(outputs["logits"].shape[-1]))

    def smoke(self) -> Method:
        """A one-block decoder of width 32."""
        return dataclasses.replace(self, decoder_width=32, decoder_depth=1, decoder_heads=2)

    @staticmethod
    def _options(net: nn.Module, views: Views) -> dict[str, jax.Array]:
        keep, dropped = views["mask"]["keep"], views["dropped"]["mask"]
        tokens = net.encoder.patches(the_input(views)).shape[1]
        rows = jnp.arange(keep.shape[0])[:, None]
        unplaced = jnp.zeros((keep.shape[0], tokens), bool).at[rows, keep].set(dropped)
        return {"keep": keep, "unplaced": unplaced}
