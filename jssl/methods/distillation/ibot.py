"""iBOT: DINO, and the student also predicts what the teacher says of the patches hidden from it.

Zhou et al., "iBOT: Image BERT Pre-Training with Online Tokenizer", 2022.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jssl.alarm import Monitored
from jssl.clock import Clock
from jssl.methods.base import Memory, Method, Metrics, Outputs, Tree, Views, apply
from jssl.methods.distillation.dino import DINO
from jssl.methods.multicrop import Crops, all_crops, encode_crops, global_crops
from jssl.methods.teacher import run_teacher
from jssl.objectives.classification import soft_cross_entropy
from jssl.objectives.distillation import teacher_targets, update_centre
from jssl.objectives.masked import masked_mean
from jssl.ranges import NonNegative, Positive, Several


class MaskedMultiCrop(nn.Module):
    """An encoder of crops, masked where asked, with a head for images and one for patches.

    Attributes:
      encoder: module `x -> Features` with tokens, that takes a mask.
      head: a `PrototypeHead` of the pooled features.
      patch_head: one of the tokens; None shares `head`.
    """

    encoder: nn.Module
    head: nn.Module
    patch_head: nn.Module | None = None

    def __call__(
        self, crops: Crops, places: jax.Array, mask: jax.Array | None = None, *, train: bool
    ) -> dict[str, jax.Array]:
        """Encodes.

        Args:
          crops: ([B, 2, ...], [B, V, ...] or nothing).
          places: int [B, 2, M], tokens of the large crops that the patch head sees.
          mask: bool [B, 2, N], tokens hidden from the encoder in the large crops; None for none.
          train: as ever.

        Returns:
          "pooled" [B, sum V, D], "scores" [B, sum V, K], "patches" [B, 2, M, K].
        """
        hidden = {} if mask is None else {"mask": mask}
        features = [encode_crops(self.encoder, crops[0], train=train, **hidden)]
        features += [encode_crops(self.encoder, group, train=train) for group in crops[1:]]
        pooled = jnp.concatenate([found.pooled for found in features], axis=1)
        _, scores = self.head(pooled, train=train)
        tokens = jnp.take_along_axis(features[0].tokens, places[..., None], axis=2)
        head = self.head if self.patch_head is None else self.patch_head
        _, patches = head(tokens, train=train)
        return {"pooled": pooled, "scores": scores, "patches": patches}


@dataclasses.dataclass(frozen=True)
class IBOT(DINO):
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
      patch_weight: of the loss at the patches.
      shared_head: whether one head serves images and patches.
      patch_prototypes: number of prototypes of a patch head of its own.
    """

    temperature: Positive = 0.07
    temperature_warmup: NonNegative = 30.0
    prototypes: Several = 8192
    patch_weight: NonNegative = 1.0
    shared_head: bool = True
    patch_prototypes: Several = 8192

    paper: ClassVar[str] = "iBOT: Image BERT Pre-Training with Online Tokenizer"
    symmetric_views: ClassVar[tuple[str, ...]] = ()  # the masks belong to the views
    targets: ClassVar[tuple[str, ...]] = ("teacher", "teacher_patches")

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and one head or two."""
        own = dataclasses.replace(self, prototypes=self.patch_prototypes)
        return MaskedMultiCrop(encoder, self.head(), None if self.shared_head else own.head())

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """What the net is run on."""
        mask = views["mask"]
        return all_crops(views), mask["masked"], mask["mask"]

    def init_memory(self, rng: jax.Array, params: Tree, stats: Tree) -> Memory:
        """DINO's memory and a second centre."""
        size = self.prototypes if self.shared_head else self.patch_prototypes
        return {**super().init_memory(rng, params, stats), "patch_centre": jnp.zeros((size,))}

    def forward(
        self,
        net: nn.Module,
        params: Tree,
        stats: Tree,
        memory: Memory,
        views: Views,
        *,
        rng: jax.Array,
        clock: Clock,
    ) -> tuple[Outputs, Tree]:
        """DINO's scores; scores of patches [B, 2, M, K]; `hidden` [B, 2, M]; `pooled` [B, 2, D]."""
        mask, places = views["mask"]["mask"], views["mask"]["masked"]
        crops, whole = all_crops(views), (global_crops(views),)
        student, stats = apply(net, params, stats, crops, places, mask, rng=rng)
        teacher = run_teacher(net, memory["teacher"], whole, places, rng=rng)
        outputs = {
            "student": student["scores"],
            "teacher": teacher["scores"],
            "student_patches": student["patches"],
            "teacher_patches": teacher["patches"],
            "hidden": jnp.take_along_axis(mask, places, axis=2),
            "pooled": student["pooled"][:, :2],
        }
        return outputs, stats

    def objective(
        self, outputs: Outputs, memory: Memory, *, rng: jax.Array, clock: Clock
    ) -> tuple[jax.Array, tuple[Memory, Metrics]]:
        """DINO's loss plus the mean over crops of the mean over their hidden patches."""
        loss, (moved, metrics) = super().objective(outputs, memory, rng=rng, clock=clock)
        teacher, hidden = outputs["teacher_patches"], outputs["hidden"]
        targets = teacher_targets(
            teacher,
            temperature=self.teacher_temperature(clock),
            centring=self.centring,
            centre=memory["patch_centre"],
            weights=hidden,
        )
        error = soft_cross_entropy(
            outputs["student_patches"], targets, temperature=self.student_temperature
        )
        tokens = hidden.shape[-1]
        patches = jnp.mean(masked_mean(error.reshape(-1, tokens), hidden.reshape(-1, tokens)))
        centre = update_centre(
            memory["patch_centre"], teacher, momentum=self.centre_momentum, weights=hidden
        )
        metrics = {**metrics, "image_loss": loss, "patch_loss": patches}
        return loss + self.patch_weight * patches, ({**moved, "patch_centre": centre}, metrics)

    def monitor(self, outputs: Outputs, params: Tree, memory: Memory) -> Monitored:
        """What DINO looks at; the trivial loss has the patches' share, of crops that hide any."""
        found = super().monitor(outputs, params, memory)
        return found._replace(trivial_loss=found.trivial_loss + self.trivial_patches(outputs))

    def trivial_patches(self, outputs: Outputs) -> jax.Array:
        """What the patches add to the trivial loss: float32, for the share of crops that hide any.

        Args:
          outputs: `hidden` bool [B, G, M] and `teacher_patches` [B, G, M, K] of `forward`.
        """
        share = jnp.mean(jnp.any(outputs["hidden"], axis=-1).astype(jnp.float32))
        prototypes = jnp.float32(outputs["teacher_patches"].shape[-1])
        return self.patch_weight * share * jnp.log(prototypes)

    def smoke(self) -> Method:
        """64 prototypes and heads of width 32."""
        return dataclasses.replace(super().smoke(), patch_prototypes=48)
