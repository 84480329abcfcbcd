"""`jssl report RUN`: write a run's page, or a contact sheet of a recipe's views."""

from __future__ import annotations

import argparse
from pathlib import Path

from jssl.commands.opening import reopened
from jssl.commands.options import add_accept, add_devices, add_trust
from jssl.errors import UserError


def add(commands: argparse._SubParsersAction) -> None:
    """Adds the command's parser to the main parser's subparsers."""
    parser = commands.add_parser("report", help="write a run's page, report.html")
    parser.add_argument("folder", type=Path, nargs="?", help="a run's folder")
    parser.add_argument(
        "--augmentations",
        nargs="+",
        metavar=("RECIPE", "IMAGE"),
        help="instead: a contact sheet of a recipe's views of some images",
    )
    parser.add_argument("--out", type=Path, help="where the contact sheet goes")
    add_trust(parser)
    add_accept(parser)
    add_devices(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    if arguments.augmentations:
        from jssl.reporting.augmentations import contact_sheet_page

        recipe, *images = arguments.augmentations
        out = arguments.out or Path(f"augmentations_{recipe}.html")
        print(f"page: {contact_sheet_page(recipe, images, out)}")
        return 0
    if arguments.folder is None:
        raise UserError("jssl report takes a run's folder, or --augmentations RECIPE IMAGE ...")
    from jssl.runs.loop import Options
    from jssl.studies import session

    options = Options(devices=arguments.devices, fsdp=arguments.fsdp)
    session.report(reopened(arguments.folder, arguments), options)
    return 0
