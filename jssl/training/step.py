"""The train step: one for every method.

    key -> views -> loss and gradients -> optimizer -> memory -> metrics

Nothing here knows a method, a modality or an objective by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import optax
from chex import ArrayTree

from jssl.core.state import TrainState
from jssl.health import alarm
from jssl.methods.step import Step
from jssl.nn import rows
from jssl.training import sharding
from jssl.training.gradients import Differentiated, loss_and_gradients
from jssl.training.update import Trace, Updated, apply_update

if TYPE_CHECKING:
    from jssl.training.program import Program


# Named streams of randomness, folded into the root key; the order is part of the numbers.
INIT, STEPS = range(2)


def step_keys(root: jax.Array, step: jax.Array | int) -> tuple[jax.Array, jax.Array]:
    """The keys of the step that follows `step` steps: (of its views, of its loss)."""
    key = jax.random.fold_in(jax.random.fold_in(root, STEPS), step)
    views_key, loss_key = jax.random.split(key)
    return views_key, loss_key


def traced_step(
    program: Program, state: TrainState, batch: ArrayTree, root: jax.Array
) -> tuple[TrainState, ArrayTree, Trace]:
    """One update with every value that it computes; a pure function of its arguments.

    Args:
      program: what is run, and where.
      state: the state.
      batch: name -> [B, ...], with "index" int32 [B].
      root: the run's key.

    Returns:
      (state, metrics, trace): metrics name -> float32 scalar, and the `Trace`.
    """
    method, mesh = program.experiment.method, program.mesh
    views_key, loss_key = step_keys(root, state.step)
    views = sharding.constrain_batch(program.experiment.views(views_key, batch, mesh=mesh), mesh)
    with rows.constraining_activations(sharding.activation_constraint(mesh)):
        found = loss_and_gradients(
            method, program.at(state, loss_key), views, accumulate=program.accumulate
        )
    updates, opt_state = program.tx.update(found.gradients, state.opt_state, state.params)
    before = program.at(state)
    moved = apply_update(method, before, found, updates)
    metrics = _metrics(program, before, {"batch": batch, "views": views}, found, moved)
    trace = Trace(
        *(batch, views, found.outputs, found.metrics, found.loss, found.gradients),
        *(moved.updates, moved.params, found.batch_stats, moved.memory),
    )
    state = TrainState(state.step + 1, moved.params, opt_state, found.batch_stats, moved.memory)
    return state, metrics, trace


def _metrics(
    program: Program,
    before: Step,
    inputs: dict[str, ArrayTree],
    found: Differentiated,
    moved: Updated,
) -> dict[str, jax.Array]:
    """The metrics of a step, those of the alarm among them; name -> float32 scalar."""
    method, step = program.experiment.method, before.progress.step
    momenta = {
        f"{name}_momentum": teacher.momentum_at(before.progress)
        for name, teacher in method.teachers().items()
    }
    metrics = {**found.metrics, **momenta}
    if program.alarm_every:
        monitored = method.monitor(before, found.outputs)
        due = program.alarm_due(step)
        metrics |= alarm.measure_when(due, monitored, **inputs, params=before.params)
        # Outside the branch, which would keep both trees until it is taken.
        motion = alarm.motion(moved.updates, found.gradients, before.params, monitored.frozen)
        metrics |= {name: jnp.where(due, value, 0.0) for name, value in motion.items()}
    metrics = {
        "loss": found.loss,
        **metrics,
        "gradient_norm": optax.tree.norm(found.gradients),
        # Also what notices an update that overflows, before it is saved.
        "parameter_norm": optax.tree.norm(moved.params),
        "learning_rate": program.learning_rate(step),
    }
    return jax.tree.map(lambda value: jnp.asarray(value, jnp.float32), metrics)
