"""Checkpoints, written and read by Orbax, with checksums and strict comparison of the structure."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jax
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from jssl.core.state import TrainState
from jssl.errors import UserError
from jssl.training import checksums

# Orbax reports each save at INFO, each layout detail as a warning, and what it raises once more.
logging.getLogger("absl").setLevel(logging.CRITICAL)
# Of the writes that Orbax starts at once it awaits the first that fails; Python reports the others
# when they are collected, each with a traceback.
logging.getLogger("asyncio").addFilter(lambda record: "orbax" not in record.getMessage())


class CheckpointUnwritable(UserError):
    """A checkpoint that could not be written; the message says what is kept."""


class Checkpoints:
    """The checkpoints of one run.

    Saving is asynchronous and atomic: a killed process leaves only complete checkpoints. Each
    contains the sizes and checksums of its files (see `jssl.training.checksums`), so that later
    damage is detected before a file is read.

    Args:
      folder: where they are stored; created if missing.
      keep_last: how many of the newest to keep.
      keep_every: also keep those whose step is a multiple of this; None for no others.
    """

    def __init__(self, folder: Path, *, keep_last: int = 2, keep_every: int | None = None) -> None:
        self.folder = Path(folder).absolute()
        self._options = ocp.CheckpointManagerOptions(
            max_to_keep=keep_last,
            keep_period=keep_every,
            enable_async_checkpointing=True,
            create=True,
            temporary_path_class=checksums.SealedPath,
        )
        try:
            if self.folder.exists() and not self.folder.is_dir():
                raise NotADirectoryError("there is a file of that name")
            # Without the handler Orbax tells nothing of what an earlier process has saved.
            self._manager = ocp.CheckpointManager(
                self.folder, item_handlers=ocp.StandardCheckpointHandler(), options=self._options
            )
        except (OSError, ValueError) as error:
            raise UserError(f"cannot open the checkpoints in {folder}: {_reason(error)}") from error
        self._saving: int | None = None
        self._damaged: list[int] = []

    def save(self, state: TrainState) -> None:
        """Starts writing a state; its arrays may be overwritten once this returns.

        Raises:
          UserError: if the disk is full or cannot be written; earlier checkpoints stay.
        """
        self._set_aside()
        step = int(state.step)
        if step in self._manager.all_steps():
            return
        self.finish()
        try:
            self._manager.save(
                step,
                args=ocp.args.StandardSave(state),
                custom_metadata=checksums.MARK,
                force=True,
            )
        except Exception as error:  # Orbax and TensorStore raise many kinds
            raise self._unwritable(step, error) from error
        self._saving = step

    def finish(self) -> None:
        """Waits until everything is on disk."""
        step, self._saving = self._saving, None
        try:
            self._manager.wait_until_finished()
        except Exception as error:
            raise self._unwritable(step, error) from error
        if jax.process_index() == 0:
            for note in self.folder.glob(f"*.{checksums.NAME}"):  # of an earlier version
                if not (self.folder / note.name.split(".")[0]).exists():
                    note.unlink(missing_ok=True)

    def close(self) -> None:
        """Finishes and stops Orbax's threads."""
        try:
            self.finish()
        finally:
            self._manager.close()

    def __enter__(self) -> Self:
        """Returns itself, to be closed at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes; an error of the block takes precedence over one of closing."""
        if kind is None:
            self.close()
            return
        with contextlib.suppress(Exception):
            self.close()

    def steps(self) -> list[int]:
        """Steps that have a checkpoint, in order, excluding those found damaged."""
        return sorted(set(self._manager.all_steps()) - set(self._damaged))

    def restore(
        self, target: TrainState, step: int | None = None
    ) -> tuple[TrainState | None, list[str]]:
        """Reads the newest intact checkpoint, or that of a given step.

        Args:
          target: the abstract state: shapes, dtypes and shardings of this run's mesh, which need
            not be the mesh of the run that saved.
          step: which one; None for the newest.

        Returns:
          (state, problems): None if there is no checkpoint at all; a sentence for each damaged
            checkpoint that was skipped, and for one without checksums.

        Raises:
          UserError: if a checkpoint is whole but its leaves are not those of `target`, or if all
            checkpoints are damaged.
        """
        candidates = [step] if step is not None else self.steps()[::-1]
        problems: list[str] = []
        for candidate in candidates:
            damage = checksums.damage(self.folder / str(candidate))
            if damage is None:
                self._check_tree(candidate, target)
                try:
                    state = self._read(candidate, target)
                except Exception as error:
                    damage = _reason(error)
                else:
                    passed = [f"{problem}; the previous one is used" for problem in problems]
                    return state, passed + self._unverified(candidate)
            self._damaged.append(candidate)
            problems.append(f"checkpoint {candidate} in {self.folder} is damaged ({damage})")
        if problems:
            raise UserError(
                "; ".join(problems) + ": no whole checkpoint is left; remove the folder to start "
                "again, or restore it from a copy"
            )
        return None, problems

    def _read(self, step: int, target: TrainState) -> TrainState:
        return self._manager.restore(step, args=ocp.args.StandardRestore(target))

    def _check_tree(self, step: int, target: TrainState) -> None:
        try:
            there = _shapes(self._manager.item_metadata(step))
        except Exception:  # reading the arrays will tell what is wrong
            return
        here = _shapes(target)
        differing = sorted(
            name for name in here.keys() | there.keys() if here.get(name) != there.get(name)
        )
        if there and differing:
            name = differing[0]
            ours, theirs = (
                f"has it with shape {list(shapes[name])}" if name in shapes else "has no such leaf"
                for shapes in (here, there)
            )
            raise UserError(
                f"checkpoint {step} in {self.folder} is of another model: {len(differing)} leaves "
                f"differ, e.g. {name}: this run {ours}, the checkpoint {theirs}"
            )

    def _set_aside(self) -> None:
        """Renames damaged checkpoints, so that their steps can be saved again.

        Only a run that writes does so; nothing is deleted.
        """
        if not self._damaged:
            return
        if jax.process_index() == 0:
            for step in self._damaged:
                with contextlib.suppress(OSError):
                    (self.folder / str(step)).rename(
                        self.folder / f"damaged.{step}.{time.time_ns()}"
                    )
                beside = self.folder / f"{step}.{checksums.NAME}"
                beside.unlink(missing_ok=True)
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices("damaged checkpoints set aside")
        self._damaged.clear()
        self._manager.reload()

    def _unverified(self, step: int) -> list[str]:
        if checksums.sealed(self.folder / str(step)):
            return []
        return [
            f"checkpoint {step} in {self.folder} has no checksums, as an earlier version of jssl "
            "left its newest one: its structure and shapes were checked, its values cannot be"
        ]

    def left(self) -> str:
        """A clause for a message: what is kept after a failed write, and how to continue."""
        # Orbax counts a step as saved once it has begun; the disk knows better.
        there = [int(p.name) for p in self.folder.glob("*") if p.name.isdigit()]
        kept = sorted(step for step in there if step not in self._damaged)
        if not kept:
            return (
                f"no whole checkpoint in {self.folder} yet); free some space or make the folder "
                "writable, and the same command starts again"
            )
        steps = ", ".join(str(step) for step in kept)
        return (
            f"whole checkpoints in {self.folder}: {steps}); free some space or make the folder "
            f"writable, and the same command goes on from step {kept[-1]}"
        )

    def _unwritable(self, step: int | None, error: Exception) -> UserError:
        name = "a checkpoint" if step is None else f"checkpoint {step}"
        if jax.process_index() == 0:  # what there is of it takes space and is of no use
            for begun in self.folder.glob(f"{step}.orbax-checkpoint-tmp*"):
                shutil.rmtree(begun, ignore_errors=True)
        if not self.folder.is_dir():
            return UserError(
                f"{name} could not be written: its folder {self.folder} was removed while the run "
                "was writing to it; the same command starts again"
            )
        return CheckpointUnwritable(f"{name} could not be written: {_reason(error)} ({self.left()}")


def _reason(error: Exception) -> str:
    number = re.search(r"os_error_code='(\d+)'", str(error))  # TensorStore puts it last
    if number is not None:
        return os.strerror(int(number[1]))
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    shapes = {}
    for path, leaf in flat:
        shape = getattr(leaf, "shape", None)
        if shape is not None:
            parts = [str(getattr(k, "key", getattr(k, "name", getattr(k, "idx", k)))) for k in path]
            shapes["/".join(parts)] = tuple(shape)
    return shapes
