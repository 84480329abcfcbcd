"""DIET: classify every training example as itself.

Ibrahim et al., "Occam's Razor for Self Supervised Learning: What is Sufficient to Learn Good
Representations?", 2024; the method is Balestriero's "Unsupervised Learning on a DIET", 2023.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from jssl.core.ranges import Count, Unit
from jssl.methods.base import Method, Outputs, Spec, Step, Views, the_input
from jssl.methods.classifier import Classifier
from jssl.methods.siamese import Siamese
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead


@dataclasses.dataclass(frozen=True)
class DIET(Classifier):
    """Cross-entropy of the example's index, with strong label smoothing.

    One linear layer has an output for each training example. It learns slowly, because each output
    has one positive example per epoch: of a given number of steps, few examples seen often teach
    more than many seen a few times.

    Equation: L = -sum_n y_n log softmax(W f(x))_n, where y is the smoothed one-hot vector of the
    example's index.

    Views: one input [B, ...], and `index` int [B], the example's position in the training split
    (`jssl.augmentations.compose.field("index")`).

    Remembers: nothing except that layer.

    Collapse: impossible, because a constant feature costs ln N.

    Defaults: smoothing 0.8 and a linear layer without bias are from the paper; the experiments'
    AdamW at 1e-3 with weight decay 0.05 and a cosine schedule is unverified.

    Attributes:
      examples: N, number of training examples. An index beyond it makes the loss NaN.
      smoothing: fraction of the target that is spread over all examples.
      dtype: dtype in which the head computes.
    """

    examples: Count = 50000
    smoothing: Unit = 0.8
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.single() + Spec.index()
    paper: ClassVar[str] = (
        "Occam's Razor for Self Supervised Learning: What is Sufficient to Learn Good "
        "Representations?"
    )

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and linear classifier of all examples."""
        head = MLPHead((), self.examples, norm="none", last_bias=False, dtype=self.dtype)
        return Siamese(encoder, head)

    def forward(self, step: Step, views: Views) -> Outputs:
        """`logits` [B, N], and the index as `label` [B]."""
        (logits, _) = step.student(the_input(views))
        return {"logits": logits, "label": views["index"]}

    def smoke(self) -> Method:
        """A head for the few examples of a smoke-test data set."""
        return dataclasses.replace(self, examples=min(self.examples, 64))
