"""`jssl bisect RUN RUN`: find the first step at which two runs differ."""

from __future__ import annotations

import argparse
from pathlib import Path

from jssl.commands.opening import reopened
from jssl.commands.options import add_accept, add_devices, add_trust


def add(commands: argparse._SubParsersAction) -> None:
    """Adds the command's parser to the main parser's subparsers."""
    parser = commands.add_parser("bisect", help="find the first step at which two runs differ")
    parser.add_argument("folders", type=Path, nargs=2, metavar="RUN", help="two runs' folders")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=1e-4,
        help="difference, relative to the size of a leaf, that counts as none; 0 for bits",
    )
    add_trust(parser)
    add_accept(parser)
    add_devices(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    from jssl.runs.bisect import bisect
    from jssl.runs.loop import Options

    options = Options(devices=arguments.devices, fsdp=arguments.fsdp)
    first, second = (reopened(folder, arguments, as_it_was=True) for folder in arguments.folders)
    found = bisect(first, second, options, tolerance=arguments.tolerance)
    print(found if found is not None else "the two runs do not differ")
    return 0
