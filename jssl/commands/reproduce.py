"""`jssl reproduce NAME`: reproduce a paper's table and compare it with the published results."""

from __future__ import annotations

import argparse
from pathlib import Path

from jssl.commands.options import add_accept, add_devices, add_list, add_subject


def add(commands: argparse._SubParsersAction) -> None:
    """Adds the command's parser to the main parser's subparsers."""
    parser = commands.add_parser("reproduce", help="run or collect the rows of a paper's table")
    add_subject(
        parser,
        "name",
        required=False,
        help="name of the table; without it, all tables are listed",
    )
    parser.add_argument("--budget", choices=("smoke", "small", "full"), default="small")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="training seeds 0..N-1")
    add_list(parser, "--rows", metavar="NAME", help="only these rows")
    parser.add_argument(
        "--collect", action="store_true", help="train nothing, show the existing results"
    )
    parser.add_argument("--workdir", type=Path, help="folder of the runs")
    parser.add_argument("--npz", metavar="FILE", help="take the data from an .npz file instead")
    parser.add_argument("--data-dir", metavar="DIR", help="short for --set data.data_dir=DIR")
    add_list(
        parser,
        "--set",
        dest="overrides",
        metavar="KEY=VALUE",
        help="change a value in every row's experiment",
        pairs=True,
    )
    parser.add_argument("--format", choices=("markdown", "latex", "html"), default="markdown")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    add_accept(parser)
    add_devices(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    from jssl.data import Npz
    from jssl.errors import UserError
    from jssl.runs.loop import Options
    from jssl.studies import reproduction

    if arguments.name is None:
        for name in reproduction.names():
            print(f"  {name:20}{reproduction.load_table(name).title}")
        return 0
    if arguments.seeds < 1:
        raise UserError(f"--seeds is a number of seeds from 1 up, not {arguments.seeds}")
    overrides = list(arguments.overrides)
    if arguments.data_dir is not None:
        overrides.append(f"data.data_dir={arguments.data_dir}")
    table = reproduction.reproduce(
        arguments.name,
        budget=arguments.budget,
        seeds=range(arguments.seeds),
        rows=arguments.rows,
        overrides=overrides,
        data=None if arguments.npz is None else Npz(arguments.npz),
        workdir=arguments.workdir,
        collect=arguments.collect,
        accept_changes=arguments.accept_changes,
        options=Options(devices=arguments.devices, fsdp=arguments.fsdp, probe_every=0),
    )
    text = getattr(table, arguments.format)()
    print(text, end="")
    if arguments.out is not None:
        arguments.out.write_text(text)
    return 0
