"""DINOv2: iBOT with heads of their own, balanced assignments and a push between neighbours.

Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", 2023.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jssl.methods.base import Metrics, Outputs, Spec, Step, Views
from jssl.methods.multicrop import MaskedMultiCrop, all_crops, distilled_crops
from jssl.methods.self_distillation import PatchSelfDistillation
from jssl.objectives.uniformity import koleo
from jssl.ranges import NonNegative, Several, Unit


@dataclasses.dataclass(frozen=True)
class DINOv2(PatchSelfDistillation):
    """DINO at the crops, iBOT at the hidden patches, KoLeo between the images (section 4).

    KoLeo is taken of the student's pooled features of each large crop, over the global batch, in
    float32 whatever the encoder computes in.

    Equation: L = L_DINO + L_iBOT - w mean_i log(distance of image i to its nearest in the batch).

    Views: those of iBOT.

    Remembers: what iBOT does.

    Collapse: held off by the balance of Sinkhorn-Knopp over batch and hidden patches; KoLeo keeps
    images apart.

    Defaults are those of the authors' code for large models (131072 prototypes over a bottleneck of
    384 is theirs for ViT-g; here 65536 over 256, their defaults; teacher 0.04 to 0.07 in 30 epochs,
    teacher momentum 0.992 to 1, KoLeo at 0.1, prototypes held for an epoch; AdamW at 4e-3 x
    sqrt(batch / 1024), gradients clipped at 3; half of the crops masked at a ratio in (0.1, 0.5),
    set in the views). Centring by Sinkhorn-Knopp and separate heads are the paper's choice.

    BatchNorm of the teacher: as DINO.

    Differs from the authors' code: KoLeo looks for neighbours in the global batch, not in that of
    one device; what iBOT's docstring says. Their class token and registers start at 1e-6 and
    the mask token at zero (`token_std`, `mask_std`), as in `image/dinov2_imagenet`; with registers
    they interpolate positions as timm does, otherwise as DINO. The experiments on ImageNet have the
    authors' layer decay, slower patch embedding, growing weight decay and clipping by module; the
    small ones keep a constant weight decay and clip all gradients together.

    Attributes:
      momentum: of the teacher at the first step.
      momentum_end: of the teacher at the last step.
      student_temperature: of the student's softmax.
      temperature: of the teacher's softmax, after the warm-up.
      temperature_start: of the teacher's softmax at the first step.
      temperature_warmup: epochs from one to the other.
      centring: "centre" or "sinkhorn".
      centre_momentum: share of the old centre kept in a step.
      freeze_epochs: epochs for which the prototypes stay as they are.
      hidden: widths of the head's hidden layers.
      bottleneck: width of what is compared with the prototypes.
      prototypes: their number.
      norm: normalisation in the head, "none", "batch" or "layer".
      kernel_init: initialiser of the projector; the default suits widths of about 2048.
      dtype: dtype in which the head computes.
      patch_weight: of the loss at the patches.
      shared_head: whether one head serves images and patches.
      patch_prototypes: number of prototypes of a patch head of its own.
      koleo_weight: of KoLeo, for each of the two crops.
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
        """Encoder and one head or two."""
        return MaskedMultiCrop(encoder, self.head(), self.patch_head())

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """What the net is run on."""
        mask = views["mask"]
        return all_crops(views), mask["masked"], mask["mask"]

    def forward(self, step: Step, views: Views) -> Outputs:
        """Scores of crops and patches; see `jssl.methods.multicrop.distilled_crops`."""
        return distilled_crops(step, views)

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """The losses of crops and of hidden patches, and KoLeo of both large crops."""
        crops, patches = self.crops_loss(step, outputs), self.patches_loss(step, outputs)
        pooled = outputs["pooled"]
        spread = jnp.mean(koleo(pooled[:, 0])) + jnp.mean(koleo(pooled[:, 1]))
        metrics = {"teacher_temperature": self.teacher_temperature(step.progress)}
        metrics |= {"image_loss": crops, "patch_loss": patches, "koleo": spread}
        return crops + self.patch_weight * patches + self.koleo_weight * spread, metrics
