"""`jssl clean`: delete the cache of compiled programs."""

from __future__ import annotations

import argparse


def add(commands: argparse._SubParsersAction) -> None:
    """Adds the command's parser to the main parser's subparsers."""
    parser = commands.add_parser("clean", help="delete the cache of compiled programs")
    parser.add_argument("--dry-run", action="store_true", help="say what would be deleted")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    from jssl.runs import compile_cache

    folder = compile_cache.default_folder()
    count, size = compile_cache.size(folder)
    if not count:
        print(f"{folder} holds no compiled programs")
    elif arguments.dry_run:
        print(f"{folder} holds {count} compiled programs, {size / 2**20:.1f} MiB")
    else:
        print(f"deleted {count} compiled programs, {compile_cache.clear(folder) / 2**20:.1f} MiB")
    return 0
