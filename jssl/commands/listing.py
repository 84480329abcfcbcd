"""`jssl list [PATTERN]`: experiments and methods, with paper and family."""

from __future__ import annotations

import argparse
import json


def add(commands: argparse._SubParsersAction) -> None:
    """Adds the command's parser to the main parser's subparsers."""
    parser = commands.add_parser("list", help="experiments and methods, with paper and family")
    parser.add_argument("pattern", nargs="?", default="", help="only those that contain this")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    if arguments.json:
        from jssl.config import catalogue

        print(json.dumps(catalogue.entries(arguments.pattern), indent=1))
    else:
        from jssl.config import registry

        print(registry.text(arguments.pattern))
    return 0
