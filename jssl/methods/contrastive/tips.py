"""TIPS: image-text contrast, combined with self-distillation of crops and masked patches.

Maninis et al., "TIPS: Text-Image Pretraining with Spatial Awareness", 2025.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, NonNegative, Positive
from jssl.errors import UserError
from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views
from jssl.methods.contrastive.clip import Towers
from jssl.methods.multicrop import encode_crops
from jssl.methods.self_distillation import PatchSelfDistillation
from jssl.methods.siamese import interleave_views, split_views
from jssl.methods.teacher import MomentumTeacher
from jssl.nn import module as nn
from jssl.nn.dense import Dense
from jssl.objectives.contrastive import paired_nce

# The teacher does not use the scale, but the net cannot be built without it.
_TAUGHT = ("encoder", "head", "patch_head", "log_scale")


def two_tokens(features: Any) -> tuple[jax.Array, jax.Array]:
    """The class token and the encoder's first register as a second one, each [B, D].

    Raises:
      UserError: if the encoder lacks either.
    """
    if not {"cls", "registers"} <= features.extras.keys():
        raise UserError('TIPS needs an encoder with two tokens: pool="cls" and registers=1 or more')
    return features.extras["cls"], features.extras["registers"][:, 0]


class SpatialTowers(Towers):
    """CLIP's towers with a second class token, and heads for the class token and the patches.

    The fields are those of `Towers`, and:

    Attributes:
      head: `PrototypeHead` of the class token.
      patch_head: `PrototypeHead` of the patches; None shares `head`.
    """

    head: nn.Module = dataclasses.field(kw_only=True)
    patch_head: nn.Module | None = None

    def setup(self) -> None:
        """Creates the maps and the scale."""
        super().setup()
        self.map_second = Dense(self.out, use_bias=False, dtype=self.dtype)

    def a(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Embeds images by their first class token: [B, ...] -> [B, out]."""
        return self.map_a(two_tokens(self.encoder(x, train=train))[0])

    def second(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Embeds images by their second class token: [B, ...] -> [B, out]."""
        return self.map_second(two_tokens(self.encoder(x, train=train))[1])

    def patches(
        self, x: jax.Array, indices: jax.Array, mask: jax.Array | None = None, *, train: bool
    ) -> tuple[jax.Array, jax.Array]:
        """Scores of images [B, K] and of their tokens at positions int [B, M]: [B, M, K]."""
        features = self.encoder(x, **({} if mask is None else {"mask": mask}), train=train)
        tokens = jnp.take_along_axis(features.tokens, indices[..., None], axis=1)
        head = self.head if self.patch_head is None else self.patch_head
        return self.scored(features.pooled, train=train), head(tokens, train=train)[1]

    def scored(self, pooled: jax.Array, *, train: bool) -> jax.Array:
        """Scores of class tokens against the prototypes: [..., D] -> [..., K]."""
        return self.head(pooled, train=train)[1]

    def __call__(
        self,
        image: jax.Array,
        local: jax.Array,
        captions: tuple[jax.Array, ...],
        indices: jax.Array,
        mask: jax.Array,
        *,
        train: bool,
    ) -> dict[str, jax.Array]:
        """Encodes the whole image, its small crops, the masked image and the captions.

        Args:
          image: [B, ...].
          local: [B, V, ...].
          captions: one or two inputs of `partner`, each [B, ...].
          indices: int [B, M], positions of the tokens that are scored.
          mask: bool [B, N], tokens masked in the third pass.
          train: whether to run in training mode.

        Returns:
          "a" and "second", "b" and "c" (equal if there is one caption) [B, out], "scale" [B],
          scores "student" [B, 1 + V, K] and "student_patches" [B, 1, M, K].
        """
        first, second = two_tokens(self.encoder(image, train=train))
        small = encode_crops(self.encoder, local, train=train).pooled
        _, patches = self.patches(image, indices, mask, train=train)
        texts = split_views(self.b(interleave_views(*captions), train=train), len(captions))
        scale = jnp.exp(jnp.minimum(self.log_scale, math.log(100.0)))
        crops = jnp.concatenate([first[:, None], small], axis=1)
        return {
            "a": self.map_a(first),
            "second": self.map_second(second),
            "b": texts[0],
            "c": texts[-1],
            "scale": scale * jnp.ones(image.shape[0], jnp.float32),
            "student": self.scored(crops, train=train),
            "student_patches": patches[:, None],
        }


@dataclasses.dataclass(frozen=True)
class TIPS(PatchSelfDistillation):
    """CLIP with two captions and class tokens, DINO on small crops, and iBOT at masked patches.

    All three losses share one image encoder. The two kinds of captions (short ones from the web,
    and descriptions of the spatial layout) each have a class token of their own, because they would
    conflict on a single one. The teacher sees only the whole image; the student sees small crops,
    and the image with masked patches.

    Equation: L = (1/2) [InfoNCE(a, b) + InfoNCE(a', c)] + alpha L_DINO + beta L_iBOT; L_DINO = mean
    over small crops s of -sum_k P_t(image)[k] log P_s(s)[k]; L_iBOT = mean over masked patches i of
    -sum_k P_t(image)_i[k] log P_s(masked)_i[k], where a and a' are the two class tokens, b and c
    the captions, and P_t and P_s the assignments of teacher and student.

    Views: `a`, an image; `local`, small crops of it [B, V, ...]; `b` and, where there is a second
    caption, `c`, the inputs of `partner`; `mask`, {"mask" bool [B, N], "masked" int [B, M]}.

    Remembers: the teacher (image encoder and heads), and the centres of the image and patch scores.

    Collapse: collapse of the embeddings is prevented by the negatives, collapse of the prototype
    assignments as in DINO.

    Defaults: from iBOT for crops and patches, with separate heads, and from CLIP for the contrast.

    BatchNorm of the teacher: as in DINO.

    Differs from the authors' code: each class token has its own linear map into the joint space;
    the second class token is the encoder's first register.

    Unverified: the weights alpha 1 and beta 2, the fraction of masked patches, and which of the two
    class tokens the small crops use. Evaluation uses the student's first class token.

    The fields are those of `PatchSelfDistillation`, and:

    Attributes:
      partner: encoder of the captions.
      contrast_temperature: initial temperature of the image-text contrast, which is learned.
      image_weight: weight alpha of the DINO loss.
      patch_weight: weight beta of the iBOT loss.
      out: width of the joint space.
    """

    partner: nn.Module = dataclasses.field(kw_only=True)
    contrast_temperature: Positive = 0.07
    image_weight: NonNegative = 1.0
    patch_weight: NonNegative = 2.0
    shared_head: bool = False
    out: Count = 128

    views: ClassVar[Spec] = Spec.named("a", "local", "b") + Spec.mask("mask", "masked")
    paper: ClassVar[str] = "TIPS: Text-Image Pretraining with Spatial Awareness"
    partial: ClassVar[str] = (
        "No experiment has two kinds of caption: both class tokens are trained on captions "
        "drawn from one list, so that noisy web captions beside synthetic descriptions, the "
        "paper's first idea, are not exercised."
    )
    scale_invariant: ClassVar[tuple[str, ...]] = ("a", "second", "b", "c")
    targets: ClassVar[tuple[str, ...]] = ("teacher", "teacher_patches")

    def net(self, encoder: nn.Module) -> nn.Module:
        """Both encoders, their maps, and the heads."""
        return SpatialTowers(
            encoder,
            self.partner,
            self.out,
            1.0 / self.contrast_temperature,
            None,
            dtype=self.dtype,
            head=self.head(),
            patch_head=self.patch_head(),
        )

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """Inputs on which `init` runs the net."""
        captions = tuple(views[name] for name in ("b", "c") if name in views)
        return views["a"], views["local"], captions, views["mask"]["masked"], views["mask"]["mask"]

    def teachers(self) -> dict[str, MomentumTeacher]:
        """A moving average of the image encoder and heads; evaluation uses the student."""
        return {"teacher": MomentumTeacher(self.momentum, self.momentum_end, of=_TAUGHT)}

    def forward(self, step: Step, views: Views) -> Outputs:
        """The student's outputs (see `SpatialTowers`), and the teacher's for the whole image."""
        image, _, _, indices, mask = self.inputs(views)
        outputs = step.student(*self.inputs(views))
        teacher, patches = step.teacher(image, indices, method=SpatialTowers.patches)
        masked = jnp.take_along_axis(mask, indices, axis=1)
        rest = {"teacher": teacher[:, None], "teacher_patches": patches[:, None]}
        return {**outputs, **rest, "masked": masked[:, None]}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """The weighted sum of the three losses."""
        crops, patches = self.crops_loss(step, outputs), self.patches_loss(step, outputs)
        metrics = {"teacher_temperature": self.teacher_temperature(step.progress)}
        metrics |= {"image_loss": crops, "patch_loss": patches}
        scale = jnp.mean(outputs["scale"].astype(jnp.float32))
        pairs = paired_nce(outputs["a"], outputs["b"], scale=scale)
        pairs = pairs + paired_nce(outputs["second"], outputs["c"], scale=scale)
        contrast = 0.5 * jnp.mean(pairs)
        spatial = self.image_weight * crops
        spatial = spatial + self.patch_weight * patches
        return contrast + spatial, {**metrics, "contrast": contrast, "scale": scale}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """Embeddings of images and captions, the teacher's assignments and distance."""
        teacher = outputs["teacher"][:, 0].astype(jnp.float32)
        trivial = math.log(teacher.shape[0]) + self.image_weight * math.log(teacher.shape[1])
        return Monitored(
            embeddings={name: outputs[name] for name in ("a", "second", "b", "c")},
            assignments={"teacher": jax.nn.softmax(teacher / self.temperature)},
            teachers=self.distances(step),
            trivial_loss=trivial + self.trivial_patches(outputs),
        )

    def towers(self, step: Step) -> Mapping[str, Callable[[jax.Array], jax.Array]]:
        """Images by their first class token, captions, and images by their second class token."""

        def tower(method: Callable[..., jax.Array]) -> Callable[[jax.Array], jax.Array]:
            return lambda x: step.predict(x, method=method)

        kinds = {"a": SpatialTowers.a, "b": SpatialTowers.b, "second": SpatialTowers.second}
        return {name: tower(method) for name, method in kinds.items()}

    def smoke(self) -> Method:
        """Small heads, with a small partner and a space of width 16."""
        return dataclasses.replace(super().smoke(), partner=self.partner.smoke(), out=16)
