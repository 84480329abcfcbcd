"""Published figures of accelerators, and the mesh of devices that are not here."""

from __future__ import annotations

import dataclasses
import math
import os
import re
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh

from jssl import sharding
from jssl.errors import UserError, nearest

GB = 1e9
GIB = 2.0**30


@dataclasses.dataclass(frozen=True)
class Chip:
    """What the maker says of one chip.

    Attributes:
      name: such as "v5e".
      flops: peak floating-point operations a second, bfloat16 operands.
      memory: bytes of memory that a program can have; None if not published.
      bandwidth: bytes a second between chip and memory.
      link: bytes a second that a chip can send to the others, all links together, one way.
      source: where the figures are from.
      kinds: regular expression of `device_kind`.
      pod: most chips joined by the fast network.
      accelerator: prefix of the type's name at the vendor.
    """

    name: str
    flops: float
    memory: float | None
    bandwidth: float
    link: float
    source: str
    kinds: str
    pod: int = 0
    accelerator: str = ""


_TPU = "Google Cloud TPU documentation, system architecture of"
_NVIDIA = "NVIDIA data sheet,"

CHIPS: dict[str, Chip] = {
    chip.name: chip
    for chip in (
        Chip(
            *("v5e", 197e12, 15.75 * GIB, 819 * GB, 200 * GB, f"{_TPU} v5e"),
            *("TPU v5 lite|TPU v5e", 256, "v5litepod-"),
        ),
        Chip(
            *("v5p", 459e12, 95.74 * GIB, 2765 * GB, 600 * GB, f"{_TPU} v5p"),
            *("TPU v5p?$", 6144, "v5p-"),
        ),
        Chip(
            *("v6e", 918e12, 31.25 * GIB, 1638 * GB, 400 * GB, f"{_TPU} v6e"),
            *("TPU v6", 256, "v6e-"),
        ),
        Chip("a100", 312e12, None, 2039 * GB, 300 * GB, f"{_NVIDIA} A100 80GB SXM", "A100"),
        Chip("h100", 989e12, None, 3350 * GB, 450 * GB, f"{_NVIDIA} H100 SXM", "H100"),
        Chip("h200", 989e12, None, 4800 * GB, 450 * GB, f"{_NVIDIA} H200 SXM", "H200"),
    )
}
"""Chips by name. TPU memory is what the compiler lets a program have of the published 16, 95 and
32 GB; the GPUs' figures are for dense products."""

_TOPOLOGY = re.compile(r"(?P<kind>[a-z0-9]+):(?P<shape>\d+(x\d+){1,2})")


def chip_of(device: Any) -> Chip | None:
    """The chip that a device is, or None where nothing is published (a CPU, say)."""
    for chip in CHIPS.values():
        if re.search(chip.kinds, device.device_kind):
            return chip
    return None


def peak_flops(devices: int) -> float | None:
    """Peak operations a second of that many devices of the machine at hand; None if not known."""
    chip = chip_of(jax.devices()[0])
    return None if chip is None else chip.flops * devices


def parse_topology(text: str) -> tuple[Chip, tuple[int, ...]]:
    """Reads "v5e:4x4".

    Args:
      text: chip and shape.

    Returns:
      (chip, shape).

    Raises:
      UserError: for another form, a chip that cannot be planned for, or too many chips.
    """
    plannable = [chip.name for chip in CHIPS.values() if chip.accelerator]
    found = _TOPOLOGY.fullmatch(text)
    if found is None:
        raise UserError(f"a topology is written as in v5e:4x4 or v5p:4x4x4, not {text!r}")
    if found["kind"] not in plannable:
        raise UserError(
            f"no topology of {found['kind']!r} is known: {nearest(found['kind'], plannable)}"
        )
    chip = CHIPS[found["kind"]]
    shape = tuple(int(side) for side in found["shape"].split("x"))
    sides = 3 if chip.name == "v5p" else 2
    if len(shape) != sides or math.prod(shape) < 1:
        raise UserError(f"a {chip.name} topology has {sides} sides of at least 1, not {text!r}")
    if math.prod(shape) > chip.pod:
        raise UserError(
            f"{text} has {math.prod(shape)} chips and a {chip.name} pod has {chip.pod}: take "
            "several with --slices"
        )
    return chip, shape


def topology_devices(text: str, slices: int = 1) -> tuple[Chip, list[Any]]:
    """Devices of a topology that need not be here; programs can be compiled for them, not run.

    Args:
      text: such as "v5e:4x4".
      slices: how many such topologies, joined by the data centre's network.

    Returns:
      (chip, devices).

    Raises:
      UserError: for a topology that cannot be, or without the TPU compiler.
    """
    chip, shape = parse_topology(text)
    try:
        import libtpu
    except ImportError:
        raise UserError(
            "planning for a TPU needs its compiler, which runs without one: pip install 'jssl[tpu]'"
        ) from None
    del libtpu
    cores = 2 if chip.name == "v5p" else 1
    # What a TPU host's environment would say; without these the library looks for such a host.
    os.environ["TPU_SKIP_MDS_QUERY"] = "1"
    os.environ["TPU_ACCELERATOR_TYPE"] = f"{chip.accelerator}{math.prod(shape) * cores}"
    os.environ["TPU_WORKER_HOSTNAMES"] = "localhost"
    os.environ["ALLOW_MULTIPLE_LIBTPU_LOAD"] = "1"  # nothing runs, so there is nothing to lock
    from jax.experimental import topologies

    options = {"num_slices": slices} if slices > 1 else {}
    try:
        found = topologies.get_topology_desc(text, platform="tpu", **options)
    except Exception as error:  # the library's errors have no type of their own
        raise UserError(
            f"the TPU compiler refuses the topology {text}: {_sentence(error)}"
        ) from error
    return chip, list(found.devices)


def mesh_of(devices: list[Any], fsdp: int = 1) -> Mesh:
    """The mesh `jssl train` would make of these devices; see `jssl.sharding.make_mesh`."""
    if fsdp < 1 or len(devices) % fsdp:
        raise UserError(f"an fsdp axis of {fsdp} does not divide {len(devices)} devices")
    grid = np.asarray(devices).reshape(-1, fsdp)
    return Mesh(grid, sharding.AXES, axis_types=(AxisType.Auto,) * 2)


def _sentence(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300]
