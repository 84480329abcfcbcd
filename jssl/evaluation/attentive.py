"""Attentive probe: attention pooling of frozen tokens by a learned query."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from jssl.core.ranges import Count, NonNegative, Positives, Ranged, Seed
from jssl.errors import UserError
from jssl.evaluation.arrays import class_indices, finite, moments
from jssl.evaluation.linear import check_selection
from jssl.objectives.common import matmul
from jssl.training.optim import Optimizer

Params = dict[str, jax.Array]


@dataclass(frozen=True)
class Attentive(Ranged):
    """Settings of the attentive probe; all learning rates are trained at once.

    Attributes:
      learning_rates: learning rates of AdamW, not scaled with the batch size.
      heads: number of attention heads; must divide the token width.
      weight_decay: weight decay, applied to matrices only.
      batch_size: batch size, at most the size of the training split.
      epochs: passes over the training split.
      seed: seed of the initial weights and of the order of the examples.
      select_on: "validation"; any other value is an error.
    """

    learning_rates: Positives = (3e-4, 1e-3, 3e-3)
    heads: Count = 4
    weight_decay: NonNegative = 0.01
    batch_size: Count = 256
    epochs: Count = 20
    seed: Seed = 0
    select_on: str = "validation"


class AttentiveResult(NamedTuple):
    """Accuracies in [0, 1], the selected learning rate, and (rate, validation accuracy) pairs."""

    top1: float
    validation_top1: float
    learning_rate: float
    path: tuple[tuple[float, float], ...]


def attentive_probe(
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    settings: Attentive | None = None,
) -> AttentiveResult:
    """Trains the probe on cached tokens; the learning rate is selected on validation.

    A learned query attends to the tokens with several heads; the result is normalised and passed to
    a linear layer. Chen et al. 2023, "Context Autoencoder for Self-Supervised Representation
    Learning", section 4 (attentive probing).

    Args:
      train: tokens float [N, T, D] and labels int [N].
      validation: the same.
      test: the same; used once, with the selected learning rate.
      settings: None for the defaults.

    Returns:
      The result.

    Raises:
      UserError: invalid arrays or settings.
    """
    settings = settings or Attentive()
    check_selection(settings.select_on)
    parts = []
    for name, (tokens, labels) in zip(
        ("train", "validation", "test"), (train, validation, test), strict=True
    ):
        tokens = np.asarray(tokens, np.float32)
        if tokens.ndim != 3 or len(tokens) != len(labels):
            raise UserError(
                f"the {name} split needs tokens [N, T, D] and labels [N], but has "
                f"{list(tokens.shape)} and {list(np.shape(labels))}"
            )
        finite(tokens.reshape(len(tokens), -1), f"the {name} split")
        parts.append(tokens)
    width = parts[0].shape[2]
    if width % settings.heads:
        raise UserError(f"{settings.heads} heads do not divide tokens of width {width}")
    if not settings.learning_rates or min(settings.learning_rates) <= 0:
        raise UserError("an attentive probe needs positive learning rates")
    classes, *labels = class_indices(train[1], validation[1], test[1])
    # One scale for all tokens, so that the result does not depend on the scale of the features.
    mean, scale = moments(parts[0], (0, 1))
    parts = [(tokens - mean) / (scale + 1e-6) for tokens in parts]
    # The rates are an argument of the program: their values must not compile it anew.
    plan = dataclasses.replace(
        settings, learning_rates=(1.0,), batch_size=min(settings.batch_size, len(parts[0]))
    )
    rates = np.asarray(settings.learning_rates, np.float32)
    probes = _train(jnp.asarray(parts[0]), jnp.asarray(labels[0]), rates, len(classes), plan)
    scores = _accuracy(probes, parts[1], labels[1], settings.heads)
    best = int(np.argmax(scores))
    chosen = jax.tree.map(lambda leaf: leaf[best : best + 1], probes)
    return AttentiveResult(
        top1=float(_accuracy(chosen, parts[2], labels[2], settings.heads)[0]),
        validation_top1=float(scores[best]),
        learning_rate=float(rates[best]),
        path=tuple((float(r), float(s)) for r, s in zip(rates, scores, strict=True)),
    )


def init_probe(key: jax.Array, width: int, classes: int) -> Params:
    """Initial weights: "query" [D], "key", "value" [D, D], "w" [D, K], "b" [K]."""
    query, first, second = jax.random.split(key, 3)
    bound = 1 / np.sqrt(width)
    return {
        "query": bound * jax.random.normal(query, (width,)),
        "key": bound * jax.random.normal(first, (width, width)),
        "value": bound * jax.random.normal(second, (width, width)),
        "w": jnp.zeros((width, classes)),
        "b": jnp.zeros(classes),
    }


def apply_probe(params: Params, tokens: jax.Array, *, heads: int) -> jax.Array:
    """Logits [B, K] of tokens [B, T, D]."""
    chex.assert_rank(tokens, 3)
    batch, count, width = tokens.shape
    flat = tokens.reshape(-1, width)
    keys = matmul(flat, params["key"]).reshape(batch, count, heads, -1)
    values = matmul(flat, params["value"]).reshape(batch, count, heads, -1)
    query = params["query"].reshape(heads, -1)
    scores = jnp.einsum("bthd,hd->bht", keys, query) * np.sqrt(heads / width)
    pooled = jnp.einsum("bht,bthd->bhd", jax.nn.softmax(scores, axis=-1), values)
    pooled = pooled.reshape(batch, width)
    centred = pooled - pooled.mean(axis=1, keepdims=True)
    normalised = centred * lax.rsqrt(centred.var(axis=1, keepdims=True) + 1e-6)
    return matmul(normalised, params["w"]) + params["b"]


@functools.partial(jax.jit, static_argnames=("classes", "settings"))
def _train(
    tokens: jax.Array, labels: jax.Array, rates: jax.Array, classes: int, settings: Attentive
) -> Params:
    count, per_epoch = len(tokens), len(tokens) // settings.batch_size
    key = jax.random.key(settings.seed)

    def one(rate: jax.Array) -> Params:
        rule = Optimizer(
            "adamw", rate, scaling="none", warmup_epochs=1, weight_decay=settings.weight_decay
        )
        tx = rule.build(settings.batch_size, settings.epochs * per_epoch, per_epoch)
        params = init_probe(key, tokens.shape[2], classes)

        def loss(params: Params, indices: jax.Array) -> jax.Array:
            logits = apply_probe(params, tokens[indices], heads=settings.heads)
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels[indices]).mean()

        def step(carry: Any, indices: jax.Array) -> tuple[Any, None]:
            params, state = carry
            updates, state = tx.update(jax.grad(loss)(params, indices), state, params)
            return (optax.apply_updates(params, updates), state), None

        def epoch(carry: Any, number: jax.Array) -> tuple[Any, None]:
            order = jax.random.permutation(jax.random.fold_in(key, number), count)
            order = order[: per_epoch * settings.batch_size].reshape(per_epoch, -1)
            return lax.scan(step, carry, order)

        start = params, tx.init(params)
        return lax.scan(epoch, start, jnp.arange(1, settings.epochs + 1))[0][0]

    return jax.vmap(one)(rates)


def _accuracy(
    probes: Params, tokens: np.ndarray, labels: np.ndarray, heads: int, block: int = 512
) -> np.ndarray:
    """Top-1 accuracy of each of S probes: float64 [S]."""
    right = 0.0
    for start in range(0, len(labels), block):
        part = slice(start, start + block)
        right = right + np.asarray(_hits(probes, tokens[part], labels[part], heads))
    return right / len(labels)


@functools.partial(jax.jit, static_argnames="heads")
def _hits(probes: Params, tokens: jax.Array, labels: jax.Array, heads: int) -> jax.Array:
    def one(params: Params) -> jax.Array:
        return jnp.sum(jnp.argmax(apply_probe(params, tokens, heads=heads), axis=1) == labels)

    return jax.vmap(one)(probes)
