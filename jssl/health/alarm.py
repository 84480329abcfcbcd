"""Statistics that distinguish a collapsing run from a healthy one, measured in the train step.

A method names the arrays to monitor (`Method.monitor`); here they become a few float32 scalars
named `alarm/...`, functions of the global batch. `jssl/health/monitor.py` judges them on the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from chex import ArrayTree

from jssl.core import layers
from jssl.health.inputs import INPUTS, ROWS, compared, copies, input_statistics, some, to_float

PREFIX = "alarm/"
_RIDGE = 1e-3  # share of the variance that a direction needs in order to count for a half
_TINY = 1e-30


class Monitored(NamedTuple):
    """The arrays that the alarm measures; every part may be empty.

    Attributes:
      embeddings: name -> [N, D], one example per row: arrays that enter the loss, such as
        projections. They are judged by absolute thresholds.
      features: name -> [N, D] of the same form that do not enter the loss, such as the pooled
        features of a masked encoder. These may lie in a narrow cone as long as a decoder can
        distinguish them, so only their spread is judged, relative to its value at the start.
      pairs: name -> ([N, D], [N, D]), embeddings of two views of the same examples.
      assignments: name -> [N, K] probabilities over K prototypes or classes, of a teacher.
      predictions: name -> (prediction [N, T, P], target [N, T, P], hidden [N, T]) of masked
        prediction; hidden is True where a position had to be predicted.
      teachers: name -> (student, teacher), two pytrees of one structure.
      trivial_loss: the loss of a model whose output does not depend on the input, such as ln K;
        None if there is no such value.
      lowest_loss: the lower bound of the loss if it is known not to be 0, such as the entropy of
        smoothed targets. Only used together with `trivial_loss`.
      idle: scalar, True in a step that deliberately leaves the parameters unchanged, such as one
        that only fills a memory. Such a step is not judged. None if there are no such steps.
      frozen: parts of the net, such as "encoder", that are deliberately not trained.
    """

    embeddings: Mapping[str, jax.Array] = {}
    features: Mapping[str, jax.Array] = {}
    pairs: Mapping[str, tuple[jax.Array, jax.Array]] = {}
    assignments: Mapping[str, jax.Array] = {}
    predictions: Mapping[str, tuple[jax.Array, jax.Array, jax.Array]] = {}
    teachers: Mapping[str, tuple[ArrayTree, ArrayTree]] = {}
    trivial_loss: jax.Array | float | None = None
    lowest_loss: float = 0.0
    idle: jax.Array | None = None
    frozen: tuple[str, ...] = ()


def measure(
    monitored: Monitored, *, batch: ArrayTree, views: ArrayTree, params: ArrayTree
) -> dict[str, Any]:
    """All statistics of a step.

    Args:
      monitored: the arrays that the method names.
      batch: name -> [B, ...], the examples as they are stored.
      views: name -> array or mapping of arrays [B, ...].
      params: the parameters.

    Returns:
      "alarm/..." -> float32 scalar; the names depend on shapes and structure alone.
    """
    found: dict[str, Any] = {}
    found |= input_statistics(batch, views) | copies(batch)
    for name, x in monitored.embeddings.items():
        if x.shape[0] > 1:
            found |= _named(name, embedding_statistics(x))
    for name, x in monitored.features.items():
        if x.shape[0] > 1:
            figures = embedding_statistics(x)
            kept = {key: figures[key] for key in ("rank", "cosine")}  # recorded, not judged
            found |= _named(name, {**kept, "feature_spread": figures["spread"]})
    for name, (a, b) in monitored.pairs.items():
        if a.shape[0] > 1:
            found |= _named(name, pair_statistics(a, b))
    for name, x in monitored.assignments.items():
        found |= _named(name, assignment_statistics(x))
    for name, parts in monitored.predictions.items():
        found |= _named(name, prediction_statistics(*parts))
    for name, (student, teacher) in monitored.teachers.items():
        found[f"{name}/distance"] = _distance(student, teacher)
    chosen = zip(jax.tree.leaves(params), jax.tree.leaves(layers.matrices(params)), strict=True)
    matrices = [x for x, matrix in chosen if matrix]
    found["parameters/matrices"] = jnp.sqrt(sum(jnp.sum(jnp.square(x)) for x in matrices))
    if monitored.trivial_loss is not None:
        found["trivial_loss"] = monitored.trivial_loss
        found["lowest_loss"] = monitored.lowest_loss
    if monitored.idle is not None:
        found["idle"] = monitored.idle
    return {PREFIX + name: jnp.asarray(value, jnp.float32) for name, value in found.items()}


def measure_when(due: jax.Array, monitored: Monitored, **parts: ArrayTree) -> dict[str, Any]:
    """`measure` where `due` is True; otherwise zeros, without computing anything.

    Args:
      due: bool scalar.
      monitored: see `measure`.
      **parts: the other arguments of `measure`.

    Returns:
      See `measure`.
    """
    # Thinned out here, so that the step does not keep whole views in memory for this.
    predictions = {
        name: tuple(some(x, INPUTS) for x in part) for name, part in monitored.predictions.items()
    }
    monitored = monitored._replace(predictions=predictions, frozen=())  # strings are no arrays
    views = jax.tree.map(lambda x: some(x, INPUTS), parts["views"])
    parts |= {"batch": compared(parts["batch"]), "views": views}
    figures = jax.jit(lambda m, p: measure(m, **p))  # one trace, for the shapes and the branch
    shapes = jax.eval_shape(figures, monitored, parts)
    zeros = lambda m, p: jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)  # noqa: E731
    return jax.lax.cond(due, figures, zeros, monitored, parts)


def motion(
    updates: ArrayTree, gradients: ArrayTree, params: ArrayTree, frozen: tuple[str, ...] = ()
) -> ArrayTree:
    """Relative size of a parameter update, and whether the gradient reaches the encoder.

    Args:
      updates: the updates that are added to the parameters.
      gradients: of the loss.
      params: before the step.
      frozen: parts that are deliberately not trained; they are not measured.

    Returns:
      "alarm/..." -> float32 scalar: "parameters/step", the norm of the updates over that of the
      parameters; "encoder/step", the same for the part called "encoder", if there are other parts
      as well; and "encoder/gradient", the norm of its gradient.
    """
    found = {"parameters/step": _relative(updates, params)}
    parts = params.keys() if isinstance(params, Mapping) else ()
    if "encoder" in parts and "encoder" not in frozen and len(parts) > 1:
        found["encoder/step"] = _relative(updates["encoder"], params["encoder"])
        found["encoder/gradient"] = _length(gradients["encoder"])
    return {PREFIX + name: value for name, value in found.items()}


def embedding_statistics(x: jax.Array) -> dict[str, jax.Array]:
    """Spread, effective rank and mean similarity of different examples.

    Args:
      x: [N, D] with N >= 2, any float dtype; each row is a different example.

    Returns:
      "spread": standard deviation of the unit vectors, averaged over dimensions, times sqrt(D): 1
      when evenly spread, 0 when all are equal (Chen & He, "Exploring Simple Siamese Representation
      Learning", 2021, section 4.1). "rank": effective number of directions, the sum of
      v / (v + 0.001) over the shares v of the variance (eigenvalues of the covariance over their
      sum): the degrees of freedom of a ridge regression (Hastie, Tibshirani & Friedman, "The
      Elements of Statistical Learning", 2009, eq. 3.50). A direction counts if it has more than a
      thousandth of the variance, however dominant the strongest direction is, which a ratio of
      moments would not detect; at most min(N - 1, D), "full_rank". "cosine": mean similarity of two
      different examples.
    """
    z = _unit(some(x, ROWS))
    n, d = z.shape
    centred = z - jnp.mean(z, axis=0)
    spread = jnp.mean(jnp.std(z, axis=0)) * d**0.5
    gram = _product(centred.T, centred) if d <= n else _product(centred, centred.T)
    total = jnp.maximum(jnp.trace(gram), _TINY)
    size = len(gram)
    ridge = gram / total + _RIDGE * jnp.eye(size)
    inverse = jax.scipy.linalg.cho_solve((jnp.linalg.cholesky(ridge), True), jnp.eye(size))
    rank = size - _RIDGE * jnp.trace(inverse)
    cosine = (jnp.sum(jnp.square(jnp.sum(z, axis=0))) - jnp.sum(z * z)) / (n * (n - 1))
    return {"spread": spread, "rank": rank, "full_rank": min(n - 1, d), "cosine": cosine}


def pair_statistics(a: jax.Array, b: jax.Array) -> dict[str, jax.Array]:
    """Whether two views of one example are closer than views of two examples.

    Args:
      a: [N, D] with N >= 2.
      b: [N, D].

    Returns:
      "alignment": mean cosine of the pairs; "margin": how much that is above the mean cosine of
      a_i and b_j, i != j.
    """
    a, b = _unit(some(a, ROWS)), _unit(some(b, ROWS))
    n = a.shape[0]
    same = jnp.sum(a * b)
    across = (jnp.sum(jnp.sum(a, axis=0) * jnp.sum(b, axis=0)) - same) / (n * (n - 1))
    return {"alignment": same / n, "margin": same / n - across}


def assignment_statistics(p: jax.Array) -> dict[str, jax.Array]:
    """How probabilities over prototypes are used.

    Args:
      p: [N, K], K >= 2, rows sum to one.

    Returns:
      "entropy": mean entropy of a row over ln K, 1 for uniform rows (ln K minus it is the KL to
      uniform); "usage": exp(entropy of the mean row) over K, the share of prototypes in use;
      "largest": largest share in the mean row.
    """
    p = to_float(p)
    k = p.shape[1]
    rows, mean = some(p, ROWS), jnp.mean(p, axis=0)

    def entropy(q: jax.Array) -> jax.Array:
        return -jnp.sum(q * jnp.log(jnp.maximum(q, _TINY)), axis=-1)

    return {
        "entropy": jnp.mean(entropy(rows)) / jnp.log(k),
        "usage": jnp.exp(entropy(mean)) / k,
        "largest": jnp.max(mean),
    }


def prediction_statistics(
    prediction: jax.Array, target: jax.Array, hidden: jax.Array
) -> dict[str, jax.Array]:
    """Error of a masked prediction relative to predicting the mean patch everywhere.

    Args:
      prediction: [N, T, P].
      target: [N, T, P].
      hidden: [N, T], True or a weight where a position had to be predicted.

    Returns:
      "hidden": share of hidden positions; "unexplained": squared error divided by that of
        predicting the mean hidden target, 1 for an uninformed decoder; 0 where nothing is hidden.
    """
    prediction, target = (to_float(some(x, INPUTS)) for x in (prediction, target))
    weight = to_float(some(hidden, INPUTS))[..., None]
    total = jnp.maximum(jnp.sum(weight), _TINY)

    def masked(x: jax.Array) -> jax.Array:
        return jnp.where(weight > 0, x, 0.0) * weight

    mean = jnp.sum(masked(target), axis=(0, 1)) / total
    error = jnp.sum(masked(jnp.square(prediction - target)))
    baseline = jnp.sum(masked(jnp.square(target - mean)))
    unexplained = jnp.where(baseline > 0, error / jnp.maximum(baseline, _TINY), 0.0)
    return {"hidden": jnp.mean(weight), "unexplained": unexplained}


def _length(tree: ArrayTree) -> jax.Array:
    return jnp.sqrt(sum(jnp.sum(jnp.square(x.astype(jnp.float32))) for x in jax.tree.leaves(tree)))


def _relative(updates: ArrayTree, params: ArrayTree) -> jax.Array:
    return _length(updates) / jnp.maximum(_length(params), 1e-12)


def _distance(a: ArrayTree, b: ArrayTree) -> jax.Array:
    leaves = list(zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))
    difference = sum(jnp.sum(jnp.square(to_float(x) - to_float(y))) for x, y in leaves)
    size = sum(jnp.sum(jnp.square(to_float(x))) for x, _ in leaves)
    return jnp.sqrt(difference / jnp.maximum(size, _TINY))


def _unit(x: jax.Array) -> jax.Array:
    x = to_float(x)
    x = x / jnp.maximum(jnp.max(jnp.abs(x), axis=1, keepdims=True), _TINY)
    # The norm is at least 1 now, but for rows of zeros. A tiny floor would not do: the compiler may
    # divide by the product of both floors, which would be zero.
    return x / jnp.maximum(jnp.linalg.norm(x, axis=1, keepdims=True), 0.5)


def _product(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


def _named(name: str, values: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    return {f"{name}/{key}": value for key, value in values.items()}
