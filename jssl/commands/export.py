"""`jssl export RUN --to FORM --out DIR`: an encoder in a format that others load."""

from __future__ import annotations

import argparse
from pathlib import Path

from jssl.commands.options import add_accept, add_trust


def add(commands: argparse._SubParsersAction) -> None:
    """Adds the command's parser to the main parser's subparsers."""
    parser = commands.add_parser("export", help="write an encoder in a format that others load")
    parser.add_argument("what", help="a run's folder, or weights: a folder or a file")
    parser.add_argument(
        "--to",
        required=True,
        choices=("safetensors", "hf", "transformers", "stablehlo", "onnx"),
        help="jssl's own folder, timm's names, those of transformers, jax.export for CPU, CUDA and "
        "TPU, or ONNX",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder")
    parser.add_argument("--licence", metavar="SPDX", help="of the weights, for the model card")
    parser.add_argument(
        "--push",
        action="store_true",
        help="make the folder ready for a model hub; nothing is uploaded",
    )
    add_trust(parser)
    add_accept(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    from jssl.interop.encoder import open_encoder
    from jssl.interop.exporting import export

    encoder, opened, _ = open_encoder(
        arguments.what, trust=arguments.trust, accept_changes=arguments.accept_changes
    )
    found = export(
        encoder,
        opened,
        arguments.to,
        arguments.out,
        licence=arguments.licence,
        push=arguments.push,
    )
    print(found)
    return 0
