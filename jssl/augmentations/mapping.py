"""Maps a function over examples: all at once on an accelerator, in cache-sized chunks on a CPU.

A CPU is bound by memory here: a batch of 32 images of 224 pixels is 19 MB, and an operation on all
of it reads and writes as much, far outside the cache. In chunks, all operations of an example run
within the cache; with one example at a time, `lax.cond` also skips operations that are not applied,
whereas a vmap computes both branches (measured on one core, SimCLR's recipe, a view: 2.5 ms to 0.8
at 224 pixels, 0.06 to 0.03 at 32).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
from jax.sharding import Mesh, PartitionSpec

ALONE = 2**13  # numbers in an example from which on it is worth a turn of its own
BITE = 2**16  # numbers in a bite of smaller examples


def _numbers(example: Any) -> int:
    return max(math.prod(leaf.shape) for leaf in jax.tree.leaves(example))


def _in_bites(function: Callable[[Any], Any], examples: Any) -> Any:
    count = len(jax.tree.leaves(examples)[0])
    size = _numbers(jax.tree.map(lambda x: x[:1], examples))
    if size >= ALONE:
        return jax.lax.map(function, examples)
    bite = max(1, BITE // size)
    # A divisor leaves no rest, which would be a second program.
    bite = next((n for n in range(bite, bite // 2, -1) if count % n == 0), bite)
    if bite >= count:
        return jax.vmap(function)(examples)
    return jax.lax.map(function, examples, batch_size=bite)


def map_examples(
    function: Callable[[jax.Array, Any], Any],
    key: jax.Array,
    examples: Mapping[str, jax.Array],
    mesh: Mesh | None = None,
) -> Any:
    """vmap, or an equivalent that is faster on a CPU.

    Args:
      function: f(key, example) -> pytree; depends only on its own example.
      key: the same for all.
      examples: arrays [B, ...].
      mesh: devices over all axes of which B is split; None if not known.

    Returns:
      The function's results, each with a leading axis B.
    """

    def local(key: jax.Array, examples: Any) -> Any:
        if jax.default_backend() == "cpu":
            return _in_bites(lambda example: function(key, example), examples)
        return jax.vmap(function, (None, 0))(key, examples)

    if mesh is not None and mesh.size > 1:
        split = PartitionSpec(mesh.axis_names)
        return jax.shard_map(
            local, mesh=mesh, in_specs=(PartitionSpec(), split), out_specs=split, check_vma=False
        )(key, examples)
    # A loop over an axis that is split over devices would gather it.
    if mesh is None and jax.device_count() > 1:
        return jax.vmap(function, (None, 0))(key, examples)
    return local(key, examples)


def map_draws(function: Callable[[jax.Array], Any], keys: jax.Array, example: Any) -> Any:
    """Several draws of one example: f(key) for each of the keys [N], results [N, ...].

    Args:
      function: f(key) -> pytree.
      keys: PRNG keys [N].
      example: the input of the function; only its size is used.

    Returns:
      The function's results, each with a leading axis N.
    """
    if jax.default_backend() == "cpu" and _numbers(example) >= ALONE:
        return jax.lax.map(function, keys)
    return jax.vmap(function)(keys)
