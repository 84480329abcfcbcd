"""`jssl embed`, `jssl neighbours` and `jssl select`: features of data, and what they say of it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from jssl.commands.options import add_accept, add_list, add_trust

if TYPE_CHECKING:
    from jssl.data.source import Splits
    from jssl.interop.encoder import Encoder
    from jssl.runs.run import Run


def add(commands: argparse._SubParsersAction) -> None:
    """Adds the three commands' parsers to the main parser's subparsers."""
    parser = commands.add_parser("embed", help="write the features of data to a file")
    parser.add_argument("what", help="a run's folder, or weights: a folder or a file")
    parser.add_argument(
        "data",
        nargs="?",
        help="an experiment's data by its name, or a file or folder of yours (default: the run's)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help=".parquet or .npy")
    parser.add_argument(
        "--layers",
        default="last",
        metavar="A,B",
        help="last, numbers or names of layers, side by side (default: last)",
    )
    parser.add_argument(
        "--pool", choices=("cls", "mean", "tokens"), help="default: the encoder's own pooling"
    )
    parser.add_argument("--device-batch", type=int, default=64, metavar="N", help="on each device")
    parser.add_argument(
        "--split",
        choices=("train", "validation", "test", "all"),
        help="which part of the data (default: train; all of a file or folder of yours)",
    )
    parser.add_argument(
        "--tokenizer",
        metavar="FILE|DIR",
        help="of weights that read texts: vocab.txt, vocab.json or tokenizer.json (default: beside "
        "the weights)",
    )
    parser.add_argument("--devices", type=int, help="how many devices to use (default: all)")
    parser.add_argument("--workers", type=int, default=2, help="threads that read examples")
    add_list(
        parser,
        "--set",
        dest="overrides",
        metavar="KEY=VALUE",
        help="change a value of the experiment whose data is named, e.g. data.data_dir=DIR",
        pairs=True,
    )
    add_trust(parser)
    add_accept(parser)
    parser.set_defaults(run=run)

    near = commands.add_parser("neighbours", help="the examples most similar to one")
    near.add_argument("features", type=Path, help="a file that jssl embed wrote")
    near.add_argument("query", help="a row's number, from 0, or the path of one of the files")
    near.add_argument("-k", type=int, default=10, help="how many (default: 10)")
    near.set_defaults(run=run_neighbours)

    subset = commands.add_parser("select", help="a subset that covers the data")
    subset.add_argument("features", type=Path, help="a file that jssl embed wrote")
    subset.add_argument("--count", type=int, required=True, metavar="N", help="how many examples")
    subset.add_argument(
        "--by",
        choices=("kmeans", "coreset"),
        default="coreset",
        help="nearest to k-means centroids, or greedy k-centre (default)",
    )
    subset.add_argument("--seed", type=int, default=0)
    subset.add_argument("--out", type=Path, metavar="FILE", help="write them there, one a line")
    subset.set_defaults(run=run_select)


def run(arguments: argparse.Namespace) -> int:
    """Runs `jssl embed`; returns the exit status."""
    from jssl.errors import UserError
    from jssl.interop.embedding import embed
    from jssl.interop.encoder import open_encoder
    from jssl.interop.feature_files import check_name

    check_name(arguments.out)
    encoder, opened, own = open_encoder(
        arguments.what, trust=arguments.trust, accept_changes=arguments.accept_changes
    )
    if arguments.data is not None:
        data = _data(encoder, opened, arguments)
    elif arguments.tokenizer is not None:
        raise UserError("--tokenizer cuts texts of yours into pieces: name their file or folder")
    elif arguments.overrides:
        raise UserError("--set changes the data of an experiment that is named; none is")
    elif own is None:
        raise UserError(
            f"{arguments.what} has no data of its own at hand: name an experiment, or the file or "
            "folder to embed"
        )
    else:
        data = own
    layers = [layer.strip() for layer in arguments.layers.split(",") if layer.strip()]
    found = embed(
        encoder,
        data,
        arguments.out,
        split=arguments.split or "train",
        layers=layers,
        pool=arguments.pool,
        device_batch=arguments.device_batch,
        devices=arguments.devices,
        workers=arguments.workers,
    )
    print(found)
    return 0


def _data(encoder: Encoder, opened: Run | None, arguments: argparse.Namespace) -> Splits:
    from jssl.config.experiment import load, names
    from jssl.config.overrides import override
    from jssl.errors import UserError, nearest
    from jssl.interop.own import check_symbols, own_data

    name = arguments.data
    known = names()
    if name in known and arguments.tokenizer is not None:
        raise UserError(f"--tokenizer is for texts of yours, and {name} is an experiment's name")
    if name in known:
        data = override(load(name), *arguments.overrides).data
        if opened is None:
            check_symbols(encoder, data, name)
        return data.load()
    if arguments.overrides:
        raise UserError(f"--set changes an experiment's data, and {name} is no experiment's name")
    if not Path(name).exists():
        raise UserError(
            f"there is no file, folder or experiment called {name!r}: {nearest(name, known)}"
        )
    whole = arguments.split in (None, "all")
    return own_data(Path(name), encoder, opened, whole=whole, tokenizer=arguments.tokenizer)


def run_neighbours(arguments: argparse.Namespace) -> int:
    """Runs `jssl neighbours`; returns the exit status."""
    from jssl.interop.feature_files import read_features
    from jssl.interop.subsets import neighbours

    file = read_features(arguments.features)
    row = file.row_of(arguments.query)
    print(f"{_line(file.describe(row))}  (row {row}, the query)")
    for other, similarity in neighbours(file, row, arguments.k):
        print(f"{similarity:7.4f}  row {other}  {_line(file.describe(other))}")
    return 0


def run_select(arguments: argparse.Namespace) -> int:
    """Runs `jssl select`; returns the exit status."""
    import sys

    from jssl.errors import Unwritable
    from jssl.interop.feature_files import read_features
    from jssl.interop.subsets import select

    file = read_features(arguments.features)
    found = select(file, arguments.count, arguments.by, arguments.seed)
    paths = file.columns.get("path")
    lines = [str(row) if paths is None else paths[row] for row in found.rows.tolist()]
    if arguments.out is None:
        print("\n".join(lines))
    else:
        try:
            arguments.out.write_text("\n".join(lines) + "\n")
        except OSError as error:
            raise Unwritable(arguments.out, error) from error
        print(f"{arguments.out}: {len(lines)} of {len(file.features)} examples")
    print(
        f"cosine distance to the nearest selected example: {found.mean:.4f} on average, "
        f"{found.radius:.4f} at most",
        file=sys.stderr,
    )
    return 0


def _line(columns: dict) -> str:
    return "  ".join(f"{value}" for name, value in columns.items() if value is not None)
