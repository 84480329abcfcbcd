"""Options that several commands share: lists of values, trust in a file, acceptance of changes."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_PAIR = re.compile(r"[\w.\s-]+=")  # not the folder "runs/own/batch_size=32,seed0"
_ORDER = "_lists"  # where a namespace keeps its list options, in the order of the command line


class _List(argparse.Action):
    """Gathers the values of an option that may be given several times, several values each."""

    def __init__(self, *args: Any, pairs: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, nargs="+", **kwargs)
        self.pairs = pairs

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        del parser, option_string
        given = vars(namespace).setdefault(_ORDER, [])
        earlier = [action for action, _ in given]
        before = getattr(namespace, self.dest) if self in earlier else []
        setattr(namespace, self.dest, [*before, *values])
        given.append((self, values))


def add_list(
    parser: argparse.ArgumentParser,
    flag: str,
    *,
    dest: str | None = None,
    pairs: bool = False,
    default: Sequence[str] = (),
    metavar: str,
    help: str,
) -> None:
    """Adds an option of one or more values, which may stand before the command's own argument.

    Args:
      parser: the command's.
      flag: such as "--set".
      dest: attribute; the flag's name when None.
      pairs: whether every value is KEY=VALUE.
      default: values when the option is not given.
      metavar: of a value.
      help: one line.
    """
    more = {} if dest is None else {"dest": dest}
    parser.add_argument(
        flag,
        action=_List,
        pairs=pairs,
        default=list(default),
        metavar=metavar,
        help=help,
        **more,
    )


def add_subject(
    parser: argparse.ArgumentParser, name: str, *, required: bool = True, **kwargs: Any
) -> None:
    """Adds the argument that a command is about, wherever it stands among list options.

    `jssl train --set a=1 NAME` reads as argparse would have it: NAME is one more value of `--set`.
    `settle` gives it back.

    Args:
      parser: the command's.
      name: of the argument.
      required: whether the command needs it.
      **kwargs: for `add_argument`.
    """
    parser.add_argument(name, nargs="?", **kwargs)
    parser.set_defaults(_subject=(name, required, kwargs.get("type", str), parser))


def settle(arguments: argparse.Namespace) -> None:
    """Fills in the subject of a command where a list option before it has swallowed it.

    Args:
      arguments: what was parsed; changed in place. Ends the process as argparse does where the
        argument is missing.
    """
    name, required, kind, parser = getattr(arguments, "_subject", (None, False, str, None))
    if name is None:
        return
    given = getattr(arguments, _ORDER, [])
    if getattr(arguments, name) is None:
        found = _swallowed(given)
        if found is not None:
            action, value = found
            left = list(getattr(arguments, action.dest))
            left.reverse()
            left.remove(value)
            setattr(arguments, action.dest, left[::-1])
            setattr(arguments, name, kind(value))
    if required and getattr(arguments, name) is None:
        parser.error(f"the following arguments are required: {name}")
    for action, values in given:
        if not getattr(arguments, action.dest) and values:
            parser.error(f"argument {action.option_strings[0]}: expected at least one argument")


def _swallowed(given: list[tuple[_List, list[str]]]) -> tuple[_List, str] | None:
    for action, values in given:
        for value in values:
            if action.pairs and not _PAIR.match(value):
                return action, value
    for action, values in given:  # a run's folder is known by its record
        for value in values[-1:]:
            if (Path(value) / "run.json").exists():
                return action, value
    others = [(action, values) for action, values in given if not action.pairs]
    for action, values in others[::-1]:
        if len(values) > 1:
            return action, values[-1]
    return None


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Adds `--trust`: leave to run a Python file that a run's folder names."""
    parser.add_argument(
        "--trust",
        action="store_true",
        help="run the Python file that a run's folder names as its experiment; read it first",
    )


def add_accept(parser: argparse.ArgumentParser) -> None:
    """Adds `--accept-changes`: leave to go on with other data or code than the run's."""
    parser.add_argument(
        "--accept-changes",
        action="store_true",
        help="go on although the data, the experiment's code or an option that changes numbers is "
        "not the one that the run began with; the run's folder keeps note of it",
    )
