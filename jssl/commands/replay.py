"""`jssl replay RUN --step N`: compute a step again and show all of it."""

from __future__ import annotations

import argparse
from pathlib import Path

from jssl.commands.opening import reopened
from jssl.commands.options import add_accept, add_devices, add_trust, positive


def add(commands: argparse._SubParsersAction) -> None:
    """Adds the command's parser to the main parser's subparsers."""
    parser = commands.add_parser("replay", help="compute a step again and show all of it")
    parser.add_argument("folder", type=Path, help="a run's folder")
    parser.add_argument("--step", type=positive, required=True, help="which step, from 1")
    add_trust(parser)
    add_accept(parser)
    add_devices(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    from jssl.runs.loop import Options
    from jssl.runs.replay import replay

    options = Options(devices=arguments.devices, fsdp=arguments.fsdp)
    print(replay(reopened(arguments.folder, arguments, as_it_was=True), arguments.step, options))
    return 0
