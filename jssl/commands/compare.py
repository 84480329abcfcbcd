"""`jssl compare RUN RUN ...`: write a page that compares runs."""

from __future__ import annotations

import argparse
from pathlib import Path


def add(commands: argparse._SubParsersAction) -> None:
    """Adds the command's parser to the main parser's subparsers."""
    parser = commands.add_parser(
        "compare", help="write a page that compares runs: curves, results, differing settings"
    )
    parser.add_argument(
        "folders", type=Path, nargs="+", metavar="RUN", help="folders of two runs or more"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("comparison.html"),
        metavar="FILE",
        help="the page, or a folder for it (default: comparison.html)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    from jssl.reporting.comparison_page import write_comparison

    print(f"page: {write_comparison(arguments.folders, arguments.out)}")
    return 0
