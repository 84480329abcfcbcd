"""DINOv2: iBOT with separate heads, Sinkhorn centring and the KoLeo regulariser.

Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", 2023.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp

from jssl.core.ranges import NonNegative, Several, Unit
from jssl.methods.base import Metrics, Outputs, Spec, Step, Views
from jssl.methods.multicrop import MaskedMultiCrop, all_crops, distilled_crops
from jssl.methods.self_distillation import PatchSelfDistillation
from jssl.nn import module as nn
from jssl.objectives.uniformity import koleo


@dataclasses.dataclass(frozen=True)
class DINOv2(PatchSelfDistillation):
    """DINO on the crops, iBOT at the masked patches, KoLeo between the images (section 4).

    KoLeo is computed on the student's pooled features of each large crop, over the global batch, in
    float32 whatever the encoder's dtype.

    Equation: L = L_DINO + L_iBOT - w mean_i log d_i, where d_i is the distance of image i to its
    nearest neighbour in the batch.

    Views: the same as iBOT.

    Remembers: the same as iBOT.

    Collapse: prevented by Sinkhorn-Knopp, which balances the assignments over the batch and the
    masked patches; KoLeo spreads the images.

    Defaults: from the authors' code for large models (131072 prototypes over a bottleneck of 384 is
    theirs for ViT-g; here 65536 over 256, their defaults; teacher temperature 0.04 to 0.07 in 30
    epochs, teacher momentum 0.992 to 1, KoLeo weight 0.1, prototypes frozen for one epoch; AdamW at
    4e-3 x sqrt(batch / 1024), gradients clipped at 3; half of the crops masked at a ratio in (0.1,
    0.5), set in the views). Sinkhorn-Knopp centring and separate heads follow the paper.

    BatchNorm of the teacher: as in DINO.

    Differs from the authors' code: KoLeo searches for neighbours in the global batch, not in that
    of one device; the differences of iBOT apply too. Their class token and registers are
    initialised with 1e-6 and the mask token with zero (`token_std`, `mask_std`), as in
    `image/dinov2_imagenet`; with registers they interpolate positions as timm does, otherwise as
    DINO does. The experiments on ImageNet have the authors' layer decay, lower learning rate of the
    patch embedding, growing weight decay and clipping by module; the small ones have a constant
    weight decay and clip all gradients together.

    The fields are those of `PatchSelfDistillation`, and:

    Attributes:
      koleo_weight: weight of KoLeo for each of the two large crops.
    """

    momentum: Unit = 0.992
    centring: Literal["centre", "sinkhorn"] = "sinkhorn"
    prototypes: Several = 65536
    shared_head: bool = False
    patch_prototypes: Several = 65536
    koleo_weight: NonNegative = 0.1

    views: ClassVar[Spec] = Spec.multicrop() + Spec.mask("mask", "masked")
    paper: ClassVar[str] = "DINOv2: Learning Robust Visual Features without Supervision"
    targets: ClassVar[tuple[str, ...]] = ("teacher", "teacher_patches")

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and one or two heads."""
        return MaskedMultiCrop(encoder, self.head(), self.patch_head())

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """Inputs on which `init` runs the net."""
        mask = views["mask"]
        return all_crops(views), mask["masked"], mask["mask"]

    def forward(self, step: Step, views: Views) -> Outputs:
        """Scores of crops and patches; see `jssl.methods.multicrop.distilled_crops`."""
        return distilled_crops(step, views)

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """The losses of crops and of masked patches, and KoLeo of both large crops."""
        crops, patches = self.crops_loss(step, outputs), self.patches_loss(step, outputs)
        pooled = outputs["pooled"]
        spread = jnp.mean(koleo(pooled[:, 0])) + jnp.mean(koleo(pooled[:, 1]))
        metrics = {"teacher_temperature": self.teacher_temperature(step.progress)}
        metrics |= {"image_loss": crops, "patch_loss": patches, "koleo": spread}
        return crops + self.patch_weight * patches + self.koleo_weight * spread, metrics
