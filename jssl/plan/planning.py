"""Compiles the train step for devices that need not be available and estimates its cost."""

from __future__ import annotations

import dataclasses
import re
import time
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from jssl.config.experiment import Experiment
from jssl.data.order import steps_per_epoch
from jssl.errors import UserError
from jssl.plan import flops
from jssl.plan.chips import Chip
from jssl.plan.hlo import Collective, moved
from jssl.training import sharding
from jssl.training.program import Program, build

PARTS = ("parameters", "optimizer", "memory", "statistics", "batch")
# Passes that the TPU compiler skips: compilation takes a quarter of the time, and the reported
# memory is the same within one percent.
_QUICK = {"exec_time_optimization_effort": -1.0, "memory_fitting_effort": -1.0}
_UNITS = {"": 1.0, "K": 2.0**10, "M": 2.0**20, "G": 2.0**30, "T": 2.0**40}
_AMOUNT = r"([\d.]+)([KMGT]?)"
_REFUSALS = (
    rf"Used {_AMOUNT}i?B? of {_AMOUNT}i?B? hbm",
    rf"total memory required.*?{_AMOUNT}i?B?\W.*?exceeds available HBM\D*{_AMOUNT}",
)
_LENGTHS = {
    **{"imagenet2012": 1_281_167, "cifar10": 50_000, "cifar100": 50_000, "stl10": 5_000},
    **{"imagenette": 9_469, "imagewang": 14_669},
}


@dataclasses.dataclass(frozen=True)
class Setting:
    """The execution settings of a run.

    Attributes:
      fsdp: number of devices over which each parameter is sharded.
      accumulate: micro-batches per step.
      remat: rematerialisation policy of the encoder; None for that of the experiment.
    """

    fsdp: int = 1
    accumulate: int = 1
    remat: str | None = None


@dataclasses.dataclass(frozen=True)
class Plan:
    """The estimated cost of a run: sizes in bytes, times in seconds, per step unless stated.

    Attributes:
      experiment: name of the experiment.
      target: the devices, such as "v5e:4x4".
      chips: number of chips.
      setting: the execution settings.
      batch: global batch size.
      fits: whether the step fits the memory of a chip; None if unknown.
      needed: peak memory per chip.
      limit: available memory per chip; None if unknown.
      parts: memory per chip by use; "working" is everything allocated and used within a step.
      flops: FLOPs on all chips, including recomputation.
      model_flops: FLOPs without recomputation, on which utilisation is based.
      moved: memory traffic per chip.
      sent: bytes each chip sends to others.
      collectives: the collectives.
      seconds: lower bounds on the time for "compute", "memory" and "network" alone; None if
        unknown.
      mfu: model FLOPs utilisation if the step takes the longest of these times.
      steps: steps of the whole run.
      steps_per_epoch: steps per epoch.
      parameters: number of parameters.
      compile_seconds: compilation time on this machine.
      quick: whether the compiler ran at its lowest effort.
      refusal: the compiler's error message, if it failed.
    """

    experiment: str
    target: str
    chips: int
    setting: Setting
    batch: int
    fits: bool | None
    needed: float | None
    limit: float | None
    parts: dict[str, float]
    flops: float
    model_flops: float
    moved: float | None
    sent: float | None
    collectives: tuple[Collective, ...]
    seconds: dict[str, float] | None
    mfu: float | None
    steps: int
    steps_per_epoch: int
    parameters: int
    compile_seconds: float
    quick: bool = False
    refusal: str = ""

    @property
    def step_seconds(self) -> float | None:
        """Lower bound on the step time: the longest of the three, assuming perfect overlap."""
        return None if self.seconds is None else max(self.seconds.values())

    @property
    def chip_hours(self) -> tuple[float, float] | None:
        """Lower bounds on the chip-hours of (an epoch, the run)."""
        if self.step_seconds is None:
            return None
        hours = self.step_seconds * self.chips / 3600
        return hours * self.steps_per_epoch, hours * self.steps

    def json(self) -> dict[str, Any]:
        """The plan as JSON-compatible types."""
        found = dataclasses.asdict(self)
        return found | {"step_seconds": self.step_seconds, "chip_hours": self.chip_hours}


