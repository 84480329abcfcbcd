"""MFM: remove the low or the high frequencies of an image and predict them.

Xie et al., "Masked Frequency Modeling for Self-Supervised Visual Pre-Training", 2023.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import Positive
from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views
from jssl.nn import module as nn
from jssl.nn.decoder import TokenPredictor
from jssl.objectives.spectrum import spectrum_distance


@dataclasses.dataclass(frozen=True)
class MFM(Method):
    """Distance of the spectra of prediction and original where they were removed (eq. 6 and 7).

    The encoder receives neither a mask nor a mask token; a linear layer predicts a patch from each
    of its tokens.

    Equation: L = mean over removed frequencies of |F(h(f(x~))) - F(x)|^gamma, where F is the
    Fourier transform and x~ the image without the removed frequencies.

    Views: `image` {"image" [B, *S, C], the remaining frequencies; "original" [B, *S, C]; "mask"
    bool [B, *S], True where a frequency was removed}, where S is (H, W) for images.

    Remembers: nothing.

    Collapse: cannot collapse like joint-embedding methods; the failure mode is predicting a blurred
    image.

    Defaults: from the authors' code for ViT-B on ImageNet
    (`mfm_pretrain__vit_base__img224__300ep.yaml`: radius 16 of 224 pixels, low or high with
    probability 1/2 each, set in the views; AdamW at 3e-4 x batch / 512, beta2 0.95, weight decay
    0.05, 300 epochs, 20 of warm-up, gradients clipped at 3).

    Differs from the authors' code: frequencies are removed after normalisation, and the remaining
    image is not clipped to the pixel range. A convolutional encoder without tokens is not
    supported. The encoder is initialised as theirs with `kernel_init="trunc_normal_beit"`, as in
    `image/mfm_imagenet`.

    Attributes:
      gamma: exponent of the distance.
      dtype: dtype in which the head computes.
    """

    gamma: Positive = 1.0
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.named("image", parts=("image", "original", "mask"))
    paper: ClassVar[str] = "Masked Frequency Modeling for Self-Supervised Visual Pre-Training"
    partial: ClassVar[str] = "The paper's second half, convolutional encoders, is missing."
    couples_batch: ClassVar[bool] = False
    targets: ClassVar[tuple[str, ...]] = ("target",)

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and linear head."""
        return TokenPredictor(encoder, "patches", dtype=self.dtype)

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """Inputs on which `init` runs the net."""
        return (views["image"]["image"],)

    def forward(self, step: Step, views: Views) -> Outputs:
        """`prediction` and `target` [B, *S, C], `mask` [B, *S] and the pooled `embedding`."""
        view = views["image"]
        (pooled, patches) = step.student(view["image"])
        prediction = step.net.encoder.assemble(patches, view["image"].shape)
        outputs = {"prediction": prediction, "target": view["original"], "mask": view["mask"]}
        return {**outputs, "embedding": pooled}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Distance of the removed frequencies, averaged over the batch."""
        parts = (outputs["prediction"], outputs["target"], outputs["mask"])
        return jnp.mean(spectrum_distance(*parts, gamma=self.gamma)), {}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """The pooled features."""
        return Monitored(features={"embedding": outputs["embedding"]})

    def reconstruct(self, step: Step, views: Views) -> Mapping[str, jax.Array]:
        """The filtered image, the whole prediction and the original."""
        view = views["image"]
        _, patches = step.predict(view["image"])
        prediction = step.net.encoder.assemble(patches, view["image"].shape)
        parts = {"input": view["image"], "reconstruction": prediction}
        return {**parts, "original": view["original"]}
