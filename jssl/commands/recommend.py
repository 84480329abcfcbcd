"""`jssl recommend`: what to train on one's own data in a given time."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from jssl.commands.options import add_subject
from jssl.commands.own_data import add_reading, own_options


def add(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "recommend", help="name method, encoder, batch and epochs for your own data and a budget"
    )
    add_subject(parser, "path", type=Path, metavar="DIR|FILE", help="your data")
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="the budget on this machine (default: 10)"
    )
    add_reading(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from jssl import api
    from jssl.own.recommend import recommend

    options = api.own_options(own_options(arguments))
    found = recommend(arguments.path, arguments.minutes, options)
    print(
        f"recommended: {found.name}, {found.epochs:g} epochs, about {found.minutes:.1f} of "
        f"{arguments.minutes:g} minutes ({found.examples_per_second:.0f} examples a second)"
    )
    for reason in found.reasons:
        print(f"  {reason}")
    print(found.command)
    return 0
