"""MaskFeat: replace patches by a mask token and predict hand-crafted features of them.

Wei et al., "Masked Feature Prediction for Self-Supervised Visual Pre-Training", 2022.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax

from jssl.methods.base import Outputs, Spec, Step, Tree, Views
from jssl.methods.reconstruction import HiddenPatches
from jssl.nn import module as nn
from jssl.nn.decoder import TokenPredictor
from jssl.objectives.masked import masked_mse


@dataclasses.dataclass(frozen=True)
class MaskFeat(HiddenPatches):
    """Mean squared error of the masked patches' features, by default HOG (section 3.2).

    The view determines the predicted feature; HOG is `jssl.augmentations.hog.with_hog`. A linear
    layer predicts it from each token of the encoder.

    Equation: L = mean over masked patches of (h(f(x, mask)) - HOG(x))^2, where f is the encoder and
    h the head.

    Views: `image` {"image" [B, ...], "target" float [B, N, P]}, both made from one crop, and `mask`
    {"mask" bool [B, N]}, True where masked.

    Remembers: nothing.

    Collapse: cannot collapse like joint-embedding methods; the failure mode is predicting the mean
    histogram.

    Defaults of the recipe: from the authors' code for ViT-B on ImageNet
    (`in1k_VIT_B_MaskFeat_PT.yaml`): block masks of 40 %, crops from 0.5, AdamW at 2e-4 x batch /
    256, weight decay 0.05, 30 epochs of warm-up, gradients clipped at 0.02, 9 bins in cells of 8
    pixels. The code predicts HOG with a mean squared error (`multi_mse`) as well.

    Differs from the authors' code: the optional Gaussian window over magnitudes is omitted.

    Attributes:
      dtype: dtype in which the head computes.
    """

    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.named("image", parts=("image", "target")) + Spec.mask()
    paper: ClassVar[str] = "Masked Feature Prediction for Self-Supervised Visual Pre-Training"
    partial: ClassVar[str] = (
        "The paper's main part, video (MViT encoders, cubes of masked patches), is missing; "
        "HOG of images is here."
    )
    error = staticmethod(masked_mse)
    predicted: ClassVar[str] = "features"

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and linear head, whose size is inferred from the views."""
        return TokenPredictor(encoder, dtype=self.dtype)

    def init(self, net: nn.Module, key: jax.Array, views: Views) -> Tree:
        """Variables of the net, including the mask token."""
        keys = {"params": key, "dropout": key}
        net = net.clone(out=views["image"]["target"].shape[-1])
        return net.init(keys, views["image"]["image"], mask=views["mask"]["mask"], train=True)

    def forward(self, step: Step, views: Views) -> Outputs:
        """`prediction` and `target` [B, N, P], `mask` [B, N] and the pooled `embedding`."""
        image, mask = views["image"], views["mask"]["mask"]
        wide = step.replace(net=step.net.clone(out=image["target"].shape[-1]))
        pooled, prediction = wide.student(image["image"], mask=mask)
        step.batch_stats = wide.batch_stats
        outputs = {"prediction": prediction, "target": image["target"], "mask": mask}
        return {**outputs, "embedding": pooled}
