"""Sweep of SGD linear probes: all settings trained in one compiled loop on cached features."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from jssl.core.ranges import Count, NonNegatives, Positives, Ranged, Seed
from jssl.errors import UserError, nearest
from jssl.evaluation.arrays import FeatureSplits, class_splits, same_labels
from jssl.evaluation.linear import check_selection
from jssl.evaluation.logistic import Scaler
from jssl.objectives.common import matmul
from jssl.training.optim import Optimizer

NORMS = ("none", "standardise", "l2", "batch")
EPSILON = 1e-6  # added to the variance, as in MAE
STACK_BYTES = 2**31  # limit for features of one size that are trained on together


@dataclass(frozen=True)
class Sweep(Ranged):
    """A grid of linear probes, all trained for the same number of steps on the same batches.

    Attributes:
      learning_rates: base learning rates, scaled with the batch size by the optimizer's rule.
      weight_decays: weight decays, applied to the weights but not to the bias.
      norms: feature normalisations: "none"; "standardise" (training statistics); "l2" (unit
        length); "batch" (BatchNorm without scale and offset: batch statistics in training, training
        statistics at evaluation).
      optimizer: update rule and schedule; the grid sets learning rate and weight decay.
      batch_size: batch size, at most the size of the training split.
      epochs: passes over the training split.
      seed: seed of the order of the examples.
      select_on: "validation"; any other value is an error.
    """

    learning_rates: Positives = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
    weight_decays: NonNegatives = (0.0, 1e-5, 1e-4, 1e-3)
    norms: tuple[str, ...] = ("standardise",)
    optimizer: Optimizer = dataclasses.field(default_factory=Optimizer)
    batch_size: Count = 256
    epochs: Count = 50
    seed: Seed = 0
    select_on: str = "validation"

    def check(self) -> None:
        """Raises `UserError` if a value is invalid."""
        check_selection(self.select_on)
        for norm in self.norms:
            if norm not in NORMS:
                raise UserError(f"unknown norm {norm!r} of a probe: {nearest(norm, NORMS)}")
        for name in ("learning_rates", "weight_decays", "norms"):
            if not getattr(self, name):
                raise UserError(f"a sweep of probes needs at least one of {name}")
        if min(self.learning_rates) <= 0 or min(self.weight_decays) < 0:
            raise UserError("a sweep needs positive learning rates and weight decays of 0 or more")
        if self.batch_size < 1 or self.epochs < 1:
            raise UserError(
                f"a sweep needs a batch and an epoch at least, not batch_size = {self.batch_size} "
                f"and epochs = {self.epochs}"
            )

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Learning rate and weight decay of every setting: two float32 [S]."""
        rates, decays = np.meshgrid(self.learning_rates, self.weight_decays, indexing="ij")
        return rates.ravel().astype(np.float32), decays.ravel().astype(np.float32)


@dataclass(frozen=True)
class SweepResult:
    """Result of a sweep.

    Attributes:
      top1: accuracy on test of the selected probe, in [0, 1].
      validation_top1: its accuracy on validation.
      chosen: its "representation", "norm", "learning_rate" and "weight_decay".
      at_edge: whether its learning rate is at an end of the grid.
      settings: "validation_top1" and the four names above for every probe.
    """

    top1: float
    validation_top1: float
    chosen: dict[str, Any]
    at_edge: bool
    settings: tuple[dict[str, Any], ...]


