"""`jssl train NAME`: train, evaluate and report an experiment."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from jssl.commands.opening import keep_programs
from jssl.commands.options import (
    add_accept,
    add_devices,
    add_list,
    add_subject,
    add_trust,
    natural,
    positive,
    seed,
)
from jssl.commands.own_data import add_own, own_options


def add(commands: argparse._SubParsersAction) -> None:
    """Adds the command's parser to the main parser's subparsers."""
    parser = commands.add_parser("train", help="train, evaluate and report an experiment")
    add_subject(parser, "name", help="e.g. image/simclr_digits, or a Python file")
    _add_options(parser)
    parser.set_defaults(run=run)


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_list(
        parser,
        "--set",
        dest="overrides",
        metavar="KEY=VALUE",
        help="change a value, e.g. method.temperature=0.2",
        pairs=True,
    )
    parser.add_argument(
        "--data-dir", metavar="DIR", help="where prepared data lies; short for --set data.data_dir"
    )
    add_own(parser)
    parser.add_argument("--workdir", type=Path, help="the run's folder (default: runs/NAME/...)")
    parser.add_argument("--seed", type=seed, default=0)
    parser.add_argument(
        "--init-from",
        type=Path,
        metavar="RUN|WEIGHTS",
        help="start from the encoder of another run (and the heads that the method takes over), or "
        "from weights: a folder of jssl import, a safetensors or PyTorch file",
    )
    parser.add_argument(
        "--init-as", metavar="NAME", help="family of these weights, where names do not tell it"
    )
    add_trust(parser)
    add_accept(parser)
    add_devices(parser)
    parser.add_argument("--accumulate", type=positive, default=1, help="micro-batches in a step")
    parser.add_argument(
        "--approximate-accumulation",
        action="store_true",
        help="let BatchNorm see micro-batches instead of the batch",
    )
    parser.add_argument("--data-path", choices=("auto", "device", "stream"), default="auto")
    parser.add_argument("--workers", type=natural, default=2, help="decoding processes of a stream")
    parser.add_argument("--log-every", type=positive, default=10, metavar="STEPS")
    parser.add_argument("--checkpoint-every", type=positive, metavar="STEPS")
    parser.add_argument("--keep-last", type=positive, default=2, metavar="N")
    parser.add_argument("--keep-every", type=positive, metavar="STEPS")
    parser.add_argument("--probe-every", type=natural, metavar="STEPS", help="0 for never")
    add_list(parser, "--probes", default=["knn"], metavar="NAME", help="knn, centroid, rankme")
    add_list(
        parser,
        "--sink",
        dest="sinks",
        metavar="NAME",
        help="send the metrics to wandb, mlflow, trackio or file.py:Class as well",
    )
    parser.add_argument("--stop-at", type=positive, metavar="STEP", help="stop there; resumable")
    parser.add_argument(
        "--on-collapse",
        choices=("warn", "stop", "off"),
        default="warn",
        help="what to do when the run learns nothing: say so, end it with status 3, or not look",
    )
    parser.add_argument(
        "--profile", action="store_true", help="write a trace of some steps into the run's folder"
    )
    parser.add_argument("--no-evaluate", action="store_true", help="train only")
    group = parser.add_argument_group("several processes (see docs/architecture.md)")
    group.add_argument(
        "--distributed",
        action="store_true",
        help="join the processes that a TPU pod or Slurm has started",
    )
    group.add_argument("--coordinator", metavar="HOST:PORT", help="on plain hosts: process 0")
    group.add_argument("--processes", type=positive, metavar="N", help="how many there are")
    group.add_argument("--process", type=natural, metavar="I", help="which one this is, from 0")


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    from jssl.runs import processes

    named = (arguments.coordinator, arguments.processes, arguments.process)
    with processes.joined(*named, detect=arguments.distributed):
        return _train(arguments)


def _train(arguments: argparse.Namespace) -> int:
    from jssl import api
    from jssl.runs.loop import Options
    from jssl.studies import session

    keep_programs(arguments)
    overrides = tuple(arguments.overrides)
    if arguments.data_dir is not None:
        overrides += (f"data.data_dir={arguments.data_dir}",)
    run = api.make_run(
        arguments.name,
        arguments.workdir,
        seed=arguments.seed,
        overrides=overrides,
        init_from=arguments.init_from,
        init_as=arguments.init_as,
        trust=arguments.trust,
        accept_changes=arguments.accept_changes,
        data=arguments.data,
        data_options=own_options(arguments),
    )
    fields = {field.name for field in dataclasses.fields(Options)}
    options = Options(**{k: v for k, v in vars(arguments).items() if k in fields})
    finished = session.train(run, options, evaluate=not arguments.no_evaluate)
    return 0 if finished.signal is None else 128 + finished.signal
