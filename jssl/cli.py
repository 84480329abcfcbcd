"""The command line: `jssl list | train | evaluate | table | reproduce | report | ...`."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence

from jssl.commands import (
    bisect,
    clean,
    compare,
    completion,
    doctor,
    embed,
    evaluate,
    export,
    import_weights,
    listing,
    plan,
    recommend,
    replay,
    report,
    reproduce,
    show,
    sweep,
    table,
    train,
)
from jssl.commands.opening import keep_programs
from jssl.commands.options import settle
from jssl.config.user_code import sentence
from jssl.core.terminal import one_line, printable_output
from jssl.errors import UserError
from jssl.runs.malloc import keep_freed_memory

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
      argv: the arguments after the program's name; None for those of the process.

    Returns:
      The exit status: 0, 2 for a mistake in the input, 3 for a run that the collapse alarm
      stopped, 4 for a plan that does not fit, and 130 or 143 for a run that Ctrl-C or SIGTERM
      interrupted, which is saved. A process of a distributed run that leaves because another one
      ended does not return: it exits with 4.
    """
    if argv is None:  # a process of its own, not a call from another program
        keep_freed_memory()
    if hasattr(sys.stdout, "reconfigure"):  # a log file shows a line when it is written
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    with printable_output():
        return _run(argv)


def _run(argv: Sequence[str] | None) -> int:
    arguments = parser().parse_args(argv)
    settle(arguments)
    arguments.own_process = argv is None
    try:
        if arguments.run is not train.run:  # whose processes have to join first
            keep_programs(arguments)
        return arguments.run(arguments)
    except UserError as error:
        return _fail(str(error), error.status)
    except BrokenPipeError:  # `jssl list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("jssl: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        said = sentence(error)
        if said is not None:  # in a file of the user's
            return _fail(said)
        if isinstance(error, OSError) and (error.filename or error.errno in _DISK):
            return _fail(f"{error.filename or 'the disk'}: {error.strerror}")
        raise


def _fail(message: str, status: int = 2) -> int:
    print(f"jssl: error: {one_line(message)}", file=sys.stderr)
    return status


class _Version(argparse.Action):
    """Prints the versions of jssl, JAX and Python, and the devices."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="versions and devices")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from jssl.commands.doctor import version_line

        print(version_line())
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="jssl", description="Self-supervised learning in JAX: train, evaluate, report."
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    for command in (
        *(listing, show, train, evaluate, table, reproduce, plan, sweep, recommend, embed, export),
        *(import_weights, report, compare, replay, bisect, doctor, clean),
    ):
        command.add(commands)
    completion.add(commands, parser)
    return parser
