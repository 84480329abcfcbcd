"""`jssl sweep NAME --seeds 8 --grid method.temperature=0.1,0.2`: many runs in one program."""

from __future__ import annotations

import argparse
from pathlib import Path

from jssl.commands.options import add_accept, add_compile_cache, add_list, add_subject


def add(commands: argparse._SubParsersAction) -> None:
    """Adds the command's parser to the main parser's subparsers."""
    parser = commands.add_parser("sweep", help="train many seeds and settings in one program")
    add_subject(parser, "name", help="an experiment")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="seeds 0..N-1")
    add_list(
        parser,
        "--grid",
        metavar="KEY=A,B,C",
        help="values to try, in every combination",
        pairs=True,
    )
    add_list(
        parser,
        "--set",
        dest="overrides",
        metavar="KEY=VALUE",
        help="change a value in all runs",
        pairs=True,
    )
    parser.add_argument("--workdir", type=Path, help="parent folder of the runs")
    parser.add_argument("--devices", type=int, help="devices to spread the runs over")
    parser.add_argument(
        "--how",
        choices=("auto", "vmap", "map"),
        default="auto",
        help="all runs at once, or one after the other inside the program",
    )
    parser.add_argument("--log-every", type=int, default=10, metavar="STEPS")
    parser.add_argument("--checkpoint-every", type=int, metavar="STEPS")
    add_list(
        parser,
        "--sink",
        dest="sinks",
        metavar="NAME",
        help="send the metrics of every run to wandb, mlflow, trackio or file.py:Class as well",
    )
    parser.add_argument(
        "--stop-at", type=int, metavar="STEP", help="stop after this step; resumable"
    )
    parser.add_argument("--no-probe", action="store_true", help="skip the evaluation at the end")
    add_accept(parser)
    add_compile_cache(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    from jssl.config.experiment import load
    from jssl.config.overrides import override
    from jssl.errors import UserError
    from jssl.studies.batched_runs import grid
    from jssl.studies.sweep_runner import Options, sweep

    for name in ("seeds", "devices", "log_every", "checkpoint_every", "stop_at"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise UserError(f"--{name.replace('_', '-')} is a number from 1 up, not {value}")
    overrides = tuple(arguments.overrides)
    experiment = override(load(arguments.name), *overrides)
    options = Options(
        devices=arguments.devices,
        how=arguments.how,
        log_every=arguments.log_every,
        checkpoint_every=arguments.checkpoint_every,
        stop_at=arguments.stop_at,
        probe=not arguments.no_probe,
        accept_changes=arguments.accept_changes,
        sinks=arguments.sinks,
    )
    points = grid(arguments.grid)
    table = sweep(
        experiment,
        points,
        range(arguments.seeds),
        arguments.workdir,
        options,
        overrides=overrides,
    )
    print(table.markdown(), end="")
    if arguments.workdir is not None:
        (arguments.workdir / "sweep.md").write_text(table.markdown())
    return 0
