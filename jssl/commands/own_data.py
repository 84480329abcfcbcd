"""Options for one's own data: `--data` and how it is read."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from jssl.commands.options import add_list


def _several(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in _several(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} are no numbers such as 4,3,2") from None


# flag -> (the option of `jssl.own.OwnOptions`, keywords of `add_argument`)
_OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "--form": ("form", {"metavar": "NAME", "help": "what --data is, if recognised wrongly"}),
    "--label": (
        "label",
        {
            "metavar": "COLUMN|FILE.csv",
            "help": "labels: a column, a CSV file of names and labels, 'folder[:N]' or 'none'",
        },
    ),
    "--group": (
        "group",
        {
            "metavar": "COLUMN|FILE.csv",
            "help": "groups, which are never in two splits: a column, or a CSV of names and groups",
        },
    ),
    "--time": ("time", {"metavar": "COLUMN", "help": "the column that a split by time sorts by"}),
    "--split-by": (
        "split_by",
        {"choices": ("random", "group", "time"), "help": "how splits are made (default: random)"},
    ),
    "--validation-share": (
        "validation_share",
        {"type": float, "metavar": "SHARE", "help": "set aside for validation (default: 0.1)"},
    ),
    "--test-share": (
        "test_share",
        {"type": float, "metavar": "SHARE", "help": "set aside for the test (default: 0.1)"},
    ),
    "--channels": (
        "channels",
        {"metavar": "N", "help": "of images: a number, grey, rgb or rgba (default: the files')"},
    ),
    "--bands": (
        "bands",
        {"type": _numbers, "metavar": "N,N", "help": "of images: the bands to keep, from 1"},
    ),
    "--size": (
        "size",
        {"type": int, "metavar": "PIXELS", "help": "of images and clips (default: the recipe's)"},
    ),
    "--panel": (
        "panel",
        {"metavar": "COLUMN", "help": "of a table of several series: what tells them apart"},
    ),
    "--split-at": (
        "split_at",
        {
            "type": _several,
            "metavar": "BEGIN,BEGIN",
            "help": "of a series: where validation and where the test part begin, such as dates",
        },
    ),
    "--length": (
        "length",
        {
            "type": float,
            "metavar": "N",
            "help": "of clips in seconds, windows in steps, texts in bytes, clouds in points",
        },
    ),
    "--tokenizer": (
        "tokenizer",
        {
            "metavar": "FILE|DIR",
            "help": "of texts: vocab.txt, vocab.json or tokenizer.json (default: bytes)",
        },
    ),
    "--horizon": (
        "horizon",
        {"type": int, "metavar": "STEPS", "help": "of a series: how far to forecast"},
    ),
    "--rate": (
        "rate",
        {"type": int, "metavar": "HZ", "help": "of sounds (default: the files', at most 16000)"},
    ),
    "--block": (
        "block",
        {"type": float, "metavar": "SIDE", "help": "of blocks that scans are cut into; 0 for none"},
    ),
}


FLAGS = ("--data", *_OPTIONS, "--columns")


def add_own(parser: argparse.ArgumentParser) -> None:
    """Adds `--data` and the options that say how it is read; see `docs/your_own_data.md`."""
    group = parser.add_argument_group("your own data (see docs/your_own_data.md)")
    group.add_argument(
        "--data",
        type=Path,
        metavar="DIR|FILE",
        help="train on this in place of the experiment's data",
    )
    add_reading(group)


def add_reading(parser: Any) -> None:
    """Adds the options that say how data are read, to a parser or a group of one."""
    for flag, (dest, more) in _OPTIONS.items():
        parser.add_argument(flag, dest=dest, default=None, **more)
    add_list(parser, "--columns", metavar="NAME", help="the columns to read (default: all)")


def own_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options that were given, as `jssl.own.OwnOptions` takes them."""
    given = {dest: getattr(arguments, dest) for dest, _ in _OPTIONS.values()}
    given["columns"] = tuple(arguments.columns) or None
    return {key: value for key, value in given.items() if value is not None}
