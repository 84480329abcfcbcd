"""iBOT: DINO, and the student also predicts the teacher's assignments of masked patches.

Zhou et al., "iBOT: Image BERT Pre-Training with Online Tokenizer", 2022.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax

from jssl.methods.base import Metrics, Outputs, Spec, Step, Views
from jssl.methods.multicrop import MaskedMultiCrop, all_crops, distilled_crops
from jssl.methods.self_distillation import PatchSelfDistillation
from jssl.nn import module as nn


@dataclasses.dataclass(frozen=True)
class IBOT(PatchSelfDistillation):
    """DINO's loss on crops plus the same cross-entropy at the masked patches (eqs. 2 and 3).

    Equation: L = L_DINO + w mean over masked patches i of -sum_k P_t(u)_i[k] log P_s(u~)_i[k],
    where u is the crop, u~ the crop with masked patches, and P_t and P_s are the assignments of
    teacher and student.

    Views: those of DINO and `mask`, {"mask": bool [B, 2, N], "masked": int [B, 2, M]} for `a` and
    `b`: two draws of a sampler, in blocks or at random. `masked` lists the tokens that are
    compared; listed tokens that are not masked (padding of samplers with a varying ratio) are
    ignored. The teacher sees whole crops.

    Remembers: the teacher, and the centres of the image and patch scores.

    Collapse: prevented as in DINO, for images and for patches.

    Defaults: from the authors' code command for ViT-S/16 (8192 prototypes, one head for images and
    patches, both teacher temperatures 0.04 to 0.07 in 30 epochs, weights 1 and 1; half of the crops
    masked at a ratio in (0.1, 0.5), set in the views; optimizer as in DINO).

    BatchNorm of the teacher: as in DINO.

    Differs from the authors' code: the differences of DINO apply; the centre of the patch scores is
    the mean of the compared patches, not of all patches. Their mask token is initialised with zero
    (`mask_std=0` of the encoder, as in `image/ibot_imagenet`).

    The fields are those of `PatchSelfDistillation`.
    """

    views: ClassVar[Spec] = Spec.multicrop() + Spec.mask("mask", "masked")
    paper: ClassVar[str] = "iBOT: Image BERT Pre-Training with Online Tokenizer"
    symmetric_views: ClassVar[tuple[str, ...]] = ()  # swapping the views would need swapped masks
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
        """DINO's loss plus the mean over crops of the mean over their masked patches."""
        crops, patches = self.crops_loss(step, outputs), self.patches_loss(step, outputs)
        metrics = {"teacher_temperature": self.teacher_temperature(step.progress)}
        metrics |= {"image_loss": crops, "patch_loss": patches}
        return crops + self.patch_weight * patches, metrics
