"""Finds why a loss stopped being finite: checks the batch, then its views, then the parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from jssl.core.state import paths
from jssl.data.order import batch_indices
from jssl.data.source import Source
from jssl.errors import UserError
from jssl.training import sharding
from jssl.training.program import Program
from jssl.training.step import step_keys

_HUGE = 1e6  # no stored number of a sound data set, and no normalised input, is as large


def first_cause(
    program: Program,
    source: Source,
    seed: int,
    root: jax.Array,
    step: int,
    params: Callable[[], ArrayTree] | None = None,
) -> str:
    """Checks the inputs of a step in the order of computation.

    Args:
      program: of the run.
      source: the training split.
      seed: of the run.
      root: the run's key.
      step: the failing step, from 1.
      params: returns the parameters before the step; None if they are known to be finite because
        the previous step was.

    Returns:
      A clause that names the first thing that is not finite, or is huge: the field and the example,
      the view and the example, or the parameter; "" if there is no such thing.
    """
    size = program.experiment.batch_size
    index = batch_indices(seed, step - 1, len(source), size)
    try:
        batch = dict(source[index])
    except (OSError, UserError) as error:
        return f"the batch of that step can no longer be read ({error})"
    found = _first_bad(batch, index)
    if found:
        return f"the data are at fault: {found}"
    if jax.process_count() == 1:  # views of several hosts are no one's to look at
        batch["index"] = index.astype(np.int32)
        found = _first_bad(_views(program, batch, root, step), index)
        if found:
            return (
                "the stored examples are sound and their views are not, so an augmentation is at "
                f"fault: view {found}"
            )
    if params is not None:
        for name, leaf in paths(params()).items():
            kind = _kind(np.asarray(leaf, np.float32), huge=False)
            if kind:
                return f"the parameters were not finite before the step: {name} holds {kind}"
    return ""


def _views(
    program: Program, batch: Mapping[str, np.ndarray], root: jax.Array, step: int
) -> ArrayTree:
    placed = sharding.put(dict(batch), sharding.batch_sharding(program.mesh))

    @jax.jit
    def make(batch: ArrayTree, root: jax.Array) -> ArrayTree:
        key, _ = step_keys(root, step - 1)
        return program.experiment.views(key, batch, mesh=program.mesh)

    return make(placed, root)


def _first_bad(tree: ArrayTree, index: np.ndarray) -> str:
    """The first field of a batch with invalid values, and the example that they belong to."""
    for huge in (False, True):  # what is not finite comes first, wherever it is
        for name, leaf in paths(tree).items():
            if not jnp.issubdtype(leaf.dtype, jnp.floating) or leaf.shape[:1] != index.shape:
                continue
            values = np.asarray(leaf.astype(jnp.float32) if leaf.dtype == jnp.bfloat16 else leaf)
            rows = values.reshape(len(values), -1)
            bad = np.flatnonzero([bool(_kind(row, huge=huge)) for row in rows])
            if not bad.size:
                continue
            others = f" (and {bad.size - 1} more of the {len(index)} in the batch)"
            return (
                f"{name!r} holds {_kind(rows[bad[0]], huge=huge)} in training example "
                f"{index[bad[0]]}{others if bad.size > 1 else ''}"
            )
    return ""


def _kind(values: np.ndarray, *, huge: bool) -> str:
    """What is invalid about an array's values, in words; "" if nothing is."""
    if huge:
        most = float(np.max(np.abs(values), initial=0.0))
        return f"a number as large as {most:.3g}" if most > _HUGE else ""
    if np.isnan(values).any():
        return "NaN"
    return "an infinite number" if np.isinf(values).any() else ""
