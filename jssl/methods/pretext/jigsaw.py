"""Jigsaw: predict the permutation by which the tiles of an image were shuffled.

Noroozi & Favaro, "Unsupervised Learning of Visual Representations by Solving Jigsaw Puzzles", 2016.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax

from jssl.core.ranges import Count, Several
from jssl.methods.base import Method, Outputs, Spec, Step, Views
from jssl.methods.classifier import Classifier
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead
from jssl.nn.init import activation


class JigsawNet(nn.Module):
    """An encoder of single tiles and a classifier of their concatenated features.

    Attributes:
      encoder: module that maps x to `Features`.
      tile: module that maps each tile's pooled feature, [B * T, D], to [B * T, E].
      classifier: module that maps [B, T * E] to logits [B, permutations].
      activation: name of the non-linearity between the two.
    """

    encoder: nn.Module
    tile: nn.Module
    classifier: nn.Module
    activation: str = "relu"

    def __call__(self, tiles: jax.Array, *, train: bool) -> jax.Array:
        """Maps tiles [B, T, ...] to logits [B, permutations]; all tiles pass as one batch."""
        flat = tiles.reshape(-1, *tiles.shape[2:])
        embedding = self.tile(self.encoder(flat, train=train).pooled, train=train)
        embedding = activation(self.activation)(embedding)
        return self.classifier(embedding.reshape(tiles.shape[0], -1), train=train)


@dataclasses.dataclass(frozen=True)
class Jigsaw(Classifier):
    """Cross-entropy of the permutation's index in a fixed set (section 3).

    Every tile passes through the encoder separately, so that the order is inferred from the content
    of the tiles and not from continuous edges.

    Equation: L = -log softmax(h(f(tile 1), ..., f(tile T)))[permutation], where f is the encoder
    and h the head.

    Views: `image` {"image" [B, T, ...], T tiles in shuffled order; "label" int [B]}
    (`jssl.augmentations.labelled.jigsaw_tiles`).

    Remembers: nothing.

    Collapse: impossible, because a constant feature costs ln(permutations). Its shortcuts are
    low-level: the views therefore leave gaps between tiles and normalise each tile separately.
    Evaluation must do the same with whole images (`jssl.augmentations.colour.normalise_image`):
    the encoder has seen no other input.

    Defaults: from the paper: 9 tiles, 1000 permutations, layers of width 512 for a tile (fc6) and
    4096 for all tiles (fc7). SGD and its schedule in the experiments are unverified. Few steps
    need fewer permutations: 1000 classes are hardly told apart in a few hundred steps.

    Differs from the paper: any encoder replaces the AlexNet, whose first stride the paper lowers to
    2 for tiles (`stem="stride2"` in a ResNet does so for tiles of 14 pixels); there is no local
    response normalisation; the permutation set comes from this library's generator.

    Attributes:
      permutations: number of permutations in the set, equal to that of the view.
      tile: width of a tile's layer.
      hidden: width of the layer over all tiles.
      dtype: dtype in which the heads compute.
    """

    permutations: Several = 1000
    tile: Count = 512
    hidden: Count = 4096
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.named("image", parts=("image", "label"))
    paper: ClassVar[str] = (
        "Unsupervised Learning of Visual Representations by Solving Jigsaw Puzzles"
    )

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder, tile layer and classifier."""
        options = {"norm": "none", "dtype": self.dtype}
        classifier = MLPHead((self.hidden,), self.permutations, **options)
        return JigsawNet(encoder, MLPHead((), self.tile, **options), classifier)

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """Inputs on which `init` runs the net."""
        return (views["image"]["image"],)

    def forward(self, step: Step, views: Views) -> Outputs:
        """`logits` [B, permutations] and `label` [B]."""
        logits = step.student(views["image"]["image"])
        return {"logits": logits, "label": views["image"]["label"]}

    def smoke(self) -> Method:
        """Narrow heads."""
        return dataclasses.replace(self, tile=16, hidden=32)
