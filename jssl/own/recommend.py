"""What to train on one's own data in a given time on this machine; see docs/your_own_data.md."""

from __future__ import annotations

import dataclasses
import shlex
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

from jssl.config.experiment import Experiment, load
from jssl.config.overrides import override
from jssl.config.registry import experiments
from jssl.core.machine import cores
from jssl.core.state import TrainState
from jssl.data.device import fits
from jssl.data.source import Source
from jssl.errors import UserError
from jssl.own.adapt import FOLDERS, adapt
from jssl.own.form import Found, OwnOptions, thousands
from jssl.own.recognise import recognise
from jssl.training import sharding
from jssl.training.program import Program, build

SHARE = 0.8  # of the budget for training steps; the rest is compiling, evaluating and the page
MOST_EPOCHS = 400
_MEASURED_S = 4.0  # seconds of steps that are measured
_CORES_BATCH, _CHIP_BATCH = 128, 1024
_LARGE = 20_000  # training images from which a chip trains a ResNet-50
_SIZES = (32, 64, 96, 128, 160, 192, 224)


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """What to train.

    Attributes:
      name: of the experiment.
      overrides: assignments for `--set`.
      size: for `--size`; None where the modality has none.
      epochs: that fit the budget.
      minutes: that training is expected to take.
      examples_per_second: measured, of the recommended step.
      reasons: sentences.
      command: to copy.
    """

    name: str
    overrides: tuple[str, ...]
    size: int | None
    epochs: float
    minutes: float
    examples_per_second: float
    reasons: tuple[str, ...]
    command: str


def recommend(
    path: str | Path,
    minutes: float,
    options: OwnOptions | None = None,
    *,
    log: Callable[[str], None] = print,
) -> Recommendation:
    """Names method, encoder, batch and epochs for the user's data and a budget.

    Args:
      path: of the data.
      minutes: the budget on this machine.
      options: how the data are read.
      log: prints a line: what was found and measured.

    Returns:
      The recommendation.

    Raises:
      UserError: the data cannot be used, no experiment for own data takes them, or the budget is
        not positive.
    """
    if not 0 < minutes < 1e6:
        raise UserError(f"--minutes must be a positive number, not {minutes:g}")
    options = options or OwnOptions()
    found = recognise(path, options)
    log(f"data: {found.line}")
    name = own_experiment(found.modality)
    size, changes, reasons = _rules(found, options, chip=jax.default_backend() != "cpu")
    options = dataclasses.replace(options, size=size)
    experiment = _batched(override(adapt(load(name), found, options)[0], *changes), found)
    if experiment.batch_size != load(name).batch_size:
        changes = (*changes, f"batch_size={experiment.batch_size}")
    log(f"measuring a few steps of {name} on {jax.device_count()} x {jax.default_backend()} ...")
    splits = experiment.data.load()
    step_s, read_s = measure(experiment, splits.train)
    rate = experiment.batch_size / max(step_s, 1e-9)
    steps = len(splits.train) // experiment.batch_size
    stored = fits(splits.train)
    epoch_s = steps * (step_s if stored else max(step_s, read_s * experiment.batch_size / 2))
    budget = SHARE * 60 * minutes - (read_s * len(splits.train) if stored else 0.0)
    epochs = float(np.clip(np.floor(budget / max(epoch_s, 1e-9)), 1, MOST_EPOCHS))
    changes = (*changes, f"epochs={epochs:g}", f"optimizer.warmup_epochs={min(5, epochs / 10):g}")
    if budget < epoch_s:
        reasons = (*reasons, f"one epoch takes {epoch_s / 60:.1f} minutes, more than the budget")
    return Recommendation(
        name,
        changes,
        size,
        epochs,
        epochs * epoch_s / 60,
        rate,
        reasons,
        _command(name, path, options, changes),
    )


def own_experiment(modality: str) -> str:
    """The small experiment for own data of a modality.

    Raises:
      UserError: there is none yet.
    """
    start = f"{FOLDERS[modality]}/"
    for name in experiments():
        if name.startswith(start) and "own" in name.split("/")[1].split("_"):
            return name
    raise UserError(f"no experiment is recommended for {modality} data yet: jssl list {start}")


def measure(experiment: Experiment, source: Source) -> tuple[float, float]:
    """Seconds of a train step, and of reading one example.

    The step is compiled and run once, then run for about four seconds.
    """
    mesh = sharding.make_mesh(None, 1)
    program = build(experiment, source[0], len(source), mesh, alarm_every=0)
    root = program.root_key(0)
    rows = np.arange(experiment.batch_size)
    start = time.perf_counter()
    batch = {**source[rows], "index": rows.astype(np.int32)}
    read = (time.perf_counter() - start) / len(rows)
    placed = sharding.put_batch(batch, mesh)
    state = _run(program, program.init(root), placed, root)
    start, count = time.perf_counter(), 0
    while count < 2 or (time.perf_counter() - start < _MEASURED_S and count < 200):
        state = _run(program, state, placed, root)
        count += 1
    return (time.perf_counter() - start) / count, read


def _run(program: Program, state: TrainState, batch: dict, root: jax.Array) -> TrainState:
    return jax.block_until_ready(program.step(state, batch, root)[0])


def _rules(
    found: Found, options: OwnOptions, *, chip: bool
) -> tuple[int | None, tuple[str, ...], tuple[str, ...]]:
    """(size, overrides, reasons) by the stated rules; see docs/your_own_data.md."""
    if found.modality != "image":
        return options.size, (), ()
    native = found.facts["size"]
    most = 224 if chip else 64
    size = options.size or max([s for s in _SIZES if s <= min(native, most)], default=_SIZES[0])
    size = options.size or (size if chip else 64)
    reasons = [f"{size} pixels, since images have {native} and this is a {_machine(chip)}"]
    changes: list[str] = []
    if chip and found.examples >= _LARGE:
        changes += ["encoder.depth=50", "encoder.dtype=bfloat16", "method.dtype=bfloat16"]
        changes += ["encoder.width=1.0", f"batch_size={_CHIP_BATCH}"]
        reasons.append(f"ResNet-50, since there are {thousands(found.examples)} images")
    elif chip:
        changes += ["encoder.width=1.0", f"batch_size={_CHIP_BATCH // 2}"]
        reasons.append(f"ResNet-18, since {thousands(found.examples)} images are few")
    else:
        reasons.append("ResNet-18 at half width, which two cores train in minutes")
    if size <= 40:
        changes.append("encoder.stem=cifar")
        reasons.append("a first layer of stride 1 for images this small")
    return size, tuple(changes), tuple(reasons)


def _machine(chip: bool) -> str:
    if chip:
        return f"machine with {jax.device_count()} x {jax.devices()[0].device_kind}"
    return f"machine of {cores()} cores"


def _batched(experiment: Experiment, found: Found) -> Experiment:
    """At least four steps an epoch, where there are few examples; a multiple of the devices."""
    size = experiment.batch_size
    while size > 16 and size * 4 > found.examples:
        size //= 2
    size = max(size - size % jax.device_count(), jax.device_count())
    return dataclasses.replace(experiment, batch_size=size)


def _command(name: str, path: str | Path, options: OwnOptions, changes: tuple[str, ...]) -> str:
    parts = ["jssl", "train", name, "--data", str(path)]
    for key, value in options.record().items():
        if key != "seed":
            flag = f"--{key.replace('_', '-')}"
            several = isinstance(value, list)
            if several and key == "columns":
                parts += [flag, *value]
            else:
                parts += [flag, ",".join(map(str, value)) if several else str(value)]
    return shlex.join([*parts, "--set", *changes])
