"""TransTab: contrast vertical partitions, groups of columns, of one row with those of other rows.

Wang & Sun, "TransTab: Learning Transferable Tabular Transformers Across Tables", 2022.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Positive
from jssl.errors import UserError
from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views
from jssl.methods.multicrop import MultiCrop
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead
from jssl.objectives.contrastive import multiview_nce


@dataclasses.dataclass(frozen=True)
class TransTab(Method):
    """Vertical-partition contrastive learning (VPCL, section 3.3), self-supervised or with labels.

    The positives of a part are the other parts of the same input, among all parts of the batch.
    With `supervised`, parts of examples of the same class are positives as well.

    Equation: L_i = -mean over l in P(i) of log(exp(cos(z_i, z_l) / T) / sum over k != i of
    exp(cos(z_i, z_k) / T)), where i is one of B V parts and P(i) are the other parts of its
    example, or of its class.

    Views: `views` [B, V, ...], with V >= 2 parts of each example; with `supervised` also `label`
    int [B]. In the paper parts are overlapping groups of columns of a table
    (`jssl.augmentations.tables.partition_columns`).

    Remembers: nothing.

    Collapse: prevented by the negatives. All examples are partitioned in the same way; otherwise
    the columns of a part would identify its example, which is a shortcut.

    Defaults: from the authors' code for the projection (linear, width 128, no bias); the
    temperature of 1 corresponds to the paper's eq. 6, which has none. The authors' collator divides
    the columns, in table order, into three groups that overlap by half; the encoder has two layers
    of width 128 with eight heads and MLPs of 256; Adam.

    Differs from the authors' code: similarities are cosines, as in the paper; the code uses dot
    products divided by a temperature of 10. As in the code, a part is not its own candidate (in eq.
    6 it is), and parts of its class stay in the denominator (in eq. 7 they do not). The encoder
    (`jssl.encoders.cells`) lists its own differences.

    Unverified: the paper's results, AUC after fine-tuning with labels, on tables of clinical trials
    and OpenML.

    Attributes:
      temperature: temperature of the softmax.
      out: width of the projection, which evaluation does not use.
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
        """Inputs on which `init` runs the net."""
        return ((views["views"],),)

    def forward(self, step: Step, views: Views) -> Outputs:
        """`parts` [B, V, out], and `label` [B] if `supervised`."""
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
