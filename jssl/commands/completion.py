"""`jssl completion SHELL`: a script that completes jssl's commands and options in a shell."""

from __future__ import annotations

import argparse

SHELLS = ("bash", "zsh", "tcsh")


def add(commands: argparse._SubParsersAction, whole: argparse.ArgumentParser) -> None:
    """Adds the command's parser.

    Args:
      commands: subparsers of the main parser.
      whole: the main parser, which the script completes.
    """
    parser = commands.add_parser("completion", help="print a shell's completion script")
    parser.add_argument("shell", choices=SHELLS, help="bash, zsh or tcsh")
    parser.set_defaults(run=lambda arguments: run(arguments.shell, whole))


def run(shell: str, whole: argparse.ArgumentParser) -> int:
    """Prints the script; returns the exit status.

    Raises:
      UserError: the package that writes it is not installed.
    """
    from jssl.errors import UserError

    try:
        import shtab
    except ImportError:
        raise UserError(
            "the completion script is written by the package shtab: pip install 'jssl[completion]'"
        ) from None
    print(shtab.complete(whole, shell=shell))
    return 0
