"""A run's program and data, and a saved state of it from its folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax

from jssl.core.state import TrainState
from jssl.data.source import Splits
from jssl.errors import UserError
from jssl.runs import identity
from jssl.runs.options import Options
from jssl.runs.run import Run
from jssl.training import sharding
from jssl.training.checkpoint import Checkpoints
from jssl.training.program import Program, build

Log = Callable[[str], None]


def prepare(
    run: Run, options: Options, *, log: Callable[[str], None] = print
) -> tuple[Program, Splits]:
    """Loads the data and binds the experiment to it and to the mesh.

    Args:
      run: the run.
      options: how it is carried out.
      log: prints a line.

    Returns:
      (program, splits).

    Raises:
      UserError: for data, batch or mesh that do not fit, or data or code that are not those on the
        run's record.
    """
    run.check_folder()
    splits = run.experiment.data.load()
    identity.note(run, identity.check(run, identity.data_of(splits), None, log=log))
    return bind(run, options, splits), splits


def bind(run: Run, options: Options, splits: Splits) -> Program:
    """The program of a run on its data and mesh; nothing is compiled yet."""
    mesh = sharding.make_mesh(options.devices, options.fsdp)
    return build(
        run.experiment,
        splits.train[0],
        len(splits.train),
        mesh,
        accumulate=options.accumulate,
        approximate=options.approximate_accumulation,
        alarm_every=0 if options.on_collapse == "off" else options.log_every,
    )


def restore(
    run: Run, options: Options, *, step: int | None = None, log: Log = print
) -> tuple[Program, TrainState, Splits]:
    """The program, a saved state and the data of a run.

    Args:
      run: the run.
      options: how it is carried out. Without a number of devices, as many are used as divide
        the batch of the run, which may have been trained on another machine.
      step: of the checkpoint; None for the newest.
      log: prints a line.

    Returns:
      (program, state, splits).

    Raises:
      UserError: if there is no whole checkpoint.
    """
    if options.devices is None and jax.process_count() == 1:
        batch = run.experiment.batch_size
        counts = range(options.fsdp, jax.device_count() + 1, options.fsdp)
        options = dataclasses.replace(
            options, devices=max((n for n in counts if batch % n == 0), default=None)
        )
    program, splits = prepare(run, options, log=log)
    checkpoints = Checkpoints(run.checkpoints)
    try:
        state, problems = checkpoints.restore(program.abstract_state, step)
    finally:
        checkpoints.close()
    for problem in problems:
        log(f"warning: {problem}")
    if state is None:
        raise UserError(f"{run.folder} has no checkpoint yet: train it first")
    return program, state, splits
