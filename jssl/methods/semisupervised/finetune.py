"""Fine-tuning: train the encoder, the first projector layers and a classifier on labels.

Chen et al., "Big Self-Supervised Models are Strong Semi-Supervised Learners", 2020 (SimCLRv2).
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from jssl.core.ranges import Layers, Several, Unit
from jssl.methods.base import Method, Outputs, Spec, Step, Views, the_input
from jssl.methods.classifier import Classifier
from jssl.methods.siamese import Siamese
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead

_LAYER = ("dense", "norm")  # the parts of a hidden layer of `MLPHead`


@dataclasses.dataclass(frozen=True)
class FineTune(Classifier):
    """Cross-entropy of labels (section 2), the second of SimCLRv2's three stages.

    Equation: L = -sum_c y_c log softmax(h(f(x)))[c], where y is the smoothed label, f the encoder
    and h the classifier.

    Views: one input [B, ...], and `label` int [B] (`jssl.augmentations.compose.field("label")`).

    Remembers: nothing.

    Collapse: impossible, because a constant feature costs the entropy of the labels. With few
    labels the net overfits.

    The first hidden layers of the pre-training projector are kept; `hidden` gives their widths.
    Their parameters have the same names as in SimCLR's projector ("projector/dense0",
    "projector/norm0"), and `--init-from RUN` loads them and the encoder. The classifier follows
    them. With `hidden=()` the classifier is applied to the encoder, which is ordinary fine-tuning.

    Defaults: from the paper for ImageNet (section 2 and appendix C: fine-tuned from the first layer
    of a projector of three, no weight decay; LARS at 0.16 with batch 1024, 30 epochs for 10 % of
    the labels and 60 for 1 %, crops and flips only).

    Differs from the authors' code: no difference is known to change the results. BatchNorm
    statistics are those of the global batch in both.

    Attributes:
      classes: number of classes.
      hidden: widths of the projector layers that are kept, each followed by a norm and ReLU.
      smoothing: fraction of the target that is spread over all classes.
      norm: normalisation in the kept layers, "batch", "layer" or "none".
      dtype: dtype in which the head computes.
    """

    classes: Several = 1000
    hidden: Layers = (2048,)
    smoothing: Unit = 0.0
    norm: str = "batch"
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.single() + Spec.labelled()
    paper: ClassVar[str] = "Big Self-Supervised Models are Strong Semi-Supervised Learners"
    partial: ClassVar[str] = (
        "A student of another size than the teacher and selective kernels are missing; "
        "experiments stand on procedural shapes alone."
    )

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and classifier."""
        return Siamese(
            encoder, MLPHead(self.hidden, self.classes, norm=self.norm, dtype=self.dtype)
        )

    def inherited(self) -> tuple[str, ...]:
        """The encoder and the layers of the projector that are kept."""
        parts = [f"projector/{kind}{i}" for i in range(len(self.hidden)) for kind in _LAYER]
        return ("encoder", *parts)

    def forward(self, step: Step, views: Views) -> Outputs:
        """`logits` [B, classes] and `label` [B]."""
        (logits, _) = step.student(the_input(views))
        return {"logits": logits, "label": views["label"]}

    def smoke(self) -> Method:
        """Kept layers of width 16."""
        return dataclasses.replace(self, hidden=(16,) * len(self.hidden))
