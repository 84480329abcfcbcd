"""MaskFeat: replace patches by a mask token and predict hand-crafted features of them.

Wei et al., "Masked Feature Prediction for Self-Supervised Visual Pre-Training", 2022.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax

from jssl.methods.base import Spec, Step, Views
from jssl.methods.masked_parts import Mask, Seen, ViewPart
from jssl.methods.masked_prediction import MaskedPrediction
from jssl.objectives.masked import masked_mse


@dataclasses.dataclass(frozen=True)
class MaskFeat(MaskedPrediction):
    """Mean squared error of the masked patches' features, by default HOG (section 3.2).

    The view determines the predicted feature; HOG is `jssl.augmentations.hog.with_hog`. A linear
    layer predicts it from each token of the encoder.

    Equation: L = mean over masked patches of (h(f(x, mask)) - HOG(x))^2, where f is the encoder and
    h the head.

    Views: `image` {"image" [B, ...], "target" float [B, N, P]}, both made from one crop, and `mask`
    {"mask" bool [B, N]}, True where masked.

    Remembers: nothing.

    Collapse: cannot collapse like joint-embedding methods; the failure mode is predicting the mean
    histogram. In patches without edges the histogram is that of the noise; `with_hog`'s noise
    floor, larger cells and larger patches keep noise out of the targets.

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
    target = ViewPart("image", "target")
    error = staticmethod(masked_mse)
    predicted: ClassVar[str] = "features"

    def read(self, views: Views) -> tuple[jax.Array, jax.Array]:
        """The image twice: it is not corrupted before the encoder."""
        image = views["image"]["image"]
        return image, image

    def seen(self, step: Step, views: Views, mask: Mask) -> Seen:
        """The image, the mask and the size of the features, which is inferred from the views."""
        inputs, options = super().seen(step, views, mask)
        return Seen(inputs, {**options, "size": views["image"]["target"].shape[-1]})
