"""`jssl evaluate RUN [--protocol NAME ...]`: evaluate the features of a run."""

from __future__ import annotations

import argparse
from pathlib import Path

from jssl.commands.opening import reopened
from jssl.commands.options import add_accept, add_devices, add_list, add_subject, add_trust


def add(commands: argparse._SubParsersAction) -> None:
    """Adds the command's parser to the main parser's subparsers."""
    parser = commands.add_parser("evaluate", help="evaluate the features of a run")
    add_subject(parser, "folder", required=False, type=Path, help="a run's folder")
    add_list(
        parser,
        "--protocol",
        metavar="NAME",
        help="protocols to run (default: the page's table); see --list",
    )
    parser.add_argument("--list", action="store_true", help="list the protocols with their papers")
    add_list(
        parser,
        "--set",
        dest="overrides",
        metavar="KEY=VALUE",
        help="change a protocol's setting, e.g. epochs=20",
        pairs=True,
    )
    parser.add_argument("--seed", type=int, default=None, help="seed of the protocols")
    add_list(
        parser,
        "--on",
        metavar="EXPERIMENT",
        help="transfer: probe on the data of these experiments instead of the run's own",
    )
    add_list(
        parser,
        "--on-set",
        metavar="KEY=VALUE",
        help="change a value of those experiments, e.g. data.data_dir=DIR",
        pairs=True,
    )
    parser.add_argument(
        "--supervised",
        action="store_true",
        help="add a row: the same encoder trained on the labels for as many epochs (cached)",
    )
    add_trust(parser)
    add_accept(parser)
    add_devices(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    from jssl.errors import UserError

    if arguments.list:
        print(listing())
        return 0
    if arguments.folder is None:
        raise UserError("jssl evaluate takes a run's folder, or --list")
    from jssl.runs.loop import Options
    from jssl.studies import session

    options = Options(devices=arguments.devices, fsdp=arguments.fsdp)
    opened = reopened(arguments.folder, arguments)
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
    """The protocols as text: name, description and paper."""
    from jssl.evaluation.protocols import protocols

    lines = []
    for name, evaluation in protocols().items():
        paper = getattr(evaluation, "paper", "") or evaluation.source
        lines.append(f"  {name:20}{evaluation.about}" + (f" ({paper})" if paper else ""))
    return "\n".join(lines)
