"""Images per second that reach the device: resident gather against streaming, in one run.

    python benchmarks/data_path.py [--source shapes|jpeg] [--batch 256] [--seconds 3] [--out FILE]

``shapes`` holds 8192 32x32 images in memory; ``jpeg`` is a folder of 1024 JPEGs of 256x256 written
for the run, decoded to 224x224 on each read. The resident figure gathers ``--window`` batches in
one compiled scan, as training does; every figure ends with the data on the device. Prints one JSON
line per path and a last one with each path's rate over the resident one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from jssl.data import DeviceData, ImageFolder, Shapes, Source, Stream, gather, window_indices


def resident(source: Source, batch: int, window: int, seconds: float) -> float:
    """Images per second of gathers inside a compiled scan."""
    arrays = jax.device_put(DeviceData.load(source).arrays)

    @jax.jit
    def run(arrays: dict[str, jax.Array], indices: jax.Array) -> jax.Array:
        def step(total: jax.Array, index: jax.Array) -> tuple[jax.Array, None]:
            # The sum reads every byte, so no gather can be dropped.
            picked = jax.lax.optimization_barrier(gather(arrays, index))
            return total + picked["image"].astype(jnp.int32).sum(), None

        return jax.lax.scan(step, jnp.int32(0), indices)[0]

    def turns() -> Iterator[int]:
        start = 0
        while True:
            run(arrays, window_indices(0, start, window, len(source), batch)).block_until_ready()
            start += window
            yield window * batch

    return rate(turns(), seconds)


def streamed(source: Source, batch: int, workers: int, threads: int, seconds: float) -> float:
    """Images per second of batches read by Grain and put on the device."""
    with Stream(source, 0, batch, workers=workers, threads=threads) as stream:

        def turns() -> Iterator[int]:
            for part in stream:
                jax.block_until_ready(jax.device_put(part))
                yield batch

        return rate(turns(), seconds)


def rate(turns: Iterator[int], seconds: float) -> float:
    """Images per second after a warm-up of three turns (compilation, starting workers)."""
    for _ in range(3):
        next(turns)
    images, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        images += next(turns)
    return images / spent


def jpeg_folder(root: Path, count: int = 1024, side: int = 256) -> Source:
    """Smooth random JPEGs, about as large as photographs of that size."""
    rng = np.random.default_rng(0)
    for k in range(count):
        folder = root / f"class{k % 4}"
        folder.mkdir(exist_ok=True)
        small = Image.fromarray(rng.integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8))
        small.resize((side, side), Image.Resampling.BICUBIC).save(folder / f"{k}.jpg", quality=90)
    return ImageFolder(str(root), size=224).load().train


def main() -> None:
    """Runs every path and prints JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--source", choices=("shapes", "jpeg"), default="shapes")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--window", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--workers", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=2, help="of the stream without workers")
    parser.add_argument("--out", help="file that the JSON lines are appended to")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        source = Shapes().load().train if args.source == "shapes" else jpeg_folder(Path(scratch))
        figures = {"resident": resident(source, args.batch, args.window, args.seconds)}
        for workers in args.workers:
            figures[f"stream_workers_{workers}"] = streamed(
                source, args.batch, workers, args.threads, args.seconds
            )
    common = {
        "benchmark": "data_path",
        "source": args.source,
        "batch": args.batch,
        "threads": args.threads,
        "device": jax.devices()[0].device_kind,
        "cores": os.cpu_count(),
        "jax": jax.__version__,
        "python": platform.python_version(),
    }
    lines = [
        {**common, "path": path, "images_per_second": round(figure)}
        for path, figure in figures.items()
    ]
    ratios = {path: round(figure / figures["resident"], 4) for path, figure in figures.items()}
    lines.append({**common, "ratio_to_resident": ratios})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    print(text, end="")
    if args.out:
        Path(args.out).parent.mkdir(parents=True, exist_ok=True)
        with open(args.out, "a") as file:
            file.write(text)


if __name__ == "__main__":
    main()