def data_facts(experiment: Experiment, length: int | None = None) -> tuple[dict[str, Any], int]:
    """One example and the number of examples; well-known data sets need not be available.

    Args:
      experiment: the experiment.
      length: number of training examples; None to determine it.

    Returns:
      (example, length).

    Raises:
      UserError: if the data is neither available nor well known.
    """
    data = experiment.data
    try:
        train = data.load().train
        return dict(train[0]), length or len(train)
    except UserError as error:
        name = str(getattr(data, "name", "")).split(":")[0].split("/")[0]
        size = getattr(data, "size", None)
        length = length or _LENGTHS.get(name)
        if size is None and name.startswith("cifar"):
            size = 32
        if length is None or size is None:
            raise UserError(
                f"{error}; or tell the plan how much there is, with --length N (and "
                "--set data.size=PIXELS for images)"
            ) from error
        return {"image": np.zeros((size, size, 3), np.uint8), "label": np.int32(0)}, length


def with_setting(experiment: Experiment, setting: Setting) -> Experiment:
    """Applies the rematerialisation policy of a setting to an experiment."""
    if setting.remat is None:
        return experiment
    if not hasattr(experiment.encoder, "remat"):
        raise UserError(f"{type(experiment.encoder).__name__} has no remat to set")
    return dataclasses.replace(experiment, encoder=experiment.encoder.clone(remat=setting.remat))


def make_plan(
    experiment: Experiment,
    mesh: Mesh,
    *,
    target: str,
    chip: Chip | None,
    setting: Setting,
    example: dict[str, Any],
    length: int,
    approximate: bool = False,
    quick: bool = False,
) -> Plan:
    """Traces, compiles and analyses the train step.

    Args:
      experiment: the experiment.
      mesh: the devices; see `jssl.plan.chips.mesh_of`.
      target: name of the devices.
      chip: their published specification, or None.
      setting: the execution settings; its fsdp must be that of the mesh.
      example: one example of the data.
      length: number of training examples.
      approximate: whether batch statistics may be computed per micro-batch.
      quick: compile at the TPU compiler's lowest effort; no effect on other platforms.

    Returns:
      The plan; if it does not fit, it states by how much.

    Raises:
      UserError: if the batch does not divide over the mesh, or the compiler fails otherwise.
    """
    experiment = with_setting(experiment, setting)
    program = build(
        experiment,
        example,
        length,
        mesh,
        accumulate=setting.accumulate,
        approximate=approximate,
        alarm_every=10,
    )
    arguments = _arguments(program)
    traced = program.step.trace(*arguments)
    platform = mesh.devices.flat[0].platform
    platform = "gpu" if platform in ("cuda", "rocm") else platform
    quick = quick and platform == "tpu"
    operations = flops.count(traced.jaxpr, platform=platform).total
    parts = dict(zip(PARTS, map(_per_device, _parts(program, arguments[1])), strict=True))
    plain = _without_remat(program, example, length, platform)
    start = time.perf_counter()
    facts: dict[str, Any] = {"needed": None, "limit": None, "moved": None, "sent": None}
    facts |= {"collectives": (), "seconds": None, "mfu": None, "fits": None, "refusal": ""}
    facts["limit"] = chip.memory if chip is not None else None
    try:
        compiled = traced.lower().compile(_QUICK if quick else None)
    except jax.errors.JaxRuntimeError as error:
        needed, limit, words = _refused(error)
        facts |= {"fits": False, "needed": needed, "limit": limit, "refusal": words}
        parts["working"] = max(needed - sum(parts.values()), 0.0)
    else:
        memory = compiled.memory_analysis()
        traffic = moved(compiled.as_text())
        facts |= {"moved": traffic.memory, "sent": traffic.sent}
        facts["collectives"] = traffic.collectives
        if memory is not None:
            kept = memory.argument_size_in_bytes + memory.output_size_in_bytes
            kept -= memory.alias_size_in_bytes
            facts["needed"] = kept + memory.temp_size_in_bytes
            parts["working"] = max(facts["needed"] - sum(parts.values()), 0.0)
        if facts["limit"] is not None:
            facts["fits"] = facts["needed"] <= facts["limit"]
        if chip is not None:
            seconds = {
                "compute": operations / mesh.size / chip.flops,
                "memory": traffic.memory / chip.bandwidth,
                "network": traffic.sent / chip.link,
            }
            facts["seconds"] = seconds
            facts["mfu"] = plain / (max(seconds.values()) * mesh.size * chip.flops)
    return Plan(
        experiment=experiment.name,
        target=target,
        chips=mesh.size,
        setting=setting,
        batch=experiment.batch_size,
        parts=parts,
        flops=operations,
        model_flops=plain,
        steps=program.steps,
        steps_per_epoch=steps_per_epoch(length, experiment.batch_size),
        parameters=sum(leaf.size for leaf in jax.tree.leaves(program.abstract_state.params)),
        compile_seconds=time.perf_counter() - start,
        quick=quick,
        **facts,
    )


