"""Searches for the cheapest execution settings with which an experiment fits the devices."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from jssl.config.experiment import Experiment
from jssl.errors import UserError
from jssl.nn.transformer import REMAT
from jssl.plan.chips import Chip, mesh_of
from jssl.plan.planning import Plan, Setting, make_plan, state_bytes

_REMAT = tuple(name for name in ("none", "dots", "full") if name in REMAT)
_MICRO = (1, 2, 4, 8, 16)


def candidates(experiment: Experiment, devices: int) -> Iterator[Setting]:
    """Yields settings that divide the batch, in order of expected cost.

    Sharding parameters costs network time that can overlap with computation; rematerialisation adds
    up to a third of the FLOPs; micro-batches require a second pass if the loss couples examples.

    Args:
      experiment: the experiment.
      devices: number of devices.

    Yields:
      Settings, ordered by micro-batches, then rematerialisation, then sharding.
    """
    policies = _REMAT if hasattr(experiment.encoder, "remat") else (None,)
    shared = sorted({1, min(devices, 8), devices})
    for micro in _MICRO:
        if experiment.batch_size % (micro * devices):
            return
        for policy in policies:
            for fsdp in shared:
                if devices % fsdp == 0:
                    yield Setting(fsdp, micro, policy)


def search(
    experiment: Experiment,
    devices: list[Any],
    *,
    target: str,
    chip: Chip | None,
    example: dict[str, Any],
    length: int,
    log: Callable[[str], None],
    approximate: bool = False,
    quick: bool = False,
    limit: int = 12,
) -> Plan:
    """Compiles candidates until one fits, and halves the batch size if none does.

    Candidates whose train state alone is too large are not compiled. If a rematerialisation policy
    with fully sharded parameters does not fit, the search continues with the next policy.

    Args:
      experiment: the experiment.
      devices: the devices.
      target: name of the devices.
      chip: their published specification.
      example: one example of the data.
      length: number of training examples.
      log: prints a line.
      approximate: whether batch statistics may be computed per micro-batch.
      quick: compile at the compiler's lowest effort.
      limit: largest number of compilations.

    Returns:
      The first plan that fits, or else the last plan.

    Raises:
      UserError: if there is no candidate, or the chip's memory is unknown.
    """
    if chip is None or chip.memory is None:
        raise UserError("--fit needs devices whose memory is known: give a --topology")
    last: Plan | None = None
    compiled = 0
    while True:
        for setting in candidates(experiment, len(devices)):
            mesh = mesh_of(devices, setting.fsdp)
            name = _named(experiment, setting)
            state = state_bytes(experiment, mesh, example, length)
            if state > chip.memory:
                log(f"{name}: the state alone takes {state / 2**30:.1f} GiB a chip")
                continue
            if compiled == limit:
                if last is None:
                    raise UserError(f"nothing fits {target} among the {limit} settings tried")
                return last
            try:
                last = make_plan(
                    experiment,
                    mesh,
                    target=target,
                    chip=chip,
                    setting=setting,
                    example=example,
                    length=length,
                    approximate=approximate,
                    quick=quick,
                )
            except UserError as error:  # such as micro-batches that would change the results
                log(f"{name}: {error}")
                continue
            compiled += 1
            verdict = "fits" if last.fits else "does not fit"
            log(f"{name}: {verdict}, {_gib(last.needed)} GiB a chip")
            if last.fits:
                return last
        smaller = experiment.batch_size // 2
        if smaller % len(devices) or smaller < len(devices):
            if last is None:
                raise UserError(
                    f"nothing fits {target}: the state alone is too large; take more chips"
                )
            return last
        log(f"no setting fits a batch of {experiment.batch_size}: trying {smaller}")
        experiment = dataclasses.replace(experiment, batch_size=smaller)


def _named(experiment: Experiment, setting: Setting) -> str:
    return (
        f"batch {experiment.batch_size}, fsdp {setting.fsdp}, micro-batches {setting.accumulate}"
        + (f", remat {setting.remat}" if setting.remat else "")
    )


def _gib(value: float | None) -> str:
    return "?" if value is None else f"{value / 2**30:.1f}"
