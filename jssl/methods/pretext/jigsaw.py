"""Jigsaw: tell by which permutation the tiles of an image were shuffled.

Noroozi & Favaro, "Unsupervised Learning of Visual Representations by Solving Jigsaw Puzzles", 2016.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import flax.linen as nn
import jax

from jssl.methods.base import Method, Outputs, Spec, Step, Views
from jssl.methods.classifier import Classifier
from jssl.nn.heads import MLPHead
from jssl.nn.init import activation
from jssl.ranges import Count, Several


class JigsawNet(nn.Module):
    """An encoder of single tiles and a classifier of what it says of all of them together.

    Attributes:
      encoder: module `x -> Features`.
      tile: module [B * T, D] -> [B * T, E] on each tile's pooled feature.
      classifier: module [B, T * E] -> [B, permutations].
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
    """Cross-entropy of the permutation's number in a fixed set (section 3).

    Every tile passes the encoder alone, so that the order is found from what is in them and not
    from edges that continue.

    Equation: L = -log softmax(h(f(tile 1), ..., f(tile T)))[permutation].

    Views: `image` {"image" [B, T, ...], T tiles in shuffled order; "label" int [B]}
    (`jssl.augmentations.labelled.jigsaw_tiles`).

    Remembers: nothing.

    Collapse: impossible, since a constant feature costs ln(permutations). Its shortcuts are
    low-level: tiles are therefore cropped apart and normalised one by one, in the views.

    Defaults are the paper's: 9 tiles, 1000 permutations, layers of 512 for a tile (fc6) and 4096
    for all (fc7). SGD and its schedule in the experiments are unverified.

    Differs from the paper: any encoder in place of an AlexNet of stride 2; no local response
    normalisation; the permutation set is drawn by our own generator.

    Attributes:
      permutations: size of the set, the same as in the view.
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
        """Encoder, layer of a tile and classifier."""
        options = {"norm": "none", "dtype": self.dtype}
        classifier = MLPHead((self.hidden,), self.permutations, **options)
        return JigsawNet(encoder, MLPHead((), self.tile, **options), classifier)

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """What the net is run on."""
        return (views["image"]["image"],)

    def forward(self, step: Step, views: Views) -> Outputs:
        """`logits` [B, permutations] and `label` [B]."""
        logits = step.student(views["image"]["image"])
        return {"logits": logits, "label": views["image"]["label"]}

    def smoke(self) -> Method:
        """Narrow heads."""
        return dataclasses.replace(self, tile=16, hidden=32)
