"""TIPS: images find their captions, and patches learn from a teacher that sees more of the image.

Maninis et al., "TIPS: Text-Image Pretraining with Spatial Awareness", 2025.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jssl.alarm import Monitored
from jssl.errors import UserError
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views
from jssl.methods.contrastive.clip import Towers
from jssl.methods.multicrop import encode_crops
from jssl.methods.self_distillation import PatchSelfDistillation
from jssl.methods.siamese import interleave_views, split_views
from jssl.methods.teacher import MomentumTeacher
from jssl.nn.dense import Dense
from jssl.objectives.contrastive import paired_nce
from jssl.ranges import Count, NonNegative, Positive

# The scale is of no use to the teacher, but the net cannot be made without it.
_TAUGHT = ("encoder", "head", "patch_head", "log_scale")


def two_tokens(features: Any) -> tuple[jax.Array, jax.Array]:
    """The class token and a second one, which is the encoder's first register: [B, D] each.

    Raises:
      UserError: the encoder lacks either.
    """
    if not {"cls", "registers"} <= features.extras.keys():
        raise UserError('TIPS needs an encoder with two tokens: pool="cls" and registers=1 or more')
    return features.extras["cls"], features.extras["registers"][:, 0]


class SpatialTowers(Towers):
    """CLIP's towers with a second class token, and heads of class token and patches.

    The fields are those of `Towers`, and:

    Attributes:
      head: a `PrototypeHead` of the class token.
      patch_head: one of the patches; None shares `head`.
    """

    head: nn.Module = dataclasses.field(kw_only=True)
    patch_head: nn.Module | None = None

    def setup(self) -> None:
        """Makes the maps and the scale."""
        super().setup()
        self.map_second = Dense(self.out, use_bias=False, dtype=self.dtype)

    def a(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Embeds images by their first class token: [B, ...] -> [B, out]."""
        return self.map_a(two_tokens(self.encoder(x, train=train))[0])

    def second(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Embeds images by their second class token: [B, ...] -> [B, out]."""
        return self.map_second(two_tokens(self.encoder(x, train=train))[1])

    def patches(
        self, x: jax.Array, places: jax.Array, mask: jax.Array | None = None, *, train: bool
    ) -> tuple[jax.Array, jax.Array]:
        """Scores of images [B, K] and of their tokens at places int [B, M]: [B, M, K]."""
        features = self.encoder(x, **({} if mask is None else {"mask": mask}), train=train)
        tokens = jnp.take_along_axis(features.tokens, places[..., None], axis=1)
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
        places: jax.Array,
        mask: jax.Array,
        *,
        train: bool,
    ) -> dict[str, jax.Array]:
        """Encodes the whole image, its small crops, it with patches hidden, and its captions.

        Args:
          image: [B, ...].
          local: [B, V, ...].
          captions: one or two inputs of `partner`, [B, ...] each.
          places: int [B, M], tokens whose scores are wanted.
          mask: bool [B, N], tokens hidden in the third pass.
          train: as ever.

        Returns:
          "a" and "second", "b" and "c" (with one caption the same) [B, out], "scale" [B], scores
          "student" [B, 1 + V, K] and "student_patches" [B, 1, M, K].
        """
        first, second = two_tokens(self.encoder(image, train=train))
        small = encode_crops(self.encoder, local, train=train).pooled
        _, patches = self.patches(image, places, mask, train=train)
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
    """CLIP with two captions and two class tokens, DINO from small crops, iBOT at hidden patches.

    One image encoder serves all three. Captions of two kinds (short ones from the web, and
    descriptions of what is where) would pull one class token two ways, so each has its own. The
    teacher sees the whole image alone; the student sees small crops, and the image with patches
    hidden.

    Equation: L = (1/2) [InfoNCE(a, b) + InfoNCE(a', c)] + alpha L_DINO + beta L_iBOT, a and a' the
    two class tokens, b and c the captions; L_DINO = mean over small crops s of -sum_k P_t(image)[k]
    log P_s(s)[k], L_iBOT = mean over hidden patches i of -sum_k P_t(image)_i[k] log
    P_s(masked)_i[k].

    Views: `a`, an image; `local`, small crops of it [B, V, ...]; `b` and, where there is a second
    caption, `c`, which `partner` sees; `mask`, {"mask" bool [B, N], "masked" int [B, M]}.

    Remembers: the teacher (image encoder and heads), the centre and the centre of the patches.

    Collapse: of the embeddings held off by the negatives, of the prototypes by what keeps DINO from
    it.

    Defaults are iBOT's for crops and patches, with heads of their own, and CLIP's for the contrast.

    BatchNorm of the teacher: as DINO.

    Differs from the authors' code: class tokens pass a linear map into the common space, one each;
    the second class token is the encoder's first register.

    Unverified: the weights alpha 1 and beta 2, the share of hidden patches, and which of the two
    class tokens the small crops are compared by; evaluation sees the student, by its first class
    token.

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
      partner: encoder of the captions.
      contrast_temperature: of the contrast at the start; learnt.
      image_weight: alpha.
      patch_weight: beta.
      shared_head: whether one head serves images and patches.
      patch_prototypes: number of prototypes of a patch head of its own.
      out: width of the common space.
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
        """What the net is run on."""
        captions = tuple(views[name] for name in ("b", "c") if name in views)
        return views["a"], views["local"], captions, views["mask"]["masked"], views["mask"]["mask"]

    def teachers(self) -> dict[str, MomentumTeacher]:
        """A moving average of image encoder and heads; evaluation sees the student."""
        return {"teacher": MomentumTeacher(self.momentum, self.momentum_end, of=_TAUGHT)}

    def forward(self, step: Step, views: Views) -> Outputs:
        """What the student gives (see `SpatialTowers`), and the teacher for the whole image."""
        image, _, _, places, mask = self.inputs(views)
        outputs = step.student(*self.inputs(views))
        teacher, patches = step.teacher(image, places, method=SpatialTowers.patches)
        hidden = jnp.take_along_axis(mask, places, axis=1)
        rest = {"teacher": teacher[:, None], "teacher_patches": patches[:, None]}
        return {**outputs, **rest, "hidden": hidden[:, None]}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """The weighted sum of the three."""
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
        """Embeddings of images and captions, the teacher's assignments and its distance."""
        teacher = outputs["teacher"][:, 0].astype(jnp.float32)
        trivial = math.log(teacher.shape[0]) + self.image_weight * math.log(teacher.shape[1])
        return Monitored(
            embeddings={name: outputs[name] for name in ("a", "second", "b", "c")},
            assignments={"teacher": jax.nn.softmax(teacher / self.temperature)},
            teachers=self.distances(step),
            trivial_loss=trivial + self.trivial_patches(outputs),
        )

    def towers(self, step: Step) -> Mapping[str, Callable[[jax.Array], jax.Array]]:
        """Images by their first class token, captions, and images by their second."""

        def tower(method: Callable[..., jax.Array]) -> Callable[[jax.Array], jax.Array]:
            return lambda x: step.predict(x, method=method)

        kinds = {"a": SpatialTowers.a, "b": SpatialTowers.b, "second": SpatialTowers.second}
        return {name: tower(method) for name, method in kinds.items()}

    def smoke(self) -> Method:
        """Small heads, with a small partner and a space of width 16."""
        return dataclasses.replace(super().smoke(), partner=self.partner.smoke(), out=16)
