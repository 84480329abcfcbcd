"""iBOT: DINO, and the student also predicts what the teacher says of the patches hidden from it.

Zhou et al., "iBOT: Image BERT Pre-Training with Online Tokenizer", 2022.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import flax.linen as nn
import jax

from jssl.methods.base import Metrics, Outputs, Spec, Step, Views
from jssl.methods.multicrop import MaskedMultiCrop, all_crops, distilled_crops
from jssl.methods.self_distillation import PatchSelfDistillation


@dataclasses.dataclass(frozen=True)
class IBOT(PatchSelfDistillation):
    """DINO's loss of crops plus the same cross-entropy at the hidden patches (eqs. 2 and 3).

    Equation: L = L_DINO + w mean over hidden patches i of -sum_k P_t(u)_i[k] log P_s(u~)_i[k], u
    the crop and u~ the crop with patches hidden.

    Views: those of DINO and `mask`, {"mask": bool [B, 2, N], "masked": int [B, 2, M]} for `a` and
    `b`: a sampler repeated twice, in blocks or at random. `masked` names the tokens that are
    compared; those of them that are not hidden (a sampler of varying ratio pads so) count for
    nothing. The teacher sees whole crops.

    Remembers: the teacher, the centre, and the centre of the patches.

    Collapse: what keeps DINO from it does so here, for images and for patches.

    Defaults are those of the authors' command for ViT-S/16 (8192 prototypes, one head for images
    and patches, both teacher temperatures 0.04 to 0.07 in 30 epochs, weights 1 and 1; half of the
    crops masked at a ratio in (0.1, 0.5), set in the views; optimizer as DINO).

    BatchNorm of the teacher: as DINO.

    Differs from the authors' code: what DINO's docstring says; the centre of the patches is the
    mean of the compared patches, not of all of them. Their mask token starts at zero (`mask_std=0`
    of the encoder, as in `image/ibot_imagenet`).

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
    """

    views: ClassVar[Spec] = Spec.multicrop() + Spec.mask("mask", "masked")
    paper: ClassVar[str] = "iBOT: Image BERT Pre-Training with Online Tokenizer"
    symmetric_views: ClassVar[tuple[str, ...]] = ()  # the masks belong to the views
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
        """DINO's loss plus the mean over crops of the mean over their hidden patches."""
        crops, patches = self.crops_loss(step, outputs), self.patches_loss(step, outputs)
        metrics = {"teacher_temperature": self.teacher_temperature(step.progress)}
        metrics |= {"image_loss": crops, "patch_loss": patches}
        return crops + self.patch_weight * patches, metrics
