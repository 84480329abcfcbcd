"""SelfTask: tell how far nodes are apart, how alike they are, and what a hidden one shows.

Jin et al., "Self-supervised Learning on Graphs: Deep Insights and New Direction", 2020.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jssl.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views, the_input
from jssl.nn.dense import Dense
from jssl.nn.graph import look_up
from jssl.objectives.classification import cross_entropy
from jssl.objectives.common import l2_normalize
from jssl.objectives.masked import masked_mean, masked_mse
from jssl.ranges import NonNegative

STEPS = 4
"""Classes of distance: 1, 2, 3 and more steps."""


class SelfTaskNet(nn.Module):
    """An encoder of graphs and a linear map for each task.

    Attributes:
      encoder: module that can hide nodes.
      dtype: dtype of the maps.
    """

    encoder: nn.Module
    dtype: str

    @nn.compact
    def __call__(
        self, x: Any, mask: jax.Array, pair: jax.Array, *, train: bool
    ) -> dict[str, jax.Array]:
        """Maps a graph, hidden nodes bool [B, N] and pairs of nodes int [B, P, 2] to predictions.

        Returns:
          `embedding` [B, D], `steps` [B, P, 4], `likeness` [B, P] and `attributes` [B, N, F].
        """
        features = self.encoder(x, mask=mask, train=train)
        tokens = features.tokens
        apart = jnp.abs(look_up(tokens, pair[..., 0]) - look_up(tokens, pair[..., 1]))
        shown = self.encoder.patches(x).shape[-1]
        return {
            "embedding": features.pooled,
            "steps": Dense(STEPS, dtype=self.dtype, name="steps")(apart),
            "likeness": Dense(1, dtype=self.dtype, name="likeness")(apart)[..., 0],
            "attributes": Dense(shown, dtype=self.dtype, name="attributes")(tokens),
        }


@dataclasses.dataclass(frozen=True)
class SelfTask(Method):
    """The paper's basic tasks about pairs of nodes and hidden ones, learnt together.

    PairwiseDistance: into which of four classes, 1, 2, 3 and more steps, a pair's distance falls.
    PairwiseAttrSim: how alike the pair's features are. AttributeMask: the features of nodes that
    are hidden from the encoder. A linear map does each, the first two from |h_i - h_j|.

    Equation: L = d * mean over pairs of -log softmax(A |h_i - h_j|)[steps(i, j)]
    + s * mean over pairs of (b |h_i - h_j| - cos(x_i, x_j))^2 / mean of cos^2
    + a * mean over hidden nodes of |C h_i - x_i|^2 / mean of |x_i|^2.

    Views: one graph [B, ...]; `mask` {"mask" bool [B, N]}, True where hidden
    (`jssl.augmentations.graphs.node_mask`); `target` {"pair" int [B, P, 2], "label" int [B, P],
    "mask" bool [B, P], which pairs there are} (`jssl.augmentations.graphs.node_pairs`).

    Remembers: nothing.

    Collapse: impossible, since a constant feature costs ln 4 and the spread of the others. The
    shortcut is that a graph convolution knows its neighbours: near nodes are told by what they
    share.

    Defaults: a tenth of the nodes is hidden and classes are drawn alike, as in the authors' code
    (`src/selfsl.py`); it weighs a task beside the labels' loss by data set (for Cora 20, 100 and
    100). Here errors are divided by the targets' size, and weigh 1.

    Differs from the paper: tasks are learnt together and without labels, where it adds one at a
    time to the loss of the labelled nodes; hence SelfTask's own ones (Distance2Label, ContextLabel
    and its kin), which are made of labels, are left out, and so are NodeProperty, EdgeMask and
    Distance2Cluster. Pairs are drawn among all, not the most and the least alike; hidden nodes show
    a learned vector in place of zeros, and are others in each step.

    Attributes:
      distance: weight d of PairwiseDistance.
      similarity: weight s of PairwiseAttrSim.
      attributes: weight a of AttributeMask.
      dtype: dtype of the tasks' linear maps.
    """

    distance: NonNegative = 1.0
    similarity: NonNegative = 1.0
    attributes: NonNegative = 1.0
    dtype: str = "float32"

    views: ClassVar[Spec] = (
        Spec.single() + Spec.mask() + Spec.named("target", parts=("pair", "label", "mask"))
    )
    paper: ClassVar[str] = "Self-supervised Learning on Graphs: Deep Insights and New Direction"
    partial: ClassVar[str] = (
        "The paper's own tasks, made of labels (Distance2Label, ContextLabel, EnsembleLabel, "
        "CorrectedLabel), the joint loss with labelled nodes, and the basic tasks "
        "NodeProperty, EdgeMask and Distance2Cluster are missing."
    )
    couples_batch: ClassVar[bool] = False
    targets: ClassVar[tuple[str, ...]] = ("target", "alike")

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and the tasks' maps."""
        return SelfTaskNet(encoder, self.dtype)

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """What the net is run on."""
        return the_input(views), views["mask"]["mask"], views["target"]["pair"]

    def forward(self, step: Step, views: Views) -> Outputs:
        """What `SelfTaskNet` predicts, and what is right.

        `label`, `real` and `alike` [B, P] of the pairs, `target` [B, N, F] and `hidden` [B, N].
        """
        x, hidden, pair = self.inputs(views)
        outputs = step.student(x, hidden, pair)
        target = step.net.encoder.patches(x)
        unit = l2_normalize(target)
        alike = jnp.sum(look_up(unit, pair[..., 0]) * look_up(unit, pair[..., 1]), axis=-1)
        right = {"label": views["target"]["label"], "real": views["target"]["mask"]}
        return {**outputs, **right, "alike": alike, "target": target, "hidden": hidden}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """The weighted sum, averaged over graphs."""
        real, label, hidden = outputs["real"], outputs["label"], outputs["hidden"]
        steps = masked_mean(cross_entropy(outputs["steps"], label), real)
        alike = outputs["alike"][..., None]
        likeness = _relative(outputs["likeness"][..., None], alike, real)
        shown = _relative(outputs["attributes"], outputs["target"], hidden)
        parts = {"distance": steps, "similarity": likeness, "attributes": shown}
        loss = sum(getattr(self, name) * jnp.mean(part) for name, part in parts.items())
        # No accuracy: of nodes that look alike from everywhere, rounding would choose the class.
        return loss, {name: jnp.mean(part) for name, part in parts.items()}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """The graphs' features, and the loss of predictions of nothing: ln 4, 1 and 1."""
        nothing = self.distance * math.log(STEPS) + self.similarity + self.attributes
        return Monitored(features={"embedding": outputs["embedding"]}, trivial_loss=nothing)

    def smoke(self) -> Method:
        """All tasks, so that tests see each."""
        return dataclasses.replace(self, distance=1.0, similarity=1.0, attributes=1.0)


def _relative(prediction: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
    """Squared error over the targets' mean square, of each graph: [B]."""
    size = masked_mse(jnp.zeros_like(target), target, mask)
    return masked_mse(prediction, target, mask) / jnp.maximum(size, 1e-12)
