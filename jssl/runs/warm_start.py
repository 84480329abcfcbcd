"""Initialising a run from the trained encoder of another run, or from public weights.

The loaded arrays are copied into the new run's folder, which then no longer needs their source.
"""

from __future__ import annotations

import dataclasses
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from chex import ArrayTree

from jssl.core.state import TrainState, paths
from jssl.errors import UserError
from jssl.methods.base import Method, part_at
from jssl.methods.step import Step
from jssl.runs.options import Options
from jssl.runs.restoring import restore
from jssl.runs.run import Run, experiment_file, reopen
from jssl.runs.run_files import Start, read_record
from jssl.weights.starting import adopted, find_weights, holds_weights, selected
from jssl.weights.tokenizing import read_as_pieces, tokenizer_of

if TYPE_CHECKING:
    from jssl.config.experiment import Experiment
    from jssl.own import OwnOptions
    from jssl.training.program import Program


FILE = "start.npz"


def resolve(folder: Path, *, trust: bool = True) -> Start:
    """The newest checkpoint of a run, from which another run can start.

    Args:
      folder: a run's folder.
      trust: whether its experiment, if that is a Python file, may be executed when the run starts.

    Returns:
      The start.

    Raises:
      UserError: if there is no run, it has no checkpoint yet, or its experiment is a file that is
        not trusted.
    """
    record = read_record(folder)
    experiment_file(Path(folder), record["name"], trust=trust)
    checkpoints = Path(folder) / "checkpoints"
    found = [p.name for p in checkpoints.glob("*") if p.name.isdigit()] if checkpoints else []
    if not found:
        raise UserError(f"{folder} has no checkpoint to start from yet: train it first")
    return Start(str(folder), record["fingerprint"], max(map(int, found)))


def resolve_any(
    source: str | Path,
    family: str | None,
    experiment: Experiment,
    own: OwnOptions | None = None,
    *,
    trust: bool = True,
) -> tuple[Start, tuple[str, ...], OwnOptions | None]:
    """A run or weights from which a run can start.

    Args:
      source: a run's folder, or weights (`jssl.weights.starting.find_weights`).
      family: of public weights; None to recognise it.
      experiment: that starts.
      own: how the user's own data are read; None for the experiment's data.
      trust: see `resolve`.

    Returns:
      The start, the overrides that give the encoder the weights' architecture, and `own` with the
      tokenizer of weights that read pieces of words.

    Raises:
      UserError: there is nothing to start from there, or it does not fit.
    """
    path = Path(source)
    if family is None and not holds_weights(path):
        return resolve(path, trust=trust), (), own
    weights, digest = find_weights(path, family)
    name = experiment.name or "the experiment"
    changed = adopted(experiment.encoder, weights, name)
    about = weights.preprocessing
    if "tokenizer" in about:
        if own is None:
            changed += read_as_pieces(experiment.data, about, path, name)
        else:
            found = tokenizer_of(about, weights.encoder, path, own.tokenizer)
            own = dataclasses.replace(own, tokenizer=own.tokenizer or found.path)
    return Start(str(path), digest, 0, family or ""), changed, own


def load(run: Run, program: Program, *, log: Callable[[str], None] = print) -> ArrayTree | None:
    """Loads the arrays that a run takes from the run that it starts from.

    Args:
      run: the run; nothing is loaded if it has no `start`.
      program: its program.
      log: prints a line.

    Returns:
      {"params", "stats"}, the parts of the net's variables that are replaced, or None.

    Raises:
      UserError: if the other run is gone or does not fit.
    """
    if run.start is None:
        return None
    path = run.folder / FILE
    if path.exists():
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                return _nested(dict(kept))
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise UserError(
                f"{path}, which holds what the run starts from, cannot be read ({error}): restore "
                "it from a copy, or remove it to take it from the other run again"
            ) from error
    if run.start.family is not None:
        return _nested(_of_weights(run, program, log))
    source = reopen(
        Path(run.start.folder), trust=run.trust, accept_changes=run.accept_changes, log=log
    )
    theirs, state, _ = restore(source, Options(), step=run.start.step, log=log)
    found = select(program, theirs.experiment.method, state, run.start.folder)
    flat = {name: np.asarray(leaf) for name, leaf in paths(found).items()}
    log(f"starts from {run.start.folder}, step {run.start.step}: {len(flat)} arrays taken over")
    return _nested(flat)


