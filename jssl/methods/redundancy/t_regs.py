"""T-REGS: maximise the minimum spanning tree's length of embeddings near the unit sphere.

Mordacq et al., "T-REGS: Minimum Spanning Tree Regularization for Self-Supervised Learning", 2025.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import NonNegative
from jssl.methods.base import Metrics, Outputs, Spec, Step
from jssl.methods.redundancy._twins import Twins
from jssl.objectives.redundancy import squared_distance
from jssl.objectives.spanning import sphere_distance, tree_length


@dataclasses.dataclass(frozen=True)
class TREGS(Twins):
    """Distance of views, spanning-tree length of each view, and a sphere term (section 4).

    Distances are averaged over the global batch. The tree is found by Prim's algorithm on the
    device in B - 1 steps; gradients flow to its edges.

    Equation: L = invariance |a - b|^2 + mean over views of (sphere (|z| - 1)^2 - length E(MST) /
    B), where E is the total edge length of the tree.

    Views: `a` and `b`, each [B, ...], passed through the net one after the other.

    Remembers: nothing.

    Collapse: collapse shortens the spanning tree, which the loss penalises; the sphere term bounds
    the norms.

    Unverified: only a part of the paper's text could be read, and the authors' code, which their
    project page announces, was not found. The two terms of the regulariser are from the paper; the
    three weights and the projector (width 8192, as in VICReg) are choices of this library.

    The fields of the projector are those of `Twins`.

    Attributes:
      invariance: weight of the squared distance between views.
      length: weight of the tree's length per example.
      sphere: weight of the squared distance from the unit sphere.
    """

    invariance: NonNegative = 10.0
    length: NonNegative = 1.0
    sphere: NonNegative = 10.0

    views: ClassVar[Spec] = Spec.pair()
    paper: ClassVar[str] = (
        "T-REGS: Minimum Spanning Tree Regularization for Self-Supervised Learning"
    )

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """The weighted sum, and its three terms as metrics."""
        a, b = outputs["a"], outputs["b"]
        terms = {
            "invariance": jnp.mean(squared_distance(a, b)),
            "length": 0.5 * (tree_length(a) + tree_length(b)) / a.shape[0],
            "sphere": 0.5 * jnp.mean(sphere_distance(a) + sphere_distance(b)),
        }
        loss = self.invariance * terms["invariance"] + self.sphere * terms["sphere"]
        return loss - self.length * terms["length"], terms
