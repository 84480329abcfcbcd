"""Online evaluators: one compiled program, dispatched asynchronously during training.

A subset of the training and validation splits is kept on the device. A call dispatches the program
that encodes and evaluates it and returns device scalars; the loop continues and fetches them once
they are ready.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import NamedSharding, PartitionSpec

from jssl.core.state import TrainState
from jssl.data.source import Source, Splits, entry
from jssl.errors import UserError, nearest
from jssl.evaluation.collapse import effective_rank
from jssl.objectives.common import l2_normalize, matmul
from jssl.training.program import Program
from jssl.training.sharding import AXES, put, replicated

MOST = (2048, 1024)  # training and validation examples
BYTES = 256 << 20  # device memory for both together


class Batch(NamedTuple):
    """Encoded examples: features float32 [N, D], labels int [N], real bool [N] (False: padding)."""

    features: jax.Array
    labels: jax.Array
    real: jax.Array


def knn(bank: Batch, queries: Batch, *, k: int = 20, temperature: float = 0.07) -> jax.Array:
    """Accuracy of weighted kNN, as `jssl.evaluation.knn.knn_accuracy`; float32 scalar."""
    k = min(k, len(bank.labels))
    similarity = matmul(l2_normalize(queries.features), l2_normalize(bank.features).T)
    values, near = lax.top_k(jnp.where(bank.real, similarity, -jnp.inf), k)
    weights = jnp.exp((values - values[:, :1]) / temperature)
    voters = bank.labels[near]
    # votes[q, i]: total weight of the class of the i-th neighbour of q, over all its neighbours.
    votes = jnp.einsum("qj,qij->qi", weights, voters[:, :, None] == voters[:, None, :])
    best = votes == votes.max(axis=1, keepdims=True)
    answer = jnp.where(best, voters, jnp.iinfo(jnp.int32).max).min(axis=1)
    return _share(answer == queries.labels, queries.real)


def centroid(bank: Batch, queries: Batch) -> jax.Array:
    """Nearest-class-mean accuracy on the unit sphere; float32 scalar."""
    z = jnp.where(bank.real[:, None], l2_normalize(bank.features), 0.0)
    same = (bank.labels[:, None] == bank.labels).astype(jnp.float32)
    means = l2_normalize(matmul(same, z))  # the mean of each example's class, up to scale
    similarity = jnp.where(bank.real, matmul(queries.features, means.T), -jnp.inf)
    return _share(bank.labels[jnp.argmax(similarity, axis=1)] == queries.labels, queries.real)


def rankme(bank: Batch, queries: Batch) -> jax.Array:
    """Effective rank of the validation features; float32 scalar."""
    return effective_rank(jnp.where(queries.real[:, None], queries.features, 0.0))


ONLINE: dict[str, tuple[str, Callable[[Batch, Batch], jax.Array]]] = {
    "knn": ("validation_knn", knn),
    "centroid": ("validation_centroid", centroid),
    "rankme": ("validation_rankme", rankme),
}
"""Name on the command line: name among the metrics, and the evaluator."""


class OnlineProbe:
    """The online probe that the loop calls at regular intervals.

    Args:
      names: names of evaluators.

    Raises:
      UserError: a name is unknown.
    """

    def __init__(self, names: Sequence[str] = ("knn",)) -> None:
        for name in names:
            if name not in ONLINE:
                raise UserError(f"unknown online probe {name!r}: {nearest(name, ONLINE)}")
        self.names = tuple(names)
        self._run: Callable[[TrainState], dict[str, jax.Array]] | None = None

    def __call__(self, program: Program, state: TrainState, splits: Splits) -> dict[str, jax.Array]:
        """Dispatches the evaluation of a state.

        Args:
          program: the compiled experiment; must be the same in every call.
          state: the state whose encoder is evaluated. It may be donated right after the call.
          splits: the data; the test split is not used.

        Returns:
          Metric -> float32 scalar on the device; {} if the validation split has no labels.
        """
        if self._run is None:
            self._run = self._build(program, splits)
        return self._run(state)

    def _build(self, program: Program, splits: Splits) -> Callable[[TrainState], dict]:
        if not self.names or not len(splits.validation) or "label" not in splits.train[0]:
            return lambda state: {}
        parts = [
            _placed(program, source, most)
            for source, most in zip((splits.train, splits.validation), MOST, strict=True)
        ]
        pipeline, method = program.experiment.preprocess, program.experiment.method
        everywhere = replicated(program.mesh)

        def encode(state: TrainState, part: dict[str, jax.Array]) -> Batch:
            def one(x: jax.Array) -> jax.Array:
                x = jax.vmap(lambda x: pipeline(None, {pipeline.field: x}))(x)
                found = method.encode(program.at(state), x)
                return found.pooled.astype(jnp.float32)

            features = lax.map(one, part["x"])
            features = lax.with_sharding_constraint(features, everywhere)
            return Batch(features.reshape(-1, features.shape[-1]), part["label"], part["real"])

        @functools.partial(jax.jit, out_shardings=everywhere)
        def measure(state: TrainState, parts: list[dict[str, jax.Array]]) -> dict[str, jax.Array]:
            bank, queries = (encode(state, part) for part in parts)
            return {ONLINE[name][0]: ONLINE[name][1](bank, queries) for name in self.names}

        return functools.partial(_call, measure, parts)


def _call(measure: Callable, parts: list, state: TrainState) -> dict[str, jax.Array]:
    return measure(state, parts)


def _placed(program: Program, source: Source, most: int) -> dict[str, jax.Array]:
    """A subset of a source on the device: "x" [batches, B, ...], "label", "real" [batches * B]."""
    field = program.experiment.preprocess.field
    first = jax.tree.leaves(entry(source[0], field))
    each = max(sum(np.asarray(x).nbytes for x in first), 1)
    count = max(1, min(len(source), most, BYTES // sum(MOST) * most // each))
    size = min(program.experiment.batch_size, 256, count)
    size = -(-size // program.mesh.size) * program.mesh.size
    index = np.arange(-(-count // size) * size)
    batch = source[np.minimum(index, count - 1)]
    x = jax.tree.map(np.asarray, entry(batch, field))
    split = NamedSharding(program.mesh, PartitionSpec(None, AXES))
    everywhere = replicated(program.mesh)
    return {
        "x": jax.tree.map(lambda x: put(x.reshape(-1, size, *x.shape[1:]), split), x),
        "label": put(np.asarray(batch["label"], np.int32), everywhere),
        "real": put(index < count, everywhere),
    }


def _share(right: jax.Array, real: jax.Array) -> jax.Array:
    return jnp.sum(right & real) / jnp.maximum(jnp.sum(real), 1)
