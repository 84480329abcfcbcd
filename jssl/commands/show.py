"""`jssl show NAME`: the settings of an experiment and a summary of the run."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from jssl.commands.options import add_list, add_subject

if TYPE_CHECKING:
    from jssl.commands.showing import Shown

_VALUE = 36  # displayed characters of a value


def add(commands: argparse._SubParsersAction) -> None:
    """Adds the command's parser.

    Args:
      commands: subparsers of the main parser.
    """
    parser = commands.add_parser(
        "show", help="an experiment's settings, and what a run would do; compiles nothing"
    )
    add_subject(parser, "name", help="an experiment, or a Python file")
    add_list(
        parser,
        "--set",
        dest="overrides",
        metavar="KEY=VALUE",
        help="change a value, e.g. method.temperature=0.2",
        pairs=True,
    )
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    from jssl.commands.showing import show
    from jssl.config.experiment import load
    from jssl.config.overrides import override
    from jssl.errors import UserError

    shown = show(override(load(arguments.name), *arguments.overrides))
    print(json.dumps(shown.json(), indent=1) if arguments.json else text(shown))
    if shown.refused:
        raise UserError(f"a run would not begin: {shown.refused}")
    return 0


def text(shown: Shown) -> str:
    """Renders the summary as text for a terminal."""
    lines = [shown.name, f"  {shown.paper}", "", "a run"]
    lines += [f"  {name:22}{_fact(value)}" for name, value in shown.facts.items()]
    if shown.data:
        lines.append(f"  {'data':22}not at hand: {shown.data}")
    lines += ["", "settings (--set KEY=VALUE)"]
    rows = [
        (row.key, _cut(repr(row.value)), row.type, row.range, row.meaning) for row in shown.settings
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    group = None
    for cells in rows:
        part = cells[0].split(".", 1)[0] if "." in cells[0] else ""
        if part != group and part in shown.parts:
            lines.append(f"  {part}: {shown.parts[part]}")
        group = part
        padded = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=False))
        lines.append("  ".join(["  ", *padded, cells[4]]).rstrip())
    return "\n".join(lines)


def _fact(value: Any) -> str:
    if isinstance(value, dict):
        parts = ", ".join(f"{name} {_size(size)}" for name, size in value.items() if name != "all")
        return f"{_size(value['all'])} ({parts})"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _size(count: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


def _cut(value: str) -> str:
    return value if len(value) <= _VALUE else f"{value[: _VALUE - 3]}..."
