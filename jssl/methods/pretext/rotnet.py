"""RotNet: predict by how many quarter turns an image was rotated.

Gidaris et al., "Unsupervised Representation Learning by Predicting Image Rotations", 2018.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax

from jssl.core.ranges import Several
from jssl.methods.base import Outputs, Spec, Step, Views
from jssl.methods.classifier import Classifier
from jssl.methods.siamese import Siamese
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead


@dataclasses.dataclass(frozen=True)
class RotNet(Classifier):
    """Cross-entropy of a linear classifier of the rotation (eq. 2 and 3).

    Equation: L = mean over rotations r of -log softmax(h(f(rotate(x, r))))[r], where f is the
    encoder and h the classifier.

    Views: `image` {"image" [B, R, ...], "label" int [B, R]}: R transformed copies of each example
    and the index of each transformation: all four rotations as in the paper
    (`jssl.augmentations.labelled.rotate_all`) or, without the axis R, one drawn at random. The
    copies pass through the net as one batch.

    Remembers: nothing.

    Collapse: impossible, because a constant feature costs ln 4. Resampling artefacts are a
    shortcut; quarter turns need no resampling.

    Defaults of the recipe: from the authors' code for CIFAR-10 (SGD at 0.1 with momentum 0.9,
    Nesterov, weight decay 5e-4, batch 128 of four rotations each, 200 epochs).

    Differs from the authors' code: the head is linear on the pooled features; their network is a
    network-in-network whose last block and classifier form the head.

    Attributes:
      classes: number of transformations.
      dtype: dtype in which the head computes.
    """

    classes: Several = 4
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.named("image", parts=("image", "label"))
    paper: ClassVar[str] = "Unsupervised Representation Learning by Predicting Image Rotations"

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and linear classifier."""
        return Siamese(encoder, MLPHead((), self.classes, norm="none", dtype=self.dtype))

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """Inputs on which `init` runs the net."""
        return (self._flat(views)[0],)

    def forward(self, step: Step, views: Views) -> Outputs:
        """`logits` [B, R, classes] and `label` [B, R]."""
        images, labels = self._flat(views)
        (logits, _) = step.student(images)
        return {"logits": logits.reshape(*labels.shape, -1), "label": labels}

    @staticmethod
    def _flat(views: Views) -> tuple[jax.Array, jax.Array]:
        """Images [B * R, ...], copies of one example side by side, and labels [B, R] (or [B])."""
        images, labels = views["image"]["image"], views["image"]["label"]
        return images.reshape(labels.size, *images.shape[labels.ndim :]), labels
