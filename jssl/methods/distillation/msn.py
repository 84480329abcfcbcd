"""MSN: predict the prototype assignment of a whole view from a masked view and small crops.

Assran et al., "Masked Siamese Networks for Label-Efficient Learning", 2022.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Layers, NonNegative, Positive, Several, Unit
from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views
from jssl.methods.multicrop import PrototypeHead
from jssl.methods.teacher import MomentumTeacher
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead, Prototypes
from jssl.objectives.classification import soft_cross_entropy
from jssl.objectives.clustering import mean_entropy, sinkhorn
from jssl.objectives.common import log_softmax


class MSNNet(nn.Module):
    """An encoder of visible tokens and of small crops, with one head.

    Attributes:
      encoder: module that maps x to `Features` and can drop tokens (`keep`).
      head: the `PrototypeHead`.
    """

    encoder: nn.Module
    head: nn.Module

    def __call__(
        self,
        x: jax.Array,
        keep: jax.Array | None = None,
        local: jax.Array | None = None,
        *,
        train: bool,
    ) -> tuple[jax.Array, jax.Array]:
        """Maps x [B, ...] with the tokens `keep` [B, K], and local [B, V, ...], to projections.

        Returns:
          (projections [B, 1 + V, P], scores [B, 1 + V, K]), x first.
        """
        pooled = self.encoder(x, keep=keep, train=train).pooled[:, None]
        if local is not None:
            small = self.encoder(local.reshape(-1, *local.shape[2:]), train=train).pooled
            pooled = jnp.concatenate([pooled, small.reshape(*local.shape[:2], -1)], axis=1)
        return self.head(pooled, train=train)


@dataclasses.dataclass(frozen=True)
class MSN(Method):
    """Cross-entropy of anchors with sharpened targets, minus the entropy of the mean (eq. 1).

    Equation: L = mean over anchors of -sum_k p_t[k] log p_a[k] - w H(mean p_a), where p_a are the
    assignments of the anchors and p_t the sharpened, balanced assignments of the target.

    Views: `target` [B, ...] for the teacher; `anchor` [B, ...] with `mask` {"keep": int [B, K]},
    and optionally `local` [B, V, ...], unmasked small crops, for the student.

    Remembers: the teacher, a moving average of encoder and projector; both use the student's
    prototypes, which receive no gradient from the targets.

    Collapse: the entropy of the mean anchor assignment (and Sinkhorn on the targets) prevents
    collapse to one prototype; sharpening prevents collapse to a uniform assignment.

    Defaults: from the authors' code configuration for ViT-S/16 (1024 prototypes, head 2048 - 2048 -
    256 with BatchNorm, temperature 0.1, sharpening 0.25, Sinkhorn, entropy weight 1, 15 % of the
    tokens dropped and 10 small crops, set in the views; momentum 0.996 to 1; AdamW at 1e-3, batch
    1024, 15 epochs of warm-up, clipped at 3). That the momentum rises linearly is unverified.

    BatchNorm of the teacher: training uses the statistics of the teacher's own batch; the running
    statistics are a moving average of the student's.

    Differs from the authors' code: small crops keep all their tokens; the weight decay is constant
    in the small experiments; positions are sine-cosine embeddings; theirs are learned.

    Attributes:
      momentum: momentum of the teacher at the first step.
      momentum_end: momentum of the teacher at the last step.
      temperature: temperature of the anchors' and targets' softmax.
      sharpening: sharpening temperature; the target's probabilities are raised to the power 1 /
        `sharpening`.
      balance: whether targets are balanced over the batch by Sinkhorn-Knopp.
      entropy_weight: weight of the entropy of the mean anchor assignment.
      prototypes: number of prototypes.
      hidden: widths of the projector's hidden layers.
      out: width of the projection.
      norm: normalisation in the projector, "batch", "layer" or "none".
      kernel_init: initialiser of the projector; the default suits widths of about 2048.
      dtype: dtype in which the head computes.
    """

    momentum: Unit = 0.996
    momentum_end: Unit = 1.0
    temperature: Positive = 0.1
    sharpening: Positive = 0.25
    balance: bool = True
    entropy_weight: NonNegative = 1.0
    prototypes: Several = 1024
    hidden: Layers = (2048, 2048)
    out: Count = 256
    norm: str = "batch"
    kernel_init: str = "trunc_normal"
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.named("anchor", "target") + Spec.mask("keep")
    paper: ClassVar[str] = "Masked Siamese Networks for Label-Efficient Learning"
    targets: ClassVar[tuple[str, ...]] = ("target",)

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder, projector and prototypes."""
        projector = MLPHead(
            self.hidden,
            self.out,
            norm=self.norm,
            activation="gelu",
            kernel_init=self.kernel_init,
            dtype=self.dtype,
        )
        prototypes = Prototypes(self.prototypes, kernel_init="uniform_fan_in", dtype=self.dtype)
        return MSNNet(encoder, PrototypeHead(projector, prototypes))

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """Inputs on which `init` runs the net."""
        return views["anchor"], views["mask"]["keep"], views.get("local")

    def teachers(self) -> dict[str, MomentumTeacher]:
        """A moving average with linearly rising momentum, which evaluation uses."""
        return {
            "teacher": MomentumTeacher(
                self.momentum, self.momentum_end, schedule="linear", evaluated=True
            )
        }

    def forward(self, step: Step, views: Views) -> Outputs:
        """Scores of the `anchors` [B, 1 + V, K] and of the `target` [B, K]."""
        anchors = (views["anchor"], views["mask"]["keep"], views.get("local"))
        (_, scores) = step.student(*anchors)
        # The teacher's encoder and projector, the student's prototypes.
        teacher = step.memory["teacher"]
        head = {**teacher["params"]["head"], "prototypes": step.params["head"]["prototypes"]}
        teacher = {**teacher, "params": {**teacher["params"], "head": head}}
        taught = step.replace(memory={"teacher": teacher})
        _, target = taught.teacher(views["target"])
        return {"anchors": scores, "target": target[:, 0]}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Cross-entropy, plus the weight times (ln K - entropy of the mean)."""
        anchors, sharp = outputs["anchors"], self.temperature * self.sharpening
        log_p = log_softmax(outputs["target"], temperature=sharp)
        targets = sinkhorn(log_p, temperature=1.0) if self.balance else jnp.exp(log_p)
        targets = jnp.broadcast_to(targets[:, None], anchors.shape)
        error = jnp.mean(soft_cross_entropy(anchors, targets, temperature=self.temperature))
        entropy = mean_entropy(jnp.exp(log_softmax(anchors, temperature=self.temperature)))
        loss = error + self.entropy_weight * (jnp.log(float(self.prototypes)) - entropy)
        return loss, {"cross_entropy": error, "mean_entropy": entropy}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """Scores of anchors, the target's assignments, and the teacher-student distance."""
        anchor, target = outputs["anchors"][:, 0], outputs["target"]
        return Monitored(
            embeddings={"anchor": anchor},
            pairs={"views": (anchor, target)},
            assignments={"target": jnp.exp(log_softmax(target, temperature=self.temperature))},
            teachers=self.distances(step),
            trivial_loss=jnp.log(jnp.float32(self.prototypes)),
        )

    def smoke(self) -> Method:
        """32 prototypes and a head of width 32 with LayerNorm.

        BatchNorm would amplify the differences between a tiny encoder's initial features, which are
        hardly larger than rounding errors.
        """
        small = {"prototypes": 32, "hidden": (32, 32), "out": 16, "kernel_init": "lecun"}
        return dataclasses.replace(self, **small, norm="layer")
