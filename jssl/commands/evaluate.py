"""`jssl evaluate RUN [--protocol NAME ...]`: measure the features of a run."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path


def add(commands: argparse._SubParsersAction, device_options: Callable) -> None:
    """Adds the command's parser.

    Args:
      commands: of the main parser.
      device_options: adds the options about devices.
    """
    parser = commands.add_parser("evaluate", help="measure the features of a run")
    parser.add_argument("folder", type=Path, nargs="?", help="a run's folder")
    parser.add_argument(
        "--protocol",
        nargs="+",
        default=[],
        metavar="NAME",
        help="which protocols (default: the page's table); see --list",
    )
    parser.add_argument("--list", action="store_true", help="the protocols, with their papers")
    parser.add_argument(
        "--set",
        dest="overrides",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="change a protocol's setting, e.g. epochs=20",
    )
    parser.add_argument("--seed", type=int, default=None, help="of whatever a protocol draws")
    parser.add_argument(
        "--on",
        nargs="+",
        default=[],
        metavar="EXPERIMENT",
        help="transfer: probe on the data of these experiments instead of the run's own",
    )
    parser.add_argument(
        "--on-set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="change a value of those experiments, e.g. data.data_dir=DIR",
    )
    parser.add_argument(
        "--supervised",
        action="store_true",
        help="add a row: the same encoder trained on the labels, for as long (trained if need be)",
    )
    device_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Carries the command out; returns the exit status."""
    from jssl.errors import UserError

    if arguments.list:
        print(listing())
        return 0
    if arguments.folder is None:
        raise UserError("jssl evaluate takes a run's folder, or --list")
    from jssl import session
    from jssl.loop import Options
    from jssl.run import reopen

    options = Options(devices=arguments.devices, fsdp=arguments.fsdp)
    opened = reopen(arguments.folder)
    if not arguments.protocol:
        if arguments.overrides or arguments.on or arguments.supervised:
            raise UserError(
                "--set, --on and --supervised go with --protocol NAME; without it the page's table "
                "is measured"
            )
        session.evaluate(opened, options)
        return 0
    from jssl.evaluation import evaluating

    evaluating.evaluate_run(
        opened,
        evaluating.choose(arguments.protocol, arguments.overrides, arguments.seed),
        options,
        on=arguments.on,
        on_overrides=arguments.on_set,
        supervised=arguments.supervised,
    )
    return 0


def listing() -> str:
    """The protocols as text: name, what it is, and its paper."""
    from jssl.evaluation.protocols import protocols

    lines = []
    for name, evaluation in protocols().items():
        paper = getattr(evaluation, "paper", "") or evaluation.source
        lines.append(f"  {name:20}{evaluation.about}" + (f" ({paper})" if paper else ""))
    return "\n".join(lines)
