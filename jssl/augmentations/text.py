"""Views and masks of one sequence of symbols int [N]; 0 is padding at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jssl.core.ranges import BelowOne, Inside, Natural, Several, Shares, Unit, Units
from jssl.data.source import entry


def symbol_mask(
    key: jax.Array, example: Mapping[str, Any], *, ratio: Inside = 0.15, field: str = "text"
) -> dict[str, jax.Array]:
    """Hides a share of the real symbols, to the nearest number but at least one.

    Args:
      key: PRNG key.
      example: has the sequence.
      ratio: share to hide.
      field: name of the sequence.

    Returns:
      dict(mask bool [N]), never True at padding.
    """
    real = entry(example, field) != 0
    score = jnp.where(real, jax.random.uniform(key, real.shape), 2.0)
    rank = jnp.argsort(jnp.argsort(score))
    return {"mask": real & (rank < jnp.maximum(jnp.round(ratio * jnp.sum(real)), 1))}


def swap_mask(
    key: jax.Array,
    example: Mapping[str, Any],
    *,
    ratio: Inside = 0.15,
    vocabulary: Several | None = None,
    field: str = "text",
    first: Natural = 1,
) -> dict[str, jax.Array]:
    """Chooses a share of the real symbols and another symbol for each.

    Args:
      key: PRNG key.
      example: has the sequence.
      ratio: share to replace; if the drawn symbol equals the original, it is unchanged.
      vocabulary: new symbols are drawn out of `first` to `vocabulary` - 1; None draws from the
        symbols of the sequence itself, which are as common as they are in the data.
      field: name of the sequence.
      first: first symbol of those that are drawn, for alphabets of which only a part occurs.

    Returns:
      dict(mask bool [N], symbols int [N]): True where a symbol is exchanged, and for which.
    """
    where, what = jax.random.split(key)
    x = entry(example, field)
    hidden = symbol_mask(where, example, ratio=ratio, field=field)["mask"]
    if vocabulary is None:
        symbols = x[jax.random.randint(what, x.shape, 0, jnp.maximum(jnp.sum(x != 0), 1))]
    else:
        symbols = jax.random.randint(what, x.shape, first, vocabulary, x.dtype)
    return {"mask": hidden & (symbols != x), "symbols": symbols}


def pick_row(key: jax.Array, x: jax.Array) -> jax.Array:
    """One of several sequences, such as the captions of an image: int [K, N] -> [N].

    Rows that are all padding stand last and are never picked.
    """
    count = jnp.maximum(jnp.sum(jnp.any(x != 0, axis=1)), 1)
    return x[jax.random.randint(key, (), 0, count)]


def delete_symbols(key: jax.Array, x: jax.Array, *, rate: BelowOne = 0.1) -> jax.Array:
    """Deletes each symbol with a probability; the others move up and the end is padded.

    Args:
      key: PRNG key.
      x: int [T].
      rate: probability with which a symbol is removed.
    """
    kept = (x != 0) & (jax.random.uniform(key, x.shape) >= rate)
    order = jnp.argsort(~kept, stable=True)
    return jnp.where(kept[order], x[order], 0)


def crop_symbols(key: jax.Array, x: jax.Array, *, share: Shares = (0.5, 1.0)) -> jax.Array:
    """A random section of a sequence, moved to the front; the end is padded.

    Args:
      key: PRNG key.
      x: int [T].
      share: range of the stretch's length as a share of the sequence.
    """
    count = jnp.sum(x != 0)
    u = jax.random.uniform(key, (2,))
    size = jnp.maximum(jnp.round((share[0] + (share[1] - share[0]) * u[0]) * count), 1)
    start = jnp.floor(u[1] * (count - size + 1)).astype(jnp.int32)
    places = jnp.arange(x.shape[0])
    found = x[jnp.minimum(places + start, x.shape[0] - 1)]
    return jnp.where(places < size, found, 0)


def replace_symbols(
    key: jax.Array, x: jax.Array, *, vocabulary: Several, rate: Unit = 0.1
) -> jax.Array:
    """Replaces symbols, each with a probability, by random ones; never padding.

    Args:
      key: PRNG key.
      x: int [T].
      vocabulary: number of symbols, padding included.
      rate: probability with which a symbol is replaced.
    """
    where, what = jax.random.split(key)
    hit = (x != 0) & (jax.random.uniform(where, x.shape) < rate)
    return jnp.where(hit, jax.random.randint(what, x.shape, 1, vocabulary, x.dtype), x)


def blank_symbols(
    key: jax.Array, x: jax.Array, *, symbol: Natural, share: Units = (0.1, 0.3)
) -> jax.Array:
    """Replaces a random section of a sequence by one symbol (the alphabet's wildcard).

    Args:
      key: PRNG key.
      x: int [T].
      symbol: what is put in their place.
      share: range of the stretch's length as a share of the sequence.
    """
    count = jnp.sum(x != 0)
    u = jax.random.uniform(key, (2,))
    size = jnp.round((share[0] + (share[1] - share[0]) * u[0]) * count)
    start = jnp.floor(u[1] * (count - size + 1))
    places = jnp.arange(x.shape[0])
    return jnp.where((places >= start) & (places < start + size), symbol, x)


def reverse_complement(key: jax.Array, x: jax.Array) -> jax.Array:
    """The other strand of DNA in the alphabet ACGTN; padding stays at the end.

    Args:
      key: not used; the operation is not random (see `jssl.augmentations.compose.sometimes`).
      x: int [N], symbols 1 to 5 and 0 for padding.

    Returns:
      int [N].
    """
    del key
    count = jnp.sum(x != 0)
    places = jnp.arange(x.shape[0])
    mirrored = x[jnp.maximum(count - 1 - places, 0)]
    other = jnp.where(mirrored < 5, 5 - mirrored, mirrored)
    return jnp.where(places < count, other, 0)
