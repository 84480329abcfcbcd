"""SelfTask: predict node distances, node similarities and the features of masked nodes.

Jin et al., "Self-supervised Learning on Graphs: Deep Insights and New Direction", 2020.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import NonNegative
from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views, the_input
from jssl.nn import module as nn
from jssl.nn.dense import Dense
from jssl.nn.graph import look_up
from jssl.objectives.classification import cross_entropy
from jssl.objectives.common import l2_normalize
from jssl.objectives.masked import masked_mean, masked_mse

STEPS = 4
"""Classes of distance: 1, 2, 3 and more steps."""


class SelfTaskNet(nn.Module):
    """An encoder of graphs and a linear map for each task.

    Attributes:
      encoder: module that can mask nodes.
      dtype: dtype in which the maps compute.
    """

    encoder: nn.Module
    dtype: str

    @nn.compact
    def __call__(
        self, x: Any, mask: jax.Array, pair: jax.Array, *, train: bool
    ) -> dict[str, jax.Array]:
        """Maps a graph, masked nodes bool [B, N] and node pairs int [B, P, 2] to predictions.

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
    """The paper's basic tasks on pairs of nodes and on masked nodes, trained jointly.

    PairwiseDistance classifies a pair's distance as 1, 2, 3 or more steps. PairwiseAttrSim
    regresses the similarity of the pair's features. AttributeMask predicts the features of nodes
    that are masked in the encoder. Each task has a linear map; the inputs of the first two are |h_i
    - h_j|.

    Equation: L = d * mean over pairs of -log softmax(A |h_i - h_j|)[steps(i, j)] + s * mean over
    pairs of (b |h_i - h_j| - cos(x_i, x_j))^2 / mean of cos^2 + a * mean over masked nodes of |C
    h_i - x_i|^2 / mean of |x_i|^2, where h are the encoder's node features, x the input features,
    and A, b and C the linear maps.

    Views: one graph [B, ...]; `mask` {"mask" bool [B, N]}, True where masked
    (`jssl.augmentations.graphs.node_mask`); `target` {"pair" int [B, P, 2], "label" int [B, P],
    "mask" bool [B, P], True for pairs that exist} (`jssl.augmentations.graphs.node_pairs`).

    Remembers: nothing.

    Collapse: impossible, because a constant feature costs ln 4 and the variance of the other
    targets. A shortcut exists: a graph convolution aggregates neighbours, so nearby nodes are
    recognised by the features that they share.

    Defaults: a tenth of the nodes is masked and classes are drawn with equal probability, as in the
    authors' code (`src/selfsl.py`). The code weights each task relative to the supervised loss by
    data set (for Cora 20, 100 and 100). Here errors are divided by the mean square of the targets
    and have weight 1.

    Differs from the paper: tasks are trained jointly and without labels; the paper adds one task at
    a time to the loss of the labelled nodes. The tasks that SelfTask derives from labels
    (Distance2Label, ContextLabel and its variants) are therefore omitted, and so are NodeProperty,
    EdgeMask and Distance2Cluster. Pairs are drawn from all pairs, not from the most and the least
    similar ones. Masked nodes are replaced by a learned vector instead of zeros, and are redrawn in
    each step.

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
        """Encoder and one linear map for each task."""
        return SelfTaskNet(encoder, self.dtype)

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """Inputs on which `init` runs the net."""
        return the_input(views), views["mask"]["mask"], views["target"]["pair"]

    def forward(self, step: Step, views: Views) -> Outputs:
        """The predictions of `SelfTaskNet` and their targets.

        The targets are `label`, `real` and `alike` [B, P] of the pairs, `target` [B, N, F] and
        `masked` [B, N].
        """
        x, masked, pair = self.inputs(views)
        outputs = step.student(x, masked, pair)
        target = step.net.encoder.patches(x)
        unit = l2_normalize(target)
        alike = jnp.sum(look_up(unit, pair[..., 0]) * look_up(unit, pair[..., 1]), axis=-1)
        right = {"label": views["target"]["label"], "real": views["target"]["mask"]}
        return {**outputs, **right, "alike": alike, "target": target, "masked": masked}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """The weighted sum, averaged over graphs."""
        real, label, masked = outputs["real"], outputs["label"], outputs["masked"]
        steps = masked_mean(cross_entropy(outputs["steps"], label), real)
        alike = outputs["alike"][..., None]
        likeness = _relative(outputs["likeness"][..., None], alike, real)
        shown = _relative(outputs["attributes"], outputs["target"], masked)
        parts = {"distance": steps, "similarity": likeness, "attributes": shown}
        loss = sum(getattr(self, name) * jnp.mean(part) for name, part in parts.items())
        # No accuracy: for structurally equal nodes rounding errors would decide the class.
        return loss, {name: jnp.mean(part) for name, part in parts.items()}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """The graphs' features, and the losses of constant predictions: ln 4, 1 and 1."""
        nothing = self.distance * math.log(STEPS) + self.similarity + self.attributes
        return Monitored(features={"embedding": outputs["embedding"]}, trivial_loss=nothing)

    def smoke(self) -> Method:
        """All tasks, so that tests cover each of them."""
        return dataclasses.replace(self, distance=1.0, similarity=1.0, attributes=1.0)


def _relative(prediction: jax.Array, target: jax.Array, mask: jax.Array) -> jax.Array:
    """Squared error of each graph, divided by the targets' mean square: [B]."""
    size = masked_mse(jnp.zeros_like(target), target, mask)
    return masked_mse(prediction, target, mask) / jnp.maximum(size, 1e-12)
