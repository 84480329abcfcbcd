"""DeepCluster-v2: predict, for each crop, the k-means cluster of its image in the previous epoch.

Caron et al., "Unsupervised Learning of Visual Features by Contrasting Cluster Assignments", 2020,
section 4.1 and appendix; after Caron et al., "Deep Clustering for Unsupervised Learning of Visual
Features", 2018.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from chex import ArrayTree

from jssl.core.ranges import Count, Layers, Positive, Widths
from jssl.health.alarm import Monitored
from jssl.methods.base import Memory, Method, Metrics, Outputs, Spec, Step, Views
from jssl.methods.multicrop import Crops, all_crops, encode_crops
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead
from jssl.objectives.clustering import cluster_loss, spherical_kmeans
from jssl.objectives.common import l2_normalize, log_softmax, matmul


class ProjectedCrops(nn.Module):
    """An encoder of crops and a projector that processes all crops as one batch.

    Attributes:
      encoder: module that maps x to `Features`.
      projector: module [..., D] -> [..., P].
    """

    encoder: nn.Module
    projector: nn.Module

    def __call__(self, crops: Crops, *, train: bool) -> jax.Array:
        """Maps crops ([B, V, ...], ...) to projections [B, sum V, P]."""
        pooled = [encode_crops(self.encoder, group, train=train).pooled for group in crops]
        return self.projector(jnp.concatenate(pooled, axis=1), train=train)


@dataclasses.dataclass(frozen=True)
class DeepClusterV2(Method):
    """Cross-entropy of every crop with its image's cluster, averaged over several clusterings.

    Each clustering is recomputed between epochs by spherical k-means on the device. The clusterings
    alternate between the embeddings of `a` and of `b`, and start from randomly drawn examples.

    Equation: L = mean over clusterings k and crops v of -log softmax(C_k z_v / T)[y_k], where y_k
    is the image's cluster in clustering k.

    Views: `a` and `b` [B, ...], optionally `local` [B, V, ...], and `index` int [B], the position
    in the training split (`jssl.augmentations.compose.field("index")`).

    Remembers: the last embedding of `a` and of `b` for each training example; the centroids, which
    replace learned prototypes; and the cluster of each example.

    Collapse: prevented only by recomputing the clusters. Empty clusters keep their centroid.

    The first epoch only fills the memory: its loss is 0 and all updates are zero. It replaces the
    authors' separate pass before training and counts as an epoch of the schedule. An example has no
    cluster, and no share in the loss, until it has been seen.

    Defaults: from the authors' code (projector 2048 - 128, three clusterings of 3000, temperature
    0.1, ten iterations; LARS at 0.3 x batch / 256, weight decay 1e-6, batch 4096, 10 epochs of
    warm-up from 0.3).

    Differs from the authors' code: the first epoch, as described above; an example without a
    cluster is excluded from the mean.

    Attributes:
      examples: N, number of training examples. An index beyond it makes the loss NaN.
      clusters: number of clusters of each clustering.
      temperature: temperature of the softmax.
      iterations: number of k-means iterations.
      hidden: widths of the projector's hidden layers.
      out: width of the projection.
      norm: normalisation in the projector, "batch", "layer" or "none".
      dtype: dtype in which the head computes.
    """

    examples: Count = 50000
    clusters: Widths = (3000, 3000, 3000)
    temperature: Positive = 0.1
    iterations: Count = 10
    hidden: Layers = (2048,)
    out: Count = 128
    norm: str = "batch"
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.multicrop() + Spec.index()
    paper: ClassVar[str] = (
        "Unsupervised Learning of Visual Features by Contrasting Cluster Assignments"
    )

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and projector."""
        projector = MLPHead(self.hidden, self.out, norm=self.norm, dtype=self.dtype)
        return ProjectedCrops(encoder, projector)

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """Inputs on which `init` runs the net."""
        return (all_crops(views),)

    def init_memory(self, step: Step) -> Memory:
        """An empty memory, random centroids, and no clusters (-1)."""
        keys = jax.random.split(step.key, len(self.clusters))
        return {
            "embeddings": jnp.zeros((2, self.examples, self.out)),
            "met": jnp.zeros((self.examples,)),
            "centroids": {
                str(i): l2_normalize(jax.random.normal(key, (count, self.out)))
                for i, (key, count) in enumerate(zip(keys, self.clusters, strict=True))
            },
            "assigned": jnp.full((len(self.clusters), self.examples), -1, jnp.int32),
        }

    def forward(self, step: Step, views: Views) -> Outputs:
        """Unit `embedding` [B, V, out] of all crops and the `index` [B]."""
        projection = step.student(all_crops(views))
        return {"embedding": l2_normalize(projection), "index": views["index"]}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Cross-entropy in nats; ln of the number of clusters at chance, 0 in the first epoch."""
        embedding, index = outputs["embedding"], outputs["index"]
        labels = step.memory["assigned"].at[:, index].get(mode="fill", fill_value=-1)
        losses = [
            cluster_loss(embedding, centroids, labels[int(i)], temperature=self.temperature)
            for i, centroids in step.memory["centroids"].items()
        ]
        loss = jnp.mean(jnp.stack(losses))
        loss = jnp.where(jnp.all(index < self.examples), loss, jnp.nan)
        return loss, {"unassigned": jnp.mean(labels < 0)}

    def remember(self, step: Step, outputs: Outputs) -> Memory:
        """Stores the embeddings of the batch; at the end of an epoch recomputes all clusters."""
        embedding, index = outputs["embedding"], outputs["index"]
        seen = jax.lax.stop_gradient(embedding[:, :2]).swapaxes(0, 1)
        memory = {
            **step.memory,
            "embeddings": step.memory["embeddings"].at[:, index].set(seen),
            "met": step.memory["met"].at[index].set(1.0),
        }
        last = (step.progress.step + 1) % step.progress.steps_per_epoch == 0
        return jax.lax.cond(last, lambda m: self._cluster(step.key, m), lambda m: m, memory)

    def _cluster(self, key: jax.Array, memory: Memory) -> Memory:
        met, centroids, assigned = memory["met"], {}, []
        for i, part in enumerate(jax.random.split(key, len(self.clusters))):
            x = memory["embeddings"][i % 2]
            # The K largest random numbers choose K different examples among those seen so far.
            draw = jax.random.uniform(part, (self.examples,)) + met
            # With more clusters than examples, the remaining centroids are kept.
            count = min(self.clusters[i], self.examples)
            start = memory["centroids"][str(i)].at[:count].set(x[jax.lax.top_k(draw, count)[1]])
            centroids[str(i)], labels = spherical_kmeans(
                x, start, weights=met, iterations=self.iterations
            )
            assigned.append(jnp.where(met > 0, labels, -1))
        return {**memory, "centroids": centroids, "assigned": jnp.stack(assigned)}

    def scale_updates(self, step: Step, updates: ArrayTree) -> ArrayTree:
        """Freezes all parameters in the first epoch, which only fills the memory."""
        factor = jnp.where(step.progress.epoch >= 1.0, 1.0, 0.0)
        return jax.tree.map(lambda update: update * factor, updates)

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """Embeddings of the large crops and the cluster usage."""
        a, b = outputs["embedding"][:, 0], outputs["embedding"][:, 1]
        scores = matmul(a, step.memory["centroids"]["0"].T)
        return Monitored(
            embeddings={"projection": a},
            pairs={"views": (a, b)},
            assignments={"cluster": jnp.exp(log_softmax(scores, temperature=self.temperature))},
            idle=jnp.all(step.memory["assigned"] < 0),
        )

    def smoke(self) -> Method:
        """Two clusterings of 8 clusters, for the few examples of a smoke data set."""
        small = {"clusters": (8, 6), "hidden": (32,), "out": 16, "iterations": 3}
        return dataclasses.replace(self, examples=64, **small)
