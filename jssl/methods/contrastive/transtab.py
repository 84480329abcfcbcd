"""TransTab's vertical partitions: groups of columns of a row attract, those of other rows repel.

Wang & Sun, "TransTab: Learning Transferable Tabular Transformers Across Tables", 2022.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jssl.alarm import Monitored
from jssl.errors import UserError
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views
from jssl.methods.multicrop import MultiCrop
from jssl.nn.heads import MLPHead
from jssl.objectives.contrastive import multiview_nce
from jssl.ranges import Count, Positive


@dataclasses.dataclass(frozen=True)
class TransTab(Method):
    """Vertical-partition contrastive learning (VPCL, section 3.3), self-supervised or with labels.

    Every part of an input finds the other parts of the same input among all parts of the batch.
    With `supervised`, parts of examples of the same class are to be found as well.

    Equation: L_i = -mean over l in P(i) of log(exp(cos(z_i, z_l) / T) / sum over k != i of
    exp(cos(z_i, z_k) / T)), i one of B V parts, P(i) the others of its example, or of its class.

    Views: `views` [B, V, ...], V >= 2 parts of each example; with `supervised` also `label` int
    [B]. In the paper parts are groups of columns of a table that overlap
    (`jssl.augmentations.tables.partition_columns`).

    Remembers: nothing.

    Collapse: held off by the negatives. If each example were cut in its own way, which columns a
    part has would give its example away, and nothing else would be learnt.

    Defaults are the authors' code's for the projection (linear, 128 wide, no bias); a temperature
    of 1 is the paper's eq. 6, which has none. Their collator cuts columns into three groups that
    overlap by half, in the order of the table; the encoder has two layers of width 128 with eight
    heads and MLPs of 256; Adam.

    Differs from the authors' code: similarities are cosines, as in the paper, where theirs are dot
    products over a temperature of 10. An example's part is not its own candidate, as there; in eq.
    6 it is. Those of its class stay in the denominator, as there; in eq. 7 they do not. The encoder
    (`jssl.encoders.cells`) has differences of its own.

    Unverified: the paper's figures, AUC after fine-tuning on labels, on tables of clinical trials
    and OpenML.

    Attributes:
      temperature: of the softmax.
      out: width of the projection, which evaluation does not see.
      supervised: whether examples with the same label attract.
      dtype: dtype in which the projection computes.
    """

    temperature: Positive = 1.0
    out: Count = 128
    supervised: bool = False
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.named("views")
    paper: ClassVar[str] = "TransTab: Learning Transferable Tabular Transformers Across Tables"
    partial: ClassVar[str] = (
        "Experiments train and test on single tables; transfer across tables, feature- "
        "incremental learning and zero-shot inference are missing."
    )
    scale_invariant: ClassVar[tuple[str, ...]] = ("parts",)

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and a linear layer."""
        head = MLPHead((), self.out, norm="none", last_bias=False, dtype=self.dtype)
        return MultiCrop(encoder, head)

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """What the net is run on."""
        return ((views["views"],),)

    def forward(self, step: Step, views: Views) -> Outputs:
        """`parts` [B, V, out], and `label` [B] where it is needed."""
        if self.supervised and "label" not in views:
            raise UserError("supervised=True needs the label among the views: label=field('label')")
        parts = step.student((views["views"],))
        return {"parts": parts, **({"label": views["label"]} if self.supervised else {})}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Mean over the global batch."""
        options = {"temperature": self.temperature, "labels": outputs.get("label")}
        return jnp.mean(multiview_nce(outputs["parts"], **options)), {}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """The first two parts; the trivial loss is ln(B V - 1)."""
        parts = outputs["parts"]
        a, b = parts[:, 0], parts[:, 1]
        return Monitored(
            embeddings={"projection": a},
            pairs={"parts": (a, b)},
            trivial_loss=math.log(parts.shape[0] * parts.shape[1] - 1),
        )

    def smoke(self) -> Method:
        """A projection of width 16."""
        return dataclasses.replace(self, out=16)