def sweep_probes(
    representations: Mapping[str, FeatureSplits], sweep: Sweep | None = None
) -> SweepResult:
    """Trains a linear probe for each combination of representation, norm, rate and weight decay.

    The loss is softmax cross-entropy; weights start at zero. Only the best probe on validation is
    tested; ties go to the setting that comes first.

    Args:
      representations: for each name, such as "last4/cls", features of the same examples; their
        dimensions may differ.
      sweep: the grid, or None for the default grid.

    Returns:
      The result.

    Raises:
      UserError: an invalid setting, or invalid arrays.
    """
    sweep = sweep or Sweep()
    sweep.check()
    splits = {name: class_splits(*row, who=name) for name, row in representations.items()}
    same_labels(splits)
    classes = len(np.unique(next(iter(splits.values())).train.labels))
    rates, decays = sweep.grid()
    settings, probes = [], []
    first = next(iter(splits.values()))
    for names, batch_norm, train, validation in _stacks(splits, sweep.norms):
        weights, biases = train_stack(
            train, first.train.labels, classes, sweep, batch_norm=batch_norm
        )
        scores = accuracies(weights, biases, validation, first.validation.labels)
        for v, (name, norm) in enumerate(names):
            for s in range(len(rates)):
                settings.append(
                    {
                        "representation": name,
                        "norm": norm,
                        "learning_rate": float(rates[s]),
                        "weight_decay": float(decays[s]),
                        "validation_top1": float(scores[v, s]),
                    }
                )
                probes.append((weights[v, s], biases[v, s]))
    best = int(np.argmax([s["validation_top1"] for s in settings]))
    chosen = dict(settings[best])
    top1 = chosen.pop("validation_top1")
    row = splits[chosen["representation"]]
    test = normalise(chosen["norm"], row.train.features)(row.test.features)
    weight, bias = (part[None, None] for part in probes[best])
    rates = np.unique(rates)
    return SweepResult(
        top1=float(accuracies(weight, bias, test[None], row.test.labels)[0, 0]),
        validation_top1=top1,
        chosen=chosen,
        at_edge=len(rates) > 1 and np.float32(chosen["learning_rate"]) in (rates[0], rates[-1]),
        settings=tuple(settings),
    )


