"""Fine-tuning: train encoder, first layers of the projector and a classifier on labels.

Chen et al., "Big Self-Supervised Models are Strong Semi-Supervised Learners", 2020 (SimCLRv2).
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jssl.alarm import Monitored
from jssl.clock import Clock
from jssl.methods.base import Memory, Method, Metrics, Outputs, Tree, Views, apply
from jssl.methods.siamese import Siamese
from jssl.nn.heads import MLPHead
from jssl.objectives.classification import accuracy, cross_entropy


@dataclasses.dataclass(frozen=True)
class FineTune(Method):
    """Cross-entropy of labels (section 2), the second of SimCLRv2's three stages.

    Views: `image` [B, ...] and `label` int [B] (`jssl.augmentations.compose.field("label")`). It
    remembers nothing.

    The projector of pre-training is kept up to `layers` of its hidden layers: `hidden` names their
    widths, and its parameters have the names they have in SimCLR's projector ("projector/dense0",
    "projector/norm0"), so that a checkpoint's fit. The classifier follows them. With `hidden=()` it
    stands on the encoder, which is ordinary fine-tuning.

    Defaults are the paper's for ImageNet (section 2 and appendix C: fine-tuned from the first layer
    of a projector of three, no weight decay; LARS at 0.16 with batch 1024, 30 epochs for 10 % of
    the labels and 60 for 1 %, crops and flips alone).

    Differs from the authors' code: BatchNorm statistics are those of the global batch, as there;
    nothing known to change the numbers. Starting from a checkpoint is the caller's task: the net
    starts at random here.

    Attributes:
      classes: number of classes.
      hidden: widths of the projector's layers that are kept, each with norm and ReLU.
      smoothing: share of the target that is spread over all classes.
      norm: normalisation in the kept layers, "batch", "layer" or "none".
      dtype: dtype in which the head computes.
    """

    classes: int = 1000
    hidden: tuple[int, ...] = (2048,)
    smoothing: float = 0.0
    norm: str = "batch"
    dtype: str = "float32"

    paper: ClassVar[str] = "Big Self-Supervised Models are Strong Semi-Supervised Learners"
    couples_batch: ClassVar[bool] = False

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and classifier."""
        return Siamese(
            encoder, MLPHead(self.hidden, self.classes, norm=self.norm, dtype=self.dtype)
        )

    def init(self, net: nn.Module, rng: jax.Array, views: Views) -> Tree:
        """Variables of the net."""
        return net.init({"params": rng, "dropout": rng}, views["image"], train=True)

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
        """`logits` [B, classes] and `label` [B]."""
        (logits, _), stats = apply(net, params, stats, views["image"], rng=rng)
        return {"logits": logits, "label": views["label"]}, stats

    def objective(
        self, outputs: Outputs, memory: Memory, *, rng: jax.Array, clock: Clock
    ) -> tuple[jax.Array, tuple[Memory, Metrics]]:
        """Cross-entropy averaged over the batch."""
        logits, label = outputs["logits"], outputs["label"]
        loss = jnp.mean(cross_entropy(logits, label, smoothing=self.smoothing))
        return loss, (memory, {"accuracy": jnp.mean(accuracy(logits, label))})

    def monitor(self, outputs: Outputs, params: Tree, memory: Memory) -> Monitored:
        """The loss of a constant feature, ln of the number of classes."""
        return Monitored(trivial_loss=math.log(self.classes))

    def smoke(self) -> Method:
        """Kept layers of width 16."""
        return dataclasses.replace(self, hidden=(16,) * len(self.hidden))
