"""The command line: `jssl list | train | evaluate | table | reproduce | report | ...`."""

from __future__ import annotations

import argparse
import dataclasses
import errno
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jssl.commands import (
    clean,
    completion,
    doctor,
    embed,
    evaluate,
    export,
    import_weights,
    plan,
    recommend,
    reproduce,
    show,
    sweep,
    table,
)
from jssl.commands.options import (
    add_accept,
    add_compile_cache,
    add_list,
    add_subject,
    add_trust,
    settle,
)
from jssl.commands.own_data import add_own, own_options
from jssl.config.user_code import sentence
from jssl.core.terminal import one_line, printable_output
from jssl.errors import UserError
from jssl.runs.malloc import keep_freed_memory

if TYPE_CHECKING:
    from jssl.runs.run import Run

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
      argv: the arguments after the program's name; None for those of the process.

    Returns:
      The exit status: 0, 2 for a mistake in the input, 3 for a run that the collapse alarm
      stopped, 4 for a plan that does not fit, and 130 or 143 for a run that Ctrl-C or SIGTERM
      interrupted, which is saved. A process of a distributed run that leaves because another one
      ended does not return: it exits with 4.
    """
    if argv is None:  # a process of its own, not a call from another program
        keep_freed_memory()
    if hasattr(sys.stdout, "reconfigure"):  # a log file shows a line when it is written
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    with printable_output():
        return _run(argv)


def _run(argv: Sequence[str] | None) -> int:
    arguments = parser().parse_args(argv)
    settle(arguments)
    arguments.own_process = argv is None
    try:
        if arguments.run is not _train:  # whose processes have to join first
            _keep_programs(arguments)
        return arguments.run(arguments)
    except UserError as error:
        return _fail(str(error), error.status)
    except BrokenPipeError:  # `jssl list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("jssl: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        said = sentence(error)
        if said is not None:  # in a file of the user's
            return _fail(said)
        if isinstance(error, OSError) and (error.filename or error.errno in _DISK):
            return _fail(f"{error.filename or 'the disk'}: {error.strerror}")
        raise


def _keep_programs(arguments: argparse.Namespace) -> None:
    """Turns the cache of compiled programs on for a command that compiles, in its own process."""
    asked = getattr(arguments, "no_compile_cache", True) is False
    if asked and arguments.own_process and not getattr(arguments, "list", False):
        from jssl.runs import compile_cache

        compile_cache.enable()


def _fail(message: str, status: int = 2) -> int:
    print(f"jssl: error: {one_line(message)}", file=sys.stderr)
    return status


class _Version(argparse.Action):
    """Prints the versions of jssl, JAX and Python, and the devices."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="versions and devices")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from jssl.commands.doctor import version_line

        print(version_line())
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="jssl", description="Self-supervised learning in JAX: train, evaluate, report."
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    listing = commands.add_parser("list", help="experiments and methods, with paper and family")
    listing.add_argument("pattern", nargs="?", default="", help="only those that contain this")
    listing.add_argument("--json", action="store_true", help="for machines")
    listing.set_defaults(run=_list)

    show.add(commands)

    train = commands.add_parser("train", help="train, evaluate and report an experiment")
    add_subject(train, "name", help="e.g. image/simclr_digits, or a Python file")
    _add_train_options(train)
    train.set_defaults(run=_train)

    evaluate.add(commands, _add_device_options)
    table.add(commands)
    reproduce.add(commands, _add_device_options)
    plan.add(commands, _add_device_options)
    sweep.add(commands)
    recommend.add(commands)
    embed.add(commands)
    export.add(commands)
    import_weights.add(commands)

    report = commands.add_parser("report", help="write a run's page, report.html")
    report.add_argument("folder", type=Path, nargs="?", help="a run's folder")
    report.add_argument(
        "--augmentations",
        nargs="+",
        metavar=("RECIPE", "IMAGE"),
        help="instead: a contact sheet of a recipe's views of some images",
    )
    report.add_argument("--out", type=Path, help="where the contact sheet goes")
    add_trust(report)
    add_accept(report)
    _add_device_options(report)
    report.set_defaults(run=_report)

    replay = commands.add_parser("replay", help="compute a step again and show all of it")
    replay.add_argument("folder", type=Path, help="a run's folder")
    replay.add_argument("--step", type=_positive, required=True, help="which step, from 1")
    add_trust(replay)
    add_accept(replay)
    _add_device_options(replay)
    replay.set_defaults(run=_replay)

    bisect = commands.add_parser("bisect", help="find the first step at which two runs differ")
    bisect.add_argument("folders", type=Path, nargs=2, metavar="RUN", help="two runs' folders")
    bisect.add_argument(
        "--tolerance",
        type=float,
        default=1e-4,
        help="difference, relative to the size of a leaf, that counts as none; 0 for bits",
    )
    add_trust(bisect)
    add_accept(bisect)
    _add_device_options(bisect)
    bisect.set_defaults(run=_bisect)

    doctor.add(commands)
    clean.add(commands)
    completion.add(commands, parser)
    return parser


