"""SwAV: predict, from any crop, the balanced prototype assignment of another crop of the image.

Caron et al., "Unsupervised Learning of Visual Features by Contrasting Cluster Assignments", 2020.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from chex import ArrayTree

from jssl.core.ranges import Count, Layers, Natural, NonNegative, Positive, Several
from jssl.health.alarm import Monitored
from jssl.methods.base import Memory, Method, Metrics, Outputs, Spec, Step, Views
from jssl.methods.freeze import hold
from jssl.methods.multicrop import MultiCrop, PrototypeHead, all_crops
from jssl.methods.queue import new_queue, push
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead, Prototypes
from jssl.nn.norm import l2_normalize
from jssl.objectives.clustering import sinkhorn
from jssl.objectives.common import matmul
from jssl.objectives.distillation import cross_view


@dataclasses.dataclass(frozen=True)
class SwAV(Method):
    """Swapped prediction of codes (eqs. 1 and 2, with multi-crop eq. 6).

    Equation: L = mean over views s and t != s of -sum_k q_t[k] log softmax(C z_s / T)[k], where q_t
    is the Sinkhorn code of view t.

    Views: `a` and `b` [B, ...], whose codes are predicted, and optionally `local` [B, V, ...],
    which only take part as predictors. Codes are balanced over the batch and, with a queue, over
    the last embeddings of the same view.

    Remembers: one queue per view, and a copy of the prototypes for scoring the queues.

    Collapse: the balanced codes prevent all images from being assigned to one prototype.

    Defaults: from the authors' code for ImageNet at batch 4096 (projector 2048 - 128, 3000
    prototypes, temperature 0.1, epsilon 0.05, three Sinkhorn iterations, prototypes frozen for 313
    steps, which is one epoch, no queue; LARS at 0.3 x batch / 256, weight decay 1e-6). At batch
    256: a queue of 3840 from epoch 15, and LARS at 0.6.

    Differs from the authors' code: prototypes are normalised inside the net, so gradients pass
    through the normalisation; the authors renormalise them after each step. The queue fills from
    the first step and is used after `queue_epochs`, once it is full. The projector's bias before
    BatchNorm, which BatchNorm cancels, is omitted; linear layers of the projector are initialised
    from a normal distribution with variance 1 / fan_in; PyTorch's default, for biases too, is
    uniform within 1 / sqrt(fan_in), which has 0.58 times that standard deviation.

    Attributes:
      temperature: temperature of the softmax of predictions.
      epsilon: temperature of the codes.
      iterations: number of Sinkhorn-Knopp iterations.
      queue: number of embeddings kept for each of the two views; 0 for no queue.
      queue_epochs: number of epochs before the queue is used.
      freeze_epochs: number of epochs for which the prototypes are frozen.
      prototypes: number of prototypes.
      hidden: widths of the projector's hidden layers.
      out: width of the projection.
      norm: normalisation in the projector, "batch", "layer" or "none".
      dtype: dtype in which the head computes.
    """

    temperature: Positive = 0.1
    epsilon: Positive = 0.05
    iterations: Count = 3
    queue: Natural = 0
    queue_epochs: NonNegative = 15.0
    freeze_epochs: NonNegative = 1.0
    prototypes: Several = 3000
    hidden: Layers = (2048,)
    out: Count = 128
    norm: str = "batch"
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.multicrop()
    paper: ClassVar[str] = (
        "Unsupervised Learning of Visual Features by Contrasting Cluster Assignments"
    )

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder, projector and prototypes."""
        projector = MLPHead(self.hidden, self.out, norm=self.norm, dtype=self.dtype)
        prototypes = Prototypes(self.prototypes, kernel_init="uniform_fan_in", dtype=self.dtype)
        return MultiCrop(encoder, PrototypeHead(projector, prototypes))

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """Inputs on which `init` runs the net."""
        return (all_crops(views),)

    def init_memory(self, step: Step) -> Memory:
        """Queues of both views and the prototypes that score them; empty without a queue."""
        if not self.queue:
            return {}
        a, b = (new_queue(key, self.queue, self.out) for key in jax.random.split(step.key))
        return {"a": a, "b": b, "prototypes": _kernel(step.params)}

    def forward(self, step: Step, views: Views) -> Outputs:
        """`scores` [B, V, K] of all crops and unit `embedding` [B, 2, out] of the large ones."""
        (embedding, scores) = step.student(all_crops(views))
        return {"scores": scores, "embedding": l2_normalize(embedding[:, :2])}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Cross-entropy with the codes of the other crops, in nats; ln K at chance."""
        scores = outputs["scores"]
        codes = [self._codes(step, scores[:, i], name) for i, name in enumerate(("a", "b"))]
        codes = jnp.stack(codes, axis=1)
        return jnp.mean(cross_view(scores, codes, temperature=self.temperature)), {}

    def remember(self, step: Step, outputs: Outputs) -> Memory:
        """Pushes the embeddings of the large crops to the queues."""
        if not self.queue:
            return step.memory
        pushed = {
            name: push(step.memory[name], outputs["embedding"][:, i])
            for i, name in enumerate(("a", "b"))
        }
        return {**step.memory, **pushed}

    def _codes(self, step: Step, scores: jax.Array, view: str) -> jax.Array:
        options = {"temperature": self.epsilon, "iterations": self.iterations}
        if not self.queue:
            return sinkhorn(scores, **options)
        queue = step.memory[view]
        ready = (queue["pushed"] >= self.queue) & (step.progress.epoch >= self.queue_epochs)
        known = matmul(queue["rows"], l2_normalize(step.memory["prototypes"], axis=0))
        weights = jnp.ones(scores.shape[0] + self.queue).at[scores.shape[0] :].set(ready * 1.0)
        return sinkhorn(jnp.concatenate([scores, known]), weights=weights, **options)[
            : scores.shape[0]
        ]

    def after_update(self, step: Step) -> Memory:
        """Copies the prototypes, which score the queues in the next step."""
        return {**step.memory, "prototypes": _kernel(step.params)} if self.queue else step.memory

    def scale_updates(self, step: Step, updates: ArrayTree) -> ArrayTree:
        """Freezes the prototypes for the first `freeze_epochs` epochs."""
        return hold(updates, "prototypes", step.progress.epoch < self.freeze_epochs)

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """Embeddings of the large crops and the prototype usage."""
        a, b = outputs["embedding"][:, 0], outputs["embedding"][:, 1]
        scores = outputs["scores"][:, 0].astype(jnp.float32)
        return Monitored(
            embeddings={"projection": a},
            pairs={"views": (a, b)},
            assignments={"prediction": jax.nn.softmax(scores / self.temperature)},
            trivial_loss=jnp.log(jnp.float32(self.prototypes)),
        )

    def smoke(self) -> Method:
        """32 prototypes, a head of width 32 and, if any, a queue of 32 that is used at once."""
        queue = 32 if self.queue else 0
        small = {"prototypes": 32, "hidden": (32,), "out": 16}
        return dataclasses.replace(self, queue=queue, queue_epochs=0.0, **small)


def _kernel(params: ArrayTree) -> jax.Array:
    # A copy, because the step donates its buffers and no buffer can be donated twice.
    return jnp.copy(params["head"]["prototypes"]["kernel"])
