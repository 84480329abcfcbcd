"""Options shared by several commands: lists of values, whole numbers, devices, `--trust`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_PAIR = re.compile(r"[\w.\s-]+=")  # must not match the folder "runs/own/batch_size=32,seed0"
_ORDER = "_lists"  # namespace attribute with the list options, in command-line order


class _List(argparse.Action):
    """Collects the values of an option that may be repeated, with several values each time."""

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
    """Adds an option with one or more values, which may precede the command's positional argument.

    Args:
      parser: parser of the command.
      flag: the flag, such as "--set".
      dest: namespace attribute; derived from the flag if None.
      pairs: whether every value has the form KEY=VALUE.
      default: values if the option is not given.
      metavar: name of a value in the help text.
      help: help text, one line.
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
    """Adds the command's positional argument, which may follow list options.

    In `jssl train --set a=1 NAME` argparse takes NAME as one more value of `--set`; `settle`
    recovers it.

    Args:
      parser: parser of the command.
      name: name of the argument.
      required: whether the argument is required.
      **kwargs: passed to `add_argument`.
    """
    parser.add_argument(name, nargs="?", **kwargs)
    parser.set_defaults(_subject=(name, required, kwargs.get("type", str), parser))


def settle(arguments: argparse.Namespace) -> None:
    """Recovers a positional argument that a preceding list option has consumed.

    Args:
      arguments: the parsed arguments; modified in place. If the argument is missing, the process
        exits as argparse does.
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
    for action, values in given:  # a run folder is recognised by its record
        for value in values[-1:]:
            if (Path(value) / "run.json").exists():
                return action, value
    others = [(action, values) for action, values in given if not action.pairs]
    for action, values in others[::-1]:
        if len(values) > 1:
            return action, values[-1]
    return None


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Adds `--trust`, which permits running the Python file that a run's folder names."""
    parser.add_argument(
        "--trust",
        action="store_true",
        help="run the Python file that a run's folder names as its experiment; read it first",
    )


def add_accept(parser: argparse.ArgumentParser) -> None:
    """Adds `--accept-changes`, which permits resuming with data or code that has changed."""
    parser.add_argument(
        "--accept-changes",
        action="store_true",
        help="go on although the data, the experiment's code or an option that changes numbers is "
        "not the one that the run began with; the run's folder keeps note of it",
    )


def add_compile_cache(parser: argparse.ArgumentParser) -> None:
    """Adds `--no-compile-cache` to a command that compiles programs."""
    parser.add_argument(
        "--no-compile-cache",
        action="store_true",
        help="compile everything anew; without it, compiled programs are kept in the user's cache "
        "folder (`jssl clean` deletes them)",
    )


def add_devices(parser: argparse.ArgumentParser) -> None:
    """Adds `--devices`, `--fsdp` and `--no-compile-cache` to a command that compiles programs."""
    parser.add_argument("--devices", type=positive, help="how many devices to use (default: all)")
    parser.add_argument(
        "--fsdp", type=positive, default=1, help="devices that share each parameter (default: 1)"
    )
    add_compile_cache(parser)


def positive(text: str) -> int:
    """The type of an argument that is a whole number from 1 up."""
    return _whole(text, 1, 2**31)


def natural(text: str) -> int:
    """The type of an argument that is a whole number from 0 up."""
    return _whole(text, 0, 2**31)


def seed(text: str) -> int:
    """The type of a seed; JAX drops the bits above 32 of a key's seed without a word."""
    return _whole(text, 0, 2**32)


def _whole(text: str, least: int, end: int) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if not least <= value < end:
        raise argparse.ArgumentTypeError(f"{text} is not between {least} and {end - 1}")
    return value
