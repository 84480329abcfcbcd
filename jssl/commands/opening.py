"""How commands open a run's folder, and turn the cache of compiled programs on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jssl.runs.run import Run


def reopened(folder: Path, arguments: argparse.Namespace, *, as_it_was: bool = False) -> Run:
    """The run in a folder, opened with the command's `--trust` and `--accept-changes`.

    Args:
      folder: the run's folder.
      arguments: the parsed arguments.
      as_it_was: see `jssl.runs.run.reopen`.
    """
    from jssl.runs.run import reopen

    return reopen(
        folder,
        as_it_was=as_it_was,
        trust=arguments.trust,
        accept_changes=arguments.accept_changes,
    )


def keep_programs(arguments: argparse.Namespace) -> None:
    """Turns the cache of compiled programs on for a command that compiles, in its own process."""
    asked = getattr(arguments, "no_compile_cache", True) is False
    if asked and arguments.own_process and not getattr(arguments, "list", False):
        from jssl.runs import compile_cache

        compile_cache.enable()
