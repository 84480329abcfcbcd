"""`jssl table PATH...`: evaluation records as Markdown, LaTeX or HTML."""

from __future__ import annotations

import argparse
from html import escape
from pathlib import Path

FORMATS = ("markdown", "latex", "html")


def add(commands: argparse._SubParsersAction) -> None:
    """Adds the command's parser to the main parser's subparsers."""
    parser = commands.add_parser("table", help="tabulate evaluation records of runs and seeds")
    parser.add_argument(
        "paths", type=Path, nargs="+", help="record files, runs' folders or folders of them"
    )
    parser.add_argument("--format", choices=FORMATS, default="markdown")
    parser.add_argument("--out", type=Path, help="write to this file instead of printing")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    text = render(arguments.paths, arguments.format)
    if arguments.out is None:
        print(text, end="")
    else:
        arguments.out.write_text(text)
        print(f"table: {arguments.out}")
    return 0


def render(paths: list[Path], form: str) -> str:
    """Renders one table per protocol and data set found under the paths.

    Args:
      paths: see `jssl.evaluation.reading.read_records`.
      form: one of `FORMATS`.

    Returns:
      The rendered text.

    Raises:
      UserError: there is no record.
    """
    from jssl.evaluation.reading import read_records
    from jssl.evaluation.tables import runs_table

    groups: dict[tuple[str, str], list] = {}
    for record in read_records(paths):
        key = record.protocol["id"], record.data["splits"]["test"]["fingerprint"]
        groups.setdefault(key, []).append(record)
    parts = []
    for records in groups.values():
        name, data = records[0].protocol["name"], records[0].data["name"]
        title = {
            "markdown": f"## {name}, {data}\n\n",
            "latex": f"% {name}, {data}\n",
            "html": f"<h2>{escape(f'{name}, {data}')}</h2>\n",
        }[form]
        parts.append(title + getattr(runs_table(records), form)())
    return "\n".join(parts)