def _of_weights(run: Run, program: Program, log: Callable[[str], None]) -> dict[str, Any]:
    start = run.start
    weights, digest = find_weights(start.folder, start.family or None)
    if digest != start.fingerprint:
        raise UserError(
            f"{start.folder} has changed since the run began (its fingerprint was "
            f"{start.fingerprint}, is {digest}): restore the weights, or use another --workdir"
        )
    ours = program.abstract_state
    method = type(program.experiment.method).__name__
    return selected(weights, ours.params, ours.stats, method, start.folder, log)


def save(run: Run, taken: ArrayTree | None) -> None:
    """Writes the loaded arrays into the run's folder, unless they are already there."""
    path = run.folder / FILE
    if taken is not None and not path.exists() and jax.process_index() == 0:
        new = path.with_name("new." + FILE)
        np.savez(new, **paths(taken))
        os.replace(new, path)


def select(program: Program, method: Method, state: TrainState, folder: str) -> ArrayTree:
    """Selects the parts of a state that a program loads and checks them against its own.

    Args:
      program: of the run that starts.
      method: the method that trained the state.
      state: the state to start from.
      folder: of the other run, for messages.

    Returns:
      {"params", "stats"}, nested by the names of the parts.

    Raises:
      UserError: if a part is missing or has another shape.
    """
    ours, mine = program.abstract_state, program.experiment.method
    step = Step(None, state.params, state.stats, state.memory)
    encoder, collections = method.encoder_state(step)
    variables = {"params": state.params, **state.stats}
    encoders = {"params": encoder, **collections}
    taken: dict[str, ArrayTree] = {}
    for name in mine.inherited():
        for collection, target in {"params": ours.params, **ours.stats}.items():
            wanted = part_at(target, name)
            if wanted is None:
                continue
            tree = encoders.get(collection) if name == "encoder" else None
            tree = part_at(variables.get(collection, {}), name) if tree is None else tree
            _check(f"{collection}/{name}", wanted, tree, folder, type(mine).__name__)
            for path, leaf in paths(tree).items():
                taken[f"{collection}/{name}/{path}"] = leaf
    flat = {f"stats/{k}" if not k.startswith("params/") else k: v for k, v in taken.items()}
    return _nested(flat)


def _check(name: str, wanted: ArrayTree, found: ArrayTree | None, folder: str, method: str) -> None:
    if found is None:
        raise UserError(f"{folder} has no {name}, which {method} takes over from where it starts")
    here, there = (
        {path: tuple(leaf.shape) for path, leaf in paths(tree).items()} for tree in (wanted, found)
    )
    differing = sorted(p for p in here.keys() | there.keys() if here.get(p) != there.get(p))
    if differing:
        path = differing[0]
        mine, theirs = (
            f"has shape {list(shapes[path])}" if path in shapes else "does not exist"
            for shapes in (here, there)
        )
        raise UserError(
            f"{name} of {folder} does not fit: {len(differing)} arrays differ, e.g. {path}, which "
            f"{mine} here and {theirs} there; give both runs the same encoder and heads"
        )


def _nested(flat: Mapping[str, Any]) -> ArrayTree:
    tree: dict[str, Any] = {"params": {}, "stats": {}}
    for path, leaf in flat.items():
        *way, last = path.split("/")
        node = tree
        for key in way:
            node = node.setdefault(key, {})
        node[last] = leaf
    return tree