def state_bytes(experiment: Experiment, mesh: Mesh, example: dict[str, Any], length: int) -> float:
    """Size of the train state on each device, in bytes; nothing is compiled."""
    state = build(experiment, example, length, mesh).abstract_state
    return _per_device(state)


def _arguments(program: Program) -> tuple[Any, Any, Any]:
    batch = {
        name: jax.ShapeDtypeStruct(
            (program.experiment.batch_size, *spec.shape),
            spec.dtype,
            sharding=sharding.batch_sharding(program.mesh),
        )
        for name, spec in program.example.items()
    }
    root = jax.eval_shape(lambda: jax.random.key(0))
    everywhere = sharding.replicated(program.mesh)
    root = jax.ShapeDtypeStruct(root.shape, root.dtype, sharding=everywhere)
    return program.abstract_state, batch, root


def _parts(program: Program, batch: Any) -> tuple[Any, ...]:
    state = program.abstract_state
    return state.params, state.opt_state, state.memory, state.stats, batch


def _per_device(tree: Any) -> float:
    """Total bytes of the largest shard of every leaf."""
    total = 0.0
    for leaf in jax.tree.leaves(tree):
        shape = leaf.sharding.shard_shape(leaf.shape) if leaf.sharding else leaf.shape
        total += float(np.prod(shape, dtype=np.float64)) * leaf.dtype.itemsize
    return total


def _without_remat(program: Program, example: dict[str, Any], length: int, platform: str) -> float:
    """FLOPs of the step without recomputation: no rematerialisation, no micro-batches.

    Traced for a single local device, as the count does not depend on the mesh.
    """
    experiment = program.experiment
    if getattr(experiment.encoder, "remat", "none") != "none":
        experiment = with_setting(experiment, Setting(remat="none"))
    elif program.accumulate == 1:
        return flops.count(program.step.trace(*_arguments(program)).jaxpr, platform=platform).total
    mesh = sharding.make_mesh(1)
    bare = build(experiment, example, length, mesh, alarm_every=program.alarm_every)
    traced = bare.step.trace(*_arguments(bare))
    return flops.count(traced.jaxpr, platform=platform).total


def _refused(error: Exception) -> tuple[float, float, str]:
    """(bytes needed, bytes available, compiler message) of a program that does not fit."""
    text = str(error)
    for pattern in _REFUSALS:
        found = re.search(pattern, text, re.DOTALL | re.IGNORECASE)
        if found:
            needed, unit, limit, limit_unit = found.groups()
            words = " ".join(found[0].split())
            return float(needed) * _UNITS[unit], float(limit) * _UNITS[limit_unit], words
    raise UserError(
        f"the compiler failed, for another reason than memory: {text.strip().splitlines()[0][:400]}"
    ) from error
