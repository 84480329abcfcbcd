"""Few-shot episodes on frozen features: prototypes and transductive clustering of the queries."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jssl.core.intervals import mean_interval
from jssl.core.ranges import Count, NonNegative, Ranged, Seed, Several
from jssl.errors import UserError, nearest
from jssl.evaluation.arrays import labelled, moments
from jssl.evaluation.labelfree import unit
from jssl.objectives.common import matmul

METHODS = ("prototype", "laplacian", "clustering")


@dataclass(frozen=True)
class FewShot(Ranged):
    """Settings of few-shot episodes and their classifier.

    Attributes:
      ways: classes per episode.
      shots: labelled examples per class.
      queries: unlabelled examples per class.
      episodes: number of episodes.
      method: "prototype" (nearest class mean of the labelled examples), "laplacian" (adds a
        Laplacian term that encourages neighbouring queries to share a class; Ziko et al. 2020) or
        "clustering" (also updates the means with the queries; "Transductive Few-Shot Learning:
        Clustering is All You Need?").
      weight: weight of the Laplacian term.
      neighbours: neighbours per query in the graph.
      iterations: iterations of the transductive methods.
      seed: seed of the episodes.
    """

    ways: Several = 5
    shots: Count = 1
    queries: Count = 15
    episodes: Count = 600
    method: str = "prototype"
    weight: NonNegative = 1.0
    neighbours: Count = 3
    iterations: Count = 20
    seed: Seed = 0

    def check(self) -> None:
        """Raises `UserError` if a value is invalid."""
        if self.method not in METHODS:
            raise UserError(
                f"unknown few-shot method {self.method!r}: {nearest(self.method, METHODS)}"
            )
        if self.ways < 2 or min(self.shots, self.queries, self.episodes, self.iterations) < 1:
            raise UserError(
                "an episode needs two ways, and a shot, a query and a round at least, not "
                f"ways = {self.ways}, shots = {self.shots}, queries = {self.queries}, "
                f"episodes = {self.episodes}, iterations = {self.iterations}"
            )
        asked = self.ways * self.queries
        if not 1 <= self.neighbours < asked:
            raise UserError(
                f"a query cannot have {self.neighbours} neighbours among {asked} queries"
            )


@dataclass(frozen=True)
class FewShotResult:
    """Mean accuracy over episodes with the half-width of its 95 % interval (Student's t)."""

    mean: float
    interval: float
    episodes: int


def few_shot(
    features: np.ndarray,
    labels: np.ndarray,
    settings: FewShot | None = None,
    *,
    centre: np.ndarray | None = None,
) -> FewShotResult:
    """Mean accuracy over episodes drawn from a split.

    Features are centred and l2-normalised ("CL2N": Wang et al. 2019, "SimpleShot").

    Args:
      features: [N, D] of a split whose labels have not been used.
      labels: int [N].
      settings: None for 5-way 1-shot with prototypes.
      centre: the mean that is subtracted, float [D], such as that of the training features; None
        for the mean of `features`, which includes the queries.

    Returns:
      The result.

    Raises:
      UserError: invalid arrays, or too few classes or examples for an episode.
    """
    settings = settings or FewShot()
    settings.check()
    features, labels = labelled(features, labels, "the few-shot split")
    if centre is not None:
        chex.assert_shape(centre, features.shape[1:])
    support, queries = draw_episodes(labels, settings)
    x = unit(features - (moments(features)[0] if centre is None else centre)).astype(np.float32)
    accuracy = []
    block = max(1, 2**26 // (support[0].size + queries[0].size) // x.shape[1])
    for start in range(0, len(support), block):
        part = slice(start, start + block)
        answers = _answer(
            jnp.asarray(x[support[part]]),
            jnp.asarray(x[queries[part]]),
            jnp.float32(settings.weight),
            method=settings.method,
            neighbours=settings.neighbours,
            iterations=settings.iterations,
        )
        truth = np.arange(settings.ways)[:, None]
        accuracy.append((np.asarray(answers) == truth).mean(axis=(1, 2)))
    mean, interval = mean_interval(np.concatenate(accuracy))
    return FewShotResult(mean, interval, settings.episodes)


def draw_episodes(labels: np.ndarray, settings: FewShot) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the labelled and unlabelled examples of every episode.

    Args:
      labels: int [N].
      settings: ways, shots, queries, episodes and seed.

    Returns:
      int64 [E, ways, shots] and [E, ways, queries]; examples within an episode are distinct.

    Raises:
      UserError: too few classes, or a class with too few examples.
    """
    chex.assert_rank(labels, 1)
    values, counts = np.unique(labels, return_counts=True)
    if len(values) < settings.ways:
        raise UserError(
            f"{settings.ways}-way episodes need as many classes, but there are {len(values)}"
        )
    each = settings.shots + settings.queries
    if counts.min() < each:
        raise UserError(
            f"class {values[counts.argmin()]} has {counts.min()} examples, too few for "
            f"{settings.shots} shots and {settings.queries} queries"
        )
    members = [np.flatnonzero(labels == value) for value in values]
    rng = np.random.default_rng(settings.seed)
    drawn = np.empty((settings.episodes, settings.ways, each), np.int64)
    for episode in drawn:
        for row, way in zip(episode, rng.permutation(len(values))[: settings.ways], strict=True):
            row[:] = rng.choice(members[way], each, replace=False)
    return drawn[..., : settings.shots], drawn[..., settings.shots :]


@functools.partial(jax.jit, static_argnames=("method", "neighbours", "iterations"))
def _answer(
    support: jax.Array,
    queries: jax.Array,
    weight: jax.Array,
    *,
    method: str,
    neighbours: int,
    iterations: int,
) -> jax.Array:
    """Maps support [E, W, S, D] and queries [E, W, Q, D] to predicted classes int [E, W, Q]."""

    def episode(support: jax.Array, queries: jax.Array) -> jax.Array:
        asked = queries.reshape(-1, queries.shape[-1])
        if method == "prototype":
            answers = -squares(asked, support.mean(axis=1))
        else:
            moving = method == "clustering"
            answers = transduce(
                support, asked, weight, neighbours=neighbours, iterations=iterations, moving=moving
            )
        return jnp.argmax(answers, axis=1).reshape(queries.shape[:2])

    return jax.vmap(episode)(support, queries)


def transduce(
    support: jax.Array,
    queries: jax.Array,
    weight: jax.Array | float,
    *,
    neighbours: int,
    iterations: int,
    moving: bool,
) -> jax.Array:
    """Transductive class probabilities of the queries of one episode.

    With a[q, c] the squared distance of query q to the mean of class c and w the nearest-neighbour
    graph of the queries, each iteration sets y[q] = softmax(-a[q] + weight * sum_p w[q, p] y[p]).
    It minimises an upper bound of sum a y + weight / 2 sum w |y[q] - y[p]|^2 plus the negative
    entropy of y (Ziko et al. 2020, "Laplacian Regularized Few-Shot Learning", equations 6 to 9).
    With `moving`, each iteration then recomputes the class means from the labelled examples and
    the queries weighted by y, which is block-coordinate clustering with known labels.

    Args:
      support: [W, S, D].
      queries: [Q, D].
      weight: weight of the Laplacian term.
      neighbours: neighbours per query in the graph.
      iterations: number of iterations.
      moving: whether the class means are updated.

    Returns:
      float32 [Q, W], rows summing to 1.
    """
    chex.assert_rank([support, queries], [3, 2])
    chex.assert_axis_dimension(support, 2, queries.shape[1])
    shots, total = support.shape[1], support.sum(axis=1)
    between = squares(queries, queries) + jnp.diag(jnp.full(len(queries), jnp.inf))
    _, near = jax.lax.top_k(-between, neighbours)
    graph = jax.nn.one_hot(near, len(queries)).sum(axis=1)

    def round_(carry: tuple[jax.Array, jax.Array], _: None) -> tuple[tuple, None]:
        y, means = carry
        y = jax.nn.softmax(-squares(queries, means) + weight * matmul(graph, y), axis=1)
        if moving:
            means = (total + matmul(y.T, queries)) / (shots + y.sum(axis=0))[:, None]
        return (y, means), None

    means = total / shots
    y = jax.nn.softmax(-squares(queries, means), axis=1)
    (y, _), _ = jax.lax.scan(round_, (y, means), length=iterations)
    return y


def squares(a: jax.Array, b: jax.Array) -> jax.Array:
    """Squared distances between the rows of [N, D] and [M, D]: float32 [N, M]."""
    chex.assert_rank([a, b], 2)
    chex.assert_axis_dimension(b, 1, a.shape[1])
    found = jnp.sum(a * a, axis=1)[:, None] + jnp.sum(b * b, axis=1) - 2 * matmul(a, b.T)
    return jnp.maximum(found, 0.0)


def choose_weight(
    features: np.ndarray,
    labels: np.ndarray,
    settings: FewShot,
    *,
    weights: Sequence[float] = (0.1, 0.3, 0.5, 0.7, 0.8, 1.0, 1.2, 1.5),
    centre: np.ndarray | None = None,
) -> float:
    """Selects the weight of the Laplacian term on episodes of the validation split.

    Args:
      features: features of the validation split, [N, D].
      labels: int [N].
      settings: the settings, whose weight is replaced.
      weights: candidate weights; the default is the paper's grid.
      centre: see `few_shot`.

    Returns:
      The weight; ties go to the smaller one.
    """

    def score(weight: float) -> float:
        changed = dataclasses.replace(settings, weight=weight)
        return few_shot(features, labels, changed, centre=centre).mean

    return max(sorted(weights), key=score)
