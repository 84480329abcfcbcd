"""SimMIM: hide patches behind a mask token inside the encoder, predict their raw pixels linearly.

Xie et al., "SimMIM: A Simple Framework for Masked Image Modeling", 2022.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import flax.linen as nn
import jax

from jssl.methods.base import Outputs, Spec, Step, Tree, Views, the_input
from jssl.methods.reconstruction import HiddenPatches, picture
from jssl.nn.decoder import TokenPredictor
from jssl.objectives.masked import masked_l1


@dataclasses.dataclass(frozen=True)
class SimMIM(HiddenPatches):
    """Mean absolute error of the hidden patches' pixels (section 3.4).

    The encoder sees all places, with a learned token at the hidden ones; a linear layer turns each
    of its tokens into a patch.

    Equation: L = mean over hidden patches of |h(f(x, mask)) - x|.

    Views: one input [B, ...] and `mask` {"mask" bool [B, N]}, True where hidden.

    Remembers: nothing.

    Collapse: not in the way of joint embeddings; the failure is a head that predicts the mean of
    the neighbours.

    Defaults of the recipe are the paper's for ViT-B (section 4 and appendix): squares of 32 pixels,
    ratio 0.6, AdamW at 1e-4 x batch / 512, weight decay 0.05, 800 epochs, batch 2048; the pixels
    are normalised by the data set's statistics alone.

    Differs from the authors' code: its ViT has a shared relative position bias in place of position
    embeddings and factors of 0.1 on its branches; the linear head starts by Xavier's rule. The
    encoder's kernels start as theirs with `kernel_init="trunc_normal_beit"`, as in
    `image/simmim_imagenet`.

    Attributes:
      dtype: dtype in which the head computes.
    """

    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.single() + Spec.mask()
    paper: ClassVar[str] = "SimMIM: A Simple Framework for Masked Image Modeling"
    error = staticmethod(masked_l1)

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and linear head."""
        return TokenPredictor(encoder, "patches", dtype=self.dtype)

    def init(self, net: nn.Module, key: jax.Array, views: Views) -> Tree:
        """Variables of the net, the mask token among them."""
        keys = {"params": key, "dropout": key}
        return net.init(keys, the_input(views), mask=views["mask"]["mask"], train=True)

    def forward(self, step: Step, views: Views) -> Outputs:
        """`prediction` and `target` [B, N, P], `mask` [B, N] and the pooled `embedding`."""
        x, mask = the_input(views), views["mask"]["mask"]
        (pooled, prediction) = step.student(x, mask=mask)
        target = step.net.encoder.patches(x)
        outputs = {"prediction": prediction, "target": target, "mask": mask, "embedding": pooled}
        return outputs

    def reconstruct(self, step: Step, views: Views) -> Mapping[str, jax.Array]:
        """What went in, what came out and what was there."""
        x, mask = the_input(views), views["mask"]["mask"]
        _, prediction = step.predict(x, mask=mask)
        return picture(step.net.encoder, x, prediction, mask)
