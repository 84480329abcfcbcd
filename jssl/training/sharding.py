"""Placement of arrays: the mesh, the batch split over all of it, parameters sharded by rules.

Only this file and `step.py` refer to devices. All other code sees global arrays: `jax.jit`
partitions the program, so no result depends on the number of devices.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from chex import ArrayTree
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jssl.core.state import path_name
from jssl.errors import UserError, nearest

Rules = Sequence[tuple[str, str]]

AXES = ("data", "fsdp")
REPLICATE: Rules = ((".*", "replicate"),)
FSDP: Rules = ((".*", "fsdp"),)
_SMALLEST_SHARDED = 2**10  # elements; smaller leaves cost more to gather than to keep


def make_mesh(devices: int | None = None, fsdp: int = 1) -> Mesh:
    """A mesh with the axes `data` and `fsdp`.

    Args:
      devices: how many devices to use, over all processes; None for all.
      fsdp: size of the axis that parameters may be sharded over; divides `devices`.

    Returns:
      A mesh of shape (devices / fsdp, fsdp).

    Raises:
      UserError: if there are fewer devices, or `fsdp` does not divide them.
    """
    available = jax.devices()
    count = len(available) if devices is None else devices
    if not 1 <= count <= len(available):
        raise UserError(
            f"{count} devices were asked for and {len(available)} are here "
            f"(on a CPU, XLA_FLAGS=--xla_force_host_platform_device_count={count} simulates them)"
        )
    if fsdp < 1 or count % fsdp:
        raise UserError(f"an fsdp axis of {fsdp} does not divide {count} devices")
    grid = np.asarray(available[:count]).reshape(count // fsdp, fsdp)
    return Mesh(grid, AXES, axis_types=(AxisType.Auto,) * 2)


def replicated(mesh: Mesh) -> NamedSharding:
    """A copy on every device."""
    return NamedSharding(mesh, PartitionSpec())


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """The leading axis split over all devices."""
    return NamedSharding(mesh, PartitionSpec(AXES))


def check_batch(batch_size: int, mesh: Mesh, accumulate: int = 1) -> None:
    """Raises `UserError` if the global batch cannot be split evenly."""
    pieces = mesh.size * accumulate
    if batch_size % pieces:
        parts = f"{mesh.size} devices" + (f" x {accumulate} micro-batches" * (accumulate > 1))
        raise UserError(
            f"batch_size {batch_size} does not divide over {parts}: take a multiple of {pieces}"
        )


def constrain_batch(tree: ArrayTree, mesh: Mesh | None) -> ArrayTree:
    """Constrains the leading axis of every array to be split over the mesh, in a compiled function.

    Does nothing without a mesh (for a run inside a sweep, which uses one device).
    """
    if mesh is None:
        return tree
    sharding = batch_sharding(mesh)
    return jax.tree.map(lambda x: jax.lax.with_sharding_constraint(x, sharding), tree)


def activation_constraint(mesh: Mesh | None) -> Callable[[jax.Array], jax.Array] | None:
    """The function that `jssl.nn.rows.constrain_activations` applies: to the batch sharding.

    Args:
      mesh: where the program runs; None inside a sweep.

    Returns:
      A function of arrays inside a compiled function, which does not change arrays whose leading
      axis is not divisible by the mesh; None if parameters are not sharded, where no constraint is
      needed.
    """
    if mesh is None or mesh.shape["fsdp"] == 1:
        return None
    sharding = batch_sharding(mesh)
    pieces = mesh.shape["data"] * mesh.shape["fsdp"]

    def place(x: jax.Array) -> jax.Array:
        return jax.lax.with_sharding_constraint(x, sharding) if x.shape[0] % pieces == 0 else x

    return place


def state_shardings(state: ArrayTree, mesh: Mesh, rules: Rules) -> Any:
    """The sharding of every leaf of a state.

    Args:
      state: pytree of arrays or `jax.ShapeDtypeStruct`.
      mesh: where it lives.
      rules: (regular expression, rule) pairs; the first expression found in a leaf's path decides.
        Rules: "replicate", or "fsdp", which splits the largest axis divisible by the fsdp axis,
          excluding the first axis of arrays of rank 3 and more.

    Returns:
      Pytree of `NamedSharding`.

    Raises:
      UserError: if a rule is unknown or no expression matches a path.
    """

    def choose(path: tuple[Any, ...], leaf: Any) -> NamedSharding:
        name = path_name(path)
        for pattern, rule in rules:
            if re.search(pattern, name):
                return NamedSharding(mesh, _spec(rule, leaf.shape, mesh))
        raise UserError(
            f"no sharding rule matches {name!r}: end the rules with ('.*', 'replicate')"
        )

    return jax.tree_util.tree_map_with_path(choose, state)


def _spec(rule: str, shape: tuple[int, ...], mesh: Mesh) -> PartitionSpec:
    if rule == "replicate":
        return PartitionSpec()
    if rule != "fsdp":
        raise UserError(f"unknown sharding rule {rule!r}: {nearest(rule, ('fsdp', 'replicate'))}")
    size = mesh.shape["fsdp"]
    # The first of three or more axes may be that of a loop over blocks: split, each turn would
    # gather the parameters of all of them.
    first = 1 if len(shape) > 2 else 0
    divisible = [i for i in range(first, len(shape)) if shape[i] % size == 0 and shape[i] > 1]
    if size == 1 or not divisible or int(np.prod(shape)) < _SMALLEST_SHARDED:
        return PartitionSpec()
    axis = max(divisible, key=lambda axis: shape[axis])
    return PartitionSpec(*[None] * axis, "fsdp")


def put(tree: ArrayTree, shardings: Any) -> ArrayTree:
    """Converts host arrays, equal in every process, to global arrays.

    Args:
      tree: pytree of NumPy arrays holding the global values.
      shardings: pytree of `NamedSharding`, or one for all leaves.

    Returns:
      Pytree of global `jax.Array`.
    """
    if isinstance(shardings, NamedSharding):
        shardings = jax.tree.map(lambda _: shardings, tree)

    def place(value: Any, sharding: NamedSharding) -> jax.Array:
        value = np.asarray(value)
        return jax.make_array_from_callback(value.shape, sharding, lambda index: value[index])

    return jax.tree.map(place, tree, shardings)


def put_batch(batch: ArrayTree, mesh: Mesh) -> ArrayTree:
    """Converts this process's rows of a global batch to global arrays split over the mesh.

    Args:
      batch: pytree of NumPy arrays [B / processes, ...].
      mesh: the devices.

    Returns:
      Pytree of global arrays [B, ...].
    """
    sharding = batch_sharding(mesh)
    return jax.tree.map(lambda x: jax.make_array_from_process_local_data(sharding, x), batch)
