"""`jssl plan NAME --topology v5e:4x4`: memory, time and cost of a run, without the hardware."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from jssl.commands.options import add_devices, add_list, add_subject


def add(commands: argparse._SubParsersAction) -> None:
    """Adds the command's parser to the main parser's subparsers."""
    parser = commands.add_parser(
        "plan", help="compile the train step for other accelerators: memory, time, cost"
    )
    add_subject(parser, "name", help="an experiment")
    parser.add_argument(
        "--topology",
        metavar="CHIP:SHAPE",
        help="e.g. v5e:4x4, v5p:4x4x4 or v6e:16x16 (default: this machine)",
    )
    parser.add_argument(
        "--slices", type=int, default=1, metavar="N", help="number of slices in one data centre"
    )
    parser.add_argument(
        "--fit", action="store_true", help="search sharding, remat and micro-batches until it fits"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="compile for TPU at lowest effort: four times as fast, traffic is a rough estimate",
    )
    parser.add_argument("--accumulate", type=int, default=1, help="micro-batches per step")
    parser.add_argument(
        "--approximate-accumulation",
        action="store_true",
        help="compute BatchNorm statistics per micro-batch",
    )
    parser.add_argument("--remat", help="none, dots, all_dots or full (default: the experiment's)")
    parser.add_argument("--length", type=int, metavar="N", help="number of training examples")
    add_list(
        parser,
        "--set",
        dest="overrides",
        metavar="KEY=VALUE",
        help="change a value, e.g. batch_size=4096",
        pairs=True,
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="also write the plan to this file"
    )
    add_devices(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status, which is 4 if the plan does not fit."""
    import jax

    from jssl.config.experiment import load
    from jssl.config.overrides import override
    from jssl.errors import UserError
    from jssl.plan import chips, planning
    from jssl.plan.search import search
    from jssl.plan.text import render

    if arguments.slices < 1 or arguments.accumulate < 1:
        raise UserError("--slices and --accumulate are numbers from 1 up")
    if arguments.topology:
        jax.config.update("jax_platforms", "cpu")  # nothing is run, only compiled
        chip, devices = chips.topology_devices(arguments.topology, arguments.slices)
        times = f" x {arguments.slices}" if arguments.slices > 1 else ""
        target = arguments.topology + times
        if arguments.devices not in (None, len(devices)):
            raise UserError(
                f"{target} has {len(devices)} chips; --devices is for the machine at hand"
            )
    else:
        devices = jax.devices()[: arguments.devices]
        chip = chips.chip_of(devices[0])
        target = f"{len(devices)} x {devices[0].device_kind}"
    experiment = override(load(arguments.name), *arguments.overrides)
    example, length = planning.data_facts(experiment, arguments.length)
    options = {"target": target, "chip": chip, "example": example, "length": length}
    options["approximate"] = arguments.approximate_accumulation
    options["quick"] = arguments.quick
    if arguments.fit:
        plan = search(experiment, devices, log=print, **options)
    else:
        setting = planning.Setting(arguments.fsdp, arguments.accumulate, arguments.remat)
        mesh = chips.mesh_of(devices, arguments.fsdp)
        plan = planning.make_plan(experiment, mesh, setting=setting, **options)
    print(render(plan), end="")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(plan.json(), indent=1) + "\n")
    return 4 if plan.fits is False else 0
