"""Input checks of the alarm: constant inputs, identical views, few distinct examples."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from chex import ArrayTree

ROWS = 256  # most examples in a statistic: more change the figures little and cost more
INPUTS = 64  # most examples of inputs and patches, which are larger
_COMPARED = 1 << 24  # most values of a batch that are compared with one another


def input_statistics(batch: ArrayTree, views: ArrayTree) -> dict[str, jax.Array]:
    """Ranges and differences of the inputs.

    Args:
      batch: name -> [B, ...], the examples as they are stored.
      views: name -> array or mapping of arrays [B, ...].

    Returns:
      "input/spread" and "view/NAME/spread", the largest range of a value over the examples, and
      "input/difference", the smallest over pairs of views of one shape of their largest difference.
    """
    found = {}
    # Of a single example nothing can be said: it is no fault that it does not vary.
    stored = [x for x in jax.tree.leaves(batch) if x.ndim > 1 and len(x) > 1]
    if stored:
        found["input/spread"] = _spread(stored)
    whole = {}
    for name, value in views.items():
        leaves = [
            x
            for x in jax.tree.leaves(value)
            if jnp.issubdtype(x.dtype, jnp.floating) and x.ndim > 1 and len(x) > 1
        ]
        if leaves:
            found[f"view/{name}/spread"] = _spread(leaves)
        if leaves and len(jax.tree.leaves(value)) == 1:
            whole[name] = to_float(some(leaves[0], INPUTS))
    names = list(whole)
    differences = [
        jnp.max(jnp.abs(whole[a] - whole[b]))
        for i, a in enumerate(names)
        for b in names[i + 1 :]
        if whole[a].shape == whole[b].shape
    ]
    if differences:
        found["input/difference"] = jnp.min(jnp.stack(differences))
    return found


def copies(batch: ArrayTree) -> dict[str, jax.Array]:
    """Counts the pairs of identical examples in a batch.

    Labels and other scalar fields are ignored, so copies with different labels count as identical.

    Args:
      batch: name -> [B, ...].

    Returns:
      "input/equal", equal pairs, and "input/pairs", all pairs; {} where an example is a number.
      Two different examples count as equal with a chance of about 2^-64.
    """
    leaves = [x for x in jax.tree.leaves(compared(batch)) if x.ndim > 1 and len(x) > 1]
    if not leaves:
        return {}
    equal = jnp.asarray(True)
    for salt in (0x9E3779B9, 0x7FEB352D):
        digest = sum(_digest(x, salt + i) for i, x in enumerate(leaves))
        equal &= digest[:, None] == digest[None]
    n = len(leaves[0])
    return {"input/equal": (jnp.sum(equal) - n) / 2, "input/pairs": jnp.asarray(n * (n - 1) / 2)}


def compared(batch: ArrayTree) -> ArrayTree:
    """The examples that `copies` compares; fewer if they are large."""
    size = sum(x[0].size for x in jax.tree.leaves(batch) if x.ndim > 1)
    most = max(min(ROWS, _COMPARED // max(size, 1)), INPUTS)
    return jax.tree.map(lambda x: some(x, most), batch)


def _digest(x: jax.Array, salt: int) -> jax.Array:
    """uint32 [B]: the sum over an example's places of a hash of the value and the place."""
    if jnp.issubdtype(x.dtype, jnp.floating):
        x = jax.lax.bitcast_convert_type(x.astype(jnp.float32), jnp.uint32)
    x = x.astype(jnp.uint32).reshape(len(x), -1)
    h = x ^ (jnp.arange(x.shape[1], dtype=jnp.uint32) * jnp.uint32(0x85EBCA6B) + jnp.uint32(salt))
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):  # Wellons, "lowbias32"
        h = (h ^ (h >> shift)) * jnp.uint32(factor)
    return jnp.sum(h ^ (h >> 16), axis=1, dtype=jnp.uint32)


def _spread(leaves: list[jax.Array]) -> jax.Array:
    """Largest range over examples, of any value of any of the arrays: exactly 0 for constants."""
    parts = [to_float(some(x, INPUTS)) for x in leaves]
    return jnp.max(jnp.stack([jnp.max(x.max(axis=0) - x.min(axis=0)) for x in parts]))


def some(x: jax.Array, limit: int) -> jax.Array:
    """At most about `limit` rows, evenly spaced over the global batch."""
    return x[:: -(-x.shape[0] // limit)]


def to_float(x: jax.Array) -> jax.Array:
    """float32, without a gradient."""
    return jax.lax.stop_gradient(x).astype(jnp.float32)