def _add_device_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--devices", type=_positive, help="how many devices to use (default: all)")
    parser.add_argument(
        "--fsdp", type=_positive, default=1, help="devices that share each parameter (default: 1)"
    )
    add_compile_cache(parser)


def _add_train_options(parser: argparse.ArgumentParser) -> None:
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
    parser.add_argument("--seed", type=_seed, default=0)
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
    _add_device_options(parser)
    parser.add_argument("--accumulate", type=_positive, default=1, help="micro-batches in a step")
    parser.add_argument(
        "--approximate-accumulation",
        action="store_true",
        help="let BatchNorm see micro-batches instead of the batch",
    )
    parser.add_argument("--data-path", choices=("auto", "device", "stream"), default="auto")
    parser.add_argument(
        "--workers", type=_natural, default=2, help="decoding processes of a stream"
    )
    parser.add_argument("--log-every", type=_positive, default=10, metavar="STEPS")
    parser.add_argument("--checkpoint-every", type=_positive, metavar="STEPS")
    parser.add_argument("--keep-last", type=_positive, default=2, metavar="N")
    parser.add_argument("--keep-every", type=_positive, metavar="STEPS")
    parser.add_argument("--probe-every", type=_natural, metavar="STEPS", help="0 for never")
    add_list(parser, "--probes", default=["knn"], metavar="NAME", help="knn, centroid, rankme")
    add_list(
        parser,
        "--sink",
        dest="sinks",
        metavar="NAME",
        help="send the metrics to wandb, mlflow, trackio or file.py:Class as well",
    )
    parser.add_argument("--stop-at", type=_positive, metavar="STEP", help="stop there; resumable")
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
    group.add_argument("--processes", type=_positive, metavar="N", help="how many there are")
    group.add_argument("--process", type=_natural, metavar="I", help="which one this is, from 0")


def _positive(text: str) -> int:
    return _whole(text, 1, 2**31)


def _natural(text: str) -> int:
    return _whole(text, 0, 2**31)


def _seed(text: str) -> int:
    return _whole(text, 0, 2**32)  # JAX drops the higher bits of a key's seed without a word


def _whole(text: str, least: int, end: int) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if not least <= value < end:
        raise argparse.ArgumentTypeError(f"{text} is not between {least} and {end - 1}")
    return value


def _list(arguments: argparse.Namespace) -> int:
    if arguments.json:
        from jssl.config import catalogue

        print(json.dumps(catalogue.entries(arguments.pattern), indent=1))
    else:
        from jssl.config import registry

        print(registry.text(arguments.pattern))
    return 0


def _train(arguments: argparse.Namespace) -> int:
    from jssl.runs import processes

    named = (arguments.coordinator, arguments.processes, arguments.process)
    with processes.joined(*named, detect=arguments.distributed):
        return _train_here(arguments)


def _train_here(arguments: argparse.Namespace) -> int:
    from jssl import api
    from jssl.runs.loop import Options
    from jssl.studies import session

    _keep_programs(arguments)
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


def _reopen(folder: Path, arguments: argparse.Namespace, *, as_it_was: bool = False) -> Run:
    from jssl.runs.run import reopen

    return reopen(
        folder,
        as_it_was=as_it_was,
        trust=arguments.trust,
        accept_changes=arguments.accept_changes,
    )


def _replay(arguments: argparse.Namespace) -> int:
    from jssl.runs.loop import Options
    from jssl.runs.replay import replay

    options = Options(devices=arguments.devices, fsdp=arguments.fsdp)
    print(replay(_reopen(arguments.folder, arguments, as_it_was=True), arguments.step, options))
    return 0


def _bisect(arguments: argparse.Namespace) -> int:
    from jssl.runs.bisect import bisect
    from jssl.runs.loop import Options

    options = Options(devices=arguments.devices, fsdp=arguments.fsdp)
    first, second = (_reopen(folder, arguments, as_it_was=True) for folder in arguments.folders)
    found = bisect(first, second, options, tolerance=arguments.tolerance)
    print(found if found is not None else "the two runs do not differ")
    return 0


def _report(arguments: argparse.Namespace) -> int:
    if arguments.augmentations:
        from jssl.reporting.augmentations import contact_sheet_page

        recipe, *images = arguments.augmentations
        out = arguments.out or Path(f"augmentations_{recipe}.html")
        print(f"page: {contact_sheet_page(recipe, images, out)}")
        return 0
    if arguments.folder is None:
        raise UserError("jssl report takes a run's folder, or --augmentations RECIPE IMAGE ...")
    from jssl.runs.loop import Options
    from jssl.studies import session

    options = Options(devices=arguments.devices, fsdp=arguments.fsdp)
    session.report(_reopen(arguments.folder, arguments), options)
    return 0
