"""Published specifications of accelerators, and meshes of devices that need not be available."""

from __future__ import annotations

import dataclasses
import math
import os
import re
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh

from jssl.errors import UserError, nearest
from jssl.training import sharding

GB = 1e9
GIB = 2.0**30


@dataclasses.dataclass(frozen=True)
class Chip:
    """Published specification of a chip.

    Attributes:
      name: name of the chip, such as "v5e".
      flops: peak FLOP/s with bfloat16 operands.
      memory: memory available to a program, in bytes; None if not published.
      bandwidth: memory bandwidth in bytes/s.
      link: interconnect bandwidth in bytes/s, over all links, in one direction.
      source: source of the figures.
      kinds: regular expression for `device_kind`.
      pod: largest number of chips joined by the fast interconnect.
      accelerator: prefix of the vendor's accelerator type.
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
    """The specification of a device, or None if there is none (for example, a CPU)."""
    for chip in CHIPS.values():
        if re.search(chip.kinds, device.device_kind):
            return chip
    return None


def peak_flops(devices: int) -> float | None:
    """Peak FLOP/s of that many local devices; None if unknown."""
    chip = chip_of(jax.devices()[0])
    return None if chip is None else chip.flops * devices


def parse_topology(text: str) -> tuple[Chip, tuple[int, ...]]:
    """Parses a topology such as "v5e:4x4".

    Args:
      text: chip and shape.

    Returns:
      (chip, shape).

    Raises:
      UserError: for an invalid format, an unsupported chip, or too many chips.
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
    """Devices of a topology for ahead-of-time compilation; programs cannot be run on them.

    Args:
      text: topology such as "v5e:4x4".
      slices: number of such slices, joined by the data-centre network.

    Returns:
      (chip, devices).

    Raises:
      UserError: for an invalid topology, or if the TPU compiler is not installed.
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
    # Environment variables of a TPU host; without them libtpu searches for such a host.
    os.environ["TPU_SKIP_MDS_QUERY"] = "1"
    os.environ["TPU_ACCELERATOR_TYPE"] = f"{chip.accelerator}{math.prod(shape) * cores}"
    os.environ["TPU_WORKER_HOSTNAMES"] = "localhost"
    os.environ["ALLOW_MULTIPLE_LIBTPU_LOAD"] = "1"  # nothing runs, so no lock is needed
    from jax.experimental import topologies

    options = {"num_slices": slices} if slices > 1 else {}
    try:
        found = topologies.get_topology_desc(text, platform="tpu", **options)
    except Exception as error:  # libtpu raises no specific error type
        raise UserError(
            f"the TPU compiler refuses the topology {text}: {_sentence(error)}"
        ) from error
    return chip, list(found.devices)


def mesh_of(devices: list[Any], fsdp: int = 1) -> Mesh:
    """The mesh that `jssl.training.sharding.make_mesh` would make of these devices."""
    if fsdp < 1 or len(devices) % fsdp:
        raise UserError(f"an fsdp axis of {fsdp} does not divide {len(devices)} devices")
    grid = np.asarray(devices).reshape(-1, fsdp)
    return Mesh(grid, sharding.AXES, axis_types=(AxisType.Auto,) * 2)


def _sentence(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300]
