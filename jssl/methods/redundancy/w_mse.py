"""W-MSE: minimise the distance between whitened embeddings of an example's views.

Ermolov et al., "Whitening for Self-Supervised Representation Learning", 2021.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import BelowOne, Count, Layers, Several
from jssl.errors import UserError
from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views
from jssl.methods.multicrop import MultiCrop
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead
from jssl.objectives.redundancy import w_mse


@dataclasses.dataclass(frozen=True)
class WMSE(Method):
    """Distance of whitened unit embeddings over all pairs of views (eq. 6, sections 3.1 and 3.2).

    Each view is whitened separately, in random groups of `group` examples of the global batch, by
    the Cholesky factor of the group's covariance in float32; several groupings are averaged.

    Equation: L = mean over pairs of views of (2 - 2 cos(W z_i, W z_j)), where W whitens the view's
    group.

    Views: `views` [B, V, ...], V >= 2.

    Remembers: nothing.

    Collapse: the embeddings cannot collapse, because they are whitened; the features before the
    projector can lose dimensions, as they do at high learning rates. Groups smaller than about
    twice the embedding's width make whitening unstable.

    Defaults: from the paper for CIFAR-10 (section 5 and the authors' code: embedding 64, hidden
    layer 1024, groups of 128, one grouping; Adam at 3e-3, weight decay 1e-6, batch 256 with four
    views; for STL-10 embedding 128, groups of 256 and, with two views, four groupings).

    Differs from the authors' code: `epsilon` is 1e-4 of the mean variance; theirs is 0 and fails on
    a singular covariance. BatchNorm in the encoder normalises all views together; theirs normalises
    each separately.

    Attributes:
      group: number of examples that are whitened together; a smaller batch is one group.
      groupings: number of random groupings that are averaged.
      epsilon: weight of the mean variance that is mixed into the covariance.
      hidden: widths of the projector's hidden layers.
      out: width of the embedding.
      norm: normalisation in the projector, "batch", "layer" or "none".
      dtype: dtype in which the projector computes.
    """

    group: Several = 128
    groupings: Count = 1
    epsilon: BelowOne = 1e-4
    hidden: Layers = (1024,)
    out: Count = 64
    norm: str = "batch"
    dtype: str = "float32"

    # Whitening divides by the least variance of a batch and by the norm of each embedding.
    tolerance_factor: ClassVar[float] = 3.0
    views: ClassVar[Spec] = Spec.named("views")
    paper: ClassVar[str] = "Whitening for Self-Supervised Representation Learning"

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and projector."""
        # No last bias: whitening subtracts the mean, so its gradient would be rounding errors.
        head = MLPHead(self.hidden, self.out, norm=self.norm, last_bias=False, dtype=self.dtype)
        return MultiCrop(encoder, head)

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """Inputs on which `init` runs the net."""
        return ((views["views"],),)

    def forward(self, step: Step, views: Views) -> Outputs:
        """`embeddings` of all views: [B, V, out]."""
        embeddings = step.student((views["views"],))
        return {"embeddings": embeddings}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Mean over groupings and examples; between 0 and 4."""
        embeddings = outputs["embeddings"]
        batch = embeddings.shape[0]
        size = min(self.group, batch)
        if batch % size:
            raise UserError(f"groups of {size} do not divide a batch of {batch}")
        losses = []
        for key in jax.random.split(step.key, self.groupings):
            groups = jax.random.permutation(key, batch).reshape(-1, size)
            losses.append(w_mse(embeddings, groups=groups, epsilon=self.epsilon))
        return jnp.mean(jnp.stack(losses)), {}

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """Embeddings of the first two views, before whitening."""
        a, b = outputs["embeddings"][:, 0], outputs["embeddings"][:, 1]
        return Monitored(embeddings={"embedding": a}, pairs={"views": (a, b)})

    def smoke(self) -> Method:
        """An embedding of width 2, for which a batch of 4 suffices."""
        return dataclasses.replace(self, hidden=(16,), out=2)