def normalise(norm: str, train: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The evaluation-time function float [N, D] -> float32 [N, D] of a feature normalisation.

    Args:
      norm: one of `NORMS`.
      train: training features, whose statistics are used.

    Returns:
      The function.
    """
    chex.assert_rank(train, 2)
    if norm == "none":
        return lambda x: np.asarray(x, np.float32)
    if norm == "l2":
        return lambda x: x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    return Scaler.fit(train)


def train_stack(
    x: np.ndarray, labels: np.ndarray, classes: int, sweep: Sweep, *, batch_norm: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Trains every setting on every representation in a stack.

    Args:
      x: float [V, N, D]; V representations of the same examples.
      labels: class indices int [N].
      classes: number of classes K.
      sweep: the grid of S settings.
      batch_norm: whether each batch is normalised by its own statistics.

    Returns:
      Weights float32 [V, S, D, K] and biases float32 [V, S, K].
    """
    chex.assert_rank([x, labels], [3, 1])
    chex.assert_axis_dimension(x, 1, len(labels))
    plan = _Plan(classes, min(sweep.batch_size, x.shape[1]), sweep.epochs, batch_norm)
    weights, biases = _train_all(
        jnp.asarray(x, jnp.float32),
        jnp.asarray(labels),
        *sweep.grid(),
        jnp.uint32(sweep.seed),
        plan,
        sweep.optimizer,
    )
    return np.asarray(weights), np.asarray(biases)


def train_one(
    x: np.ndarray,
    labels: np.ndarray,
    classes: int,
    sweep: Sweep,
    learning_rate: float,
    weight_decay: float,
    *,
    batch_norm: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """`train_stack` for one setting and one representation [N, D]: weights [D, K], bias [K]."""
    chex.assert_rank([x, labels], [2, 1])
    chex.assert_equal_shape_prefix([x, labels], 1)
    plan = _Plan(classes, min(sweep.batch_size, len(x)), sweep.epochs, batch_norm)
    weights, bias = _train_alone(
        jnp.asarray(x, jnp.float32),
        jnp.asarray(labels),
        jnp.float32(learning_rate),
        jnp.float32(weight_decay),
        jnp.uint32(sweep.seed),
        plan,
        sweep.optimizer,
    )
    return np.asarray(weights), np.asarray(bias)


def accuracies(
    weights: np.ndarray, biases: np.ndarray, x: np.ndarray, labels: np.ndarray, block: int = 4096
) -> np.ndarray:
    """Top-1 accuracy of every probe.

    Args:
      weights: float [V, S, D, K].
      biases: float [V, S, K].
      x: float [V, N, D].
      labels: class indices int [N].
      block: examples processed at a time.

    Returns:
      float64 [V, S].
    """
    chex.assert_rank([weights, biases, x, labels], [4, 3, 3, 1])
    chex.assert_equal_shape_prefix([weights, biases], 2)
    right = np.zeros(weights.shape[:2])
    for start in range(0, len(labels), block):
        part = slice(start, start + block)
        right += np.asarray(_hits(weights, biases, x[:, part], labels[part]))
    return right / len(labels)


@jax.jit
def _hits(weights: jax.Array, biases: jax.Array, x: jax.Array, labels: jax.Array) -> jax.Array:
    def one(weight: jax.Array, bias: jax.Array, x: jax.Array) -> jax.Array:
        return jnp.sum(jnp.argmax(matmul(x, weight) + bias, axis=1) == labels)

    return jax.vmap(jax.vmap(one, in_axes=(0, 0, None)))(weights, biases, x)


class _Plan(NamedTuple):
    """The static arguments of a compiled training program."""

    classes: int
    batch: int
    epochs: int
    batch_norm: bool


def _train(
    x: jax.Array,
    labels: jax.Array,
    rate: jax.Array,
    decay: jax.Array,
    seed: jax.Array,
    plan: _Plan,
    optimizer: Optimizer,
) -> tuple[jax.Array, jax.Array]:
    """Trains one probe on x [N, D], as a pure function of learning rate and weight decay."""
    count, width = x.shape
    per_epoch = count // plan.batch
    rule = dataclasses.replace(optimizer, learning_rate=rate, weight_decay=decay)
    tx = rule.build(plan.batch, plan.epochs * per_epoch, per_epoch)
    params = {"w": jnp.zeros((width, plan.classes)), "b": jnp.zeros(plan.classes)}

    def loss(params: dict[str, jax.Array], x: jax.Array, y: jax.Array) -> jax.Array:
        logits = matmul(x, params["w"]) + params["b"]
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    def step(carry: Any, indices: jax.Array) -> tuple[Any, None]:
        params, state = carry
        seen = x[indices]
        if plan.batch_norm:
            seen = (seen - seen.mean(axis=0)) * lax.rsqrt(seen.var(axis=0) + EPSILON)
        gradient = jax.grad(loss)(params, seen, labels[indices])
        updates, state = tx.update(gradient, state, params)
        return (optax.apply_updates(params, updates), state), None

    def epoch(carry: Any, number: jax.Array) -> tuple[Any, None]:
        order = jax.random.permutation(jax.random.fold_in(jax.random.key(seed), number), count)
        return lax.scan(step, carry, order[: per_epoch * plan.batch].reshape(per_epoch, -1))

    (params, _), _ = lax.scan(epoch, (params, tx.init(params)), jnp.arange(plan.epochs))
    return params["w"], params["b"]


_STATIC = ("plan", "optimizer")
_train_alone = functools.partial(jax.jit, static_argnames=_STATIC)(_train)


@functools.partial(jax.jit, static_argnames=_STATIC)
def _train_all(
    x: jax.Array,
    labels: jax.Array,
    rates: jax.Array,
    decays: jax.Array,
    seed: jax.Array,
    plan: _Plan,
    optimizer: Optimizer,
) -> tuple[jax.Array, jax.Array]:
    def one(x: jax.Array, rate: jax.Array, decay: jax.Array) -> tuple[jax.Array, jax.Array]:
        return _train(x, labels, rate, decay, seed, plan, optimizer)

    return jax.vmap(jax.vmap(one, in_axes=(None, 0, 0)), in_axes=(0, None, None))(x, rates, decays)


def _stacks(
    splits: Mapping[str, FeatureSplits], norms: Sequence[str]
) -> Iterator[tuple[list[tuple[str, str]], bool, np.ndarray, np.ndarray]]:
    """Yields groups of (representation, norm) pairs that are trained together.

    The members of a group share their width and the use of batch statistics, and take at most
    `STACK_BYTES`. Yields the names, whether batches are normalised, train [V, N, D] and validation
    [V, M, D].
    """
    groups: dict[tuple[int, bool], list[tuple[str, str]]] = {}
    for name, row in splits.items():
        for norm in norms:
            key = row.train.features.shape[1], norm == "batch"
            groups.setdefault(key, []).append((name, norm))
    for (_, batch_norm), names in groups.items():
        most = max(1, STACK_BYTES // splits[names[0][0]].train.features.nbytes)
        for start in range(0, len(names), most):
            part = names[start : start + most]
            train, validation = [], []
            for name, norm in part:
                row = splits[name]
                final = normalise(norm, row.train.features)
                train.append(row.train.features if batch_norm else final(row.train.features))
                validation.append(final(row.validation.features))
            yield part, batch_norm, np.stack(train), np.stack(validation)
