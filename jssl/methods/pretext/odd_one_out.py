"""O3N: predict which of several segments of one recording has its steps in a wrong order.

Fernando et al., "Self-Supervised Video Representation Learning With Odd-One-Out Networks", 2017.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Several
from jssl.errors import UserError, nearest
from jssl.methods.base import Method, Outputs, Spec, Step, Views, the_input
from jssl.methods.classifier import Classifier
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead
from jssl.nn.init import activation

FUSIONS = ("concatenation", "differences")


def sum_of_differences(x: jax.Array) -> jax.Array:
    """The sum of x_j - x_i over all pairs i < j (section 3.2).

    Args:
      x: [B, S, D].

    Returns:
      [B, D].
    """
    # Part k is the later one of k pairs and the earlier one of S - 1 - k.
    weights = 2.0 * jnp.arange(x.shape[1]) - (x.shape[1] - 1.0)
    return jnp.einsum("s,bsd->bd", weights.astype(x.dtype), x)


class OddOneOutNet(nn.Module):
    """An encoder of single parts and a classifier that compares them.

    Attributes:
      encoder: module that maps x to `Features`.
      part: module that maps each part's pooled feature, [B, D], to [B, E].
      classifier: module that maps the fused parts to logits [B, S].
      fusion: "concatenation" or "differences" (`sum_of_differences`).
      activation: name of the non-linearity after `part`.
    """

    encoder: nn.Module
    part: nn.Module
    classifier: nn.Module
    fusion: str
    activation: str = "relu"

    def __call__(self, parts: jax.Array, *, train: bool) -> jax.Array:
        """Maps parts [B, S, ...] to logits [B, S]; all parts pass as one batch."""
        flat = parts.reshape(-1, *parts.shape[2:])
        embedding = self.part(self.encoder(flat, train=train).pooled, train=train)
        embedding = activation(self.activation)(embedding)
        embedding = embedding.reshape(*parts.shape[:2], -1)
        if self.fusion == "differences":
            fused = sum_of_differences(embedding)
        else:
            fused = embedding.reshape(len(parts), -1)
        return self.classifier(fused, train=train)


@dataclasses.dataclass(frozen=True)
class O3N(Classifier):
    """Cross-entropy of the odd part's index (section 3).

    The parts come from the same recording and have the same content; they differ only in the order
    of their steps.

    Equation: L = -log softmax(h(g(f(part 1), ..., f(part S))))[odd], where g concatenates the
    parts' features or sums the differences of all pairs.

    Views: one input {"parts" [B, S, ...], "label" int [B], which part is odd}
    (`jssl.augmentations.video.odd_one_out`).

    Remembers: nothing.

    Collapse: impossible, because a constant feature costs ln S. Any difference between parts other
    than their order is a shortcut, so all parts get the same augmentation.

    Defaults are those of the paper's best network: six parts, fused by the sum of differences.

    Differs from the paper: any encoder of a part replaces the AlexNet on a stack of frame
    differences.

    Unverified: the number of parts, the widths of the layers, and the optimizer's settings.

    Attributes:
      parts: number of parts S, equal to that of the view.
      fusion: how the parts are combined, "differences" or "concatenation".
      part: width of a part's layer.
      hidden: width of the layer after the fusion.
      dtype: dtype in which the heads compute.
    """

    parts: Several = 6
    fusion: str = "differences"
    part: Count = 512
    hidden: Count = 512
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.single("parts", "label")
    paper: ClassVar[str] = "Self-Supervised Video Representation Learning With Odd-One-Out Networks"

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder, part layer and classifier.

        Raises:
          UserError: if the fusion is unknown.
        """
        if self.fusion not in FUSIONS:
            raise UserError(f"no fusion is called {self.fusion!r}: {nearest(self.fusion, FUSIONS)}")
        options = {"norm": "none", "dtype": self.dtype}
        classifier = MLPHead((self.hidden,), self.parts, **options)
        return OddOneOutNet(encoder, MLPHead((), self.part, **options), classifier, self.fusion)

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """Inputs on which `init` runs the net."""
        return (the_input(views)["parts"],)

    def forward(self, step: Step, views: Views) -> Outputs:
        """`logits` [B, S] and `label` [B]."""
        view = the_input(views)
        logits = step.student(view["parts"])
        return {"logits": logits, "label": view["label"]}

    def smoke(self) -> Method:
        """Narrow heads."""
        return dataclasses.replace(self, part=16, hidden=32)
