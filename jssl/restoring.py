"""A run taken up from its folder: its program, a saved state and its data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax

from jssl.checkpoint import Checkpoints
from jssl.data.source import Splits
from jssl.errors import UserError
from jssl.loop import Options, prepare
from jssl.run import Run
from jssl.state import TrainState
from jssl.train import Program

Say = Callable[[str], None]


def restore(
    run: Run, options: Options, *, step: int | None = None, say: Say = print
) -> tuple[Program, TrainState, Splits]:
    """The program, a saved state and the data of a run.

    Args:
      run: the run.
      options: how it is carried out. Without a number of devices, as many are used as divide
        the batch of the run, which may have been trained on another machine.
      step: of the checkpoint; None for the newest.
      say: prints a line.

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
    program, splits = prepare(run, options, say=say)
    checkpoints = Checkpoints(run.checkpoints)
    try:
        state, problems = checkpoints.restore(program.abstract_state, step)
    finally:
        checkpoints.close()
    for problem in problems:
        say(f"warning: {problem}")
    if state is None:
        raise UserError(f"{run.folder} has no checkpoint yet: train it first")
    return program, state, splits
