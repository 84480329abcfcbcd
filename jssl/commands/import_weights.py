"""`jssl import FILE|DIR --as NAME`: public weights as a folder of weights of jssl."""

from __future__ import annotations

import argparse
from pathlib import Path

from jssl.commands.options import add_list


def add(commands: argparse._SubParsersAction) -> None:
    """Adds the command's parser to the main parser's subparsers."""
    parser = commands.add_parser("import", help="read public weights into an encoder")
    parser.add_argument(
        "path", type=Path, nargs="?", help="a safetensors or PyTorch file, or a folder with one"
    )
    parser.add_argument("--as", dest="family", metavar="NAME", help="their family; see --list")
    parser.add_argument("--to", type=Path, metavar="DIR", help="the folder (default: weights/NAME)")
    parser.add_argument("--list", action="store_true", help="list the families")
    add_list(
        parser,
        "--set",
        dest="overrides",
        metavar="KEY=VALUE",
        help="a setting of the encoder that shapes do not show, e.g. heads=6",
        pairs=True,
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status.

    Raises:
      UserError: the file is missing, damaged, or of no known layout.
    """
    from jssl.data import tokenizers
    from jssl.errors import UserError
    from jssl.weights.families import FAMILIES
    from jssl.weights.folder import save_weights
    from jssl.weights.importing import import_weights
    from jssl.weights.starting import summary

    if arguments.list:
        width = max(map(len, FAMILIES))
        for name, family in FAMILIES.items():
            print(f"{name:{width}}  {family.about}")
        return 0
    if arguments.path is None:
        raise UserError("jssl import takes a file or folder of weights, or --list")
    weights = import_weights(arguments.path, arguments.family, arguments.overrides)
    for line in summary(weights, arguments.path):
        print(line)
    folder = arguments.to or Path("weights") / arguments.path.stem
    save_weights(folder, weights, source=arguments.path.name)
    if "tokenizer" in weights.preprocessing:
        path = arguments.path
        names = tokenizers.copy_files(path if path.is_dir() else path.parent, folder)
        print(f"tokenizer: {', '.join(names) or 'none beside the weights'}")
    print(f"weights: {folder}")
    return 0
