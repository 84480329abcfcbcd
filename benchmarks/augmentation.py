"""Views per second: jssl's augmentation against Pillow's on all cores, in one run.

    python benchmarks/augmentation.py [--cases simclr_32,simclr_224] [--seconds 5]
        [--out results/augmentation_speed.json]

Both sides make the same views of the same uint8 images, already decoded: the same operations,
probabilities and ranges, to normalised float32. jssl runs one jitted program on a batch split over
its devices, on a CPU one device per core (as `--devices` of `jssl train` does); Pillow one image
at a time in a process per core, as data loaders of peers do, and is spared the cost of sending its
results on. The two take turns, three each, and the medians are compared, so that a neighbour on
the machine disturbs both. The share of each operation is what a pipeline takes longer for having
it. `--step` also times a training step of ResNet-50 and ViT-S/16 on such views, for accelerators
(and, at a few images, to see that it runs). Prints one JSON line per figure.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import platform
import random
import re
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

if TYPE_CHECKING:
    from jssl.augmentations.compose import Views

# One view: side, crop scale, jitter strengths, and the probabilities of blur and solarize.
SIMCLR = ((0.08, 1.0), (0.8, 0.8, 0.8, 0.2), 0.5, 0.0)
DINO = [
    (224, (0.4, 1.0), (0.4, 0.4, 0.2, 0.1), 1.0, 0.0),
    (224, (0.4, 1.0), (0.4, 0.4, 0.2, 0.1), 0.1, 0.2),
    *[(96, (0.05, 0.4), (0.4, 0.4, 0.2, 0.1), 0.5, 0.0)] * 8,
]
CASES = {
    "simclr_32": ("simclr", 32, 32, 512, [(32, *SIMCLR)] * 2),
    "simclr_224": ("simclr", 224, 256, 32, [(224, *SIMCLR)] * 2),
    "dino_224": ("dino_multicrop", 224, 256, 16, DINO),
}
MEAN = np.asarray((0.485, 0.456, 0.406), np.float32)
STD = np.asarray((0.229, 0.224, 0.225), np.float32)


def pillow_view(
    image: Image.Image,
    size: int,
    scale: tuple[float, float],
    jitter: tuple[float, ...],
    blur_p: float,
    solarize_p: float,
) -> np.ndarray:
    """One view by Pillow, by the rules of torchvision's transforms."""
    width, height = image.size
    for _ in range(10):
        area = width * height * random.uniform(*scale)
        ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = random.randint(0, width - w), random.randint(0, height - h)
            break
    else:
        left, top, w, h = 0, 0, width, height
    box = (left, top, left + w, top + h)
    image = image.resize((size, size), Image.Resampling.BICUBIC, box=box)
    if random.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if random.random() < 0.8:
        for kind in random.sample(range(4), 4):
            if kind == 3:
                hue, saturation, value = image.convert("HSV").split()
                shift = int(random.uniform(-jitter[3], jitter[3]) * 255)
                hue = hue.point([(level + shift) % 256 for level in range(256)])
                image = Image.merge("HSV", (hue, saturation, value)).convert("RGB")
            else:
                tool = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)[kind]
                image = tool(image).enhance(random.uniform(1 - jitter[kind], 1 + jitter[kind]))
    if random.random() < 0.2:
        image = image.convert("L").convert("RGB")
    if random.random() < blur_p:
        image = image.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2.0)))
    if random.random() < solarize_p:
        image = ImageOps.solarize(image, 128)
    return (np.asarray(image, np.float32) / 255 - MEAN) / STD


def _work(images: np.ndarray, specs: list[tuple], seconds: float, seed: int) -> tuple[int, float]:
    random.seed(seed)
    pictures = [Image.fromarray(x) for x in images]
    made, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        for spec in specs:
            pillow_view(pictures[made % len(pictures)], *spec)
            made += 1
    return made, spent


def usable_cores() -> int:
    """The cores that this process may use, of those the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def pillow_rate(images: np.ndarray, specs: list[tuple], seconds: float, cores: int) -> float:
    """Views per second of one process per core."""
    # Fresh processes: a fork of one in which JAX runs may hang.
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        jobs = [(images[:64], specs, seconds, seed) for seed in range(cores)]
        pool.starmap(_work, [(images[:8], specs, 0.2, 0)] * cores)
        return sum(made / spent for made, spent in pool.starmap(_work, jobs))


def timed(
    function: Callable[[], Any], seconds: float, pick: Callable[[list[float]], float] = np.median
) -> float:
    """Seconds of one call: the median over a time span, after a first call that compiles."""
    import jax

    jax.block_until_ready(function())
    laps, start = [], time.perf_counter()
    while time.perf_counter() - start < seconds or len(laps) < 3:
        lap = time.perf_counter()
        jax.block_until_ready(function())
        laps.append(time.perf_counter() - lap)
    return float(pick(laps))


def maker(views: Views, images: np.ndarray) -> tuple[Callable[[], Any], int]:
    """A call that makes the views of images split over all devices, and their number."""
    import jax

    from jssl.training import sharding

    mesh = sharding.make_mesh()
    index = np.arange(len(images), dtype=np.int32)
    batch = sharding.put_batch({"image": images, "index": index}, mesh)
    key = jax.device_put(jax.random.key(0), sharding.replicated(mesh))
    run = jax.jit(partial(views, mesh=mesh))
    shapes = jax.tree.leaves(jax.eval_shape(run, key, batch))
    return lambda: run(key, batch), sum(math.prod(v.shape[:-3]) for v in shapes)


def shares(size: int, images: np.ndarray, seconds: float) -> dict[str, float]:
    """Milliseconds that a view of SimCLR takes longer for each of its operations."""
    from jssl.augmentations import recipes
    from jssl.augmentations.compose import Pipeline, Views, describe

    ops = dict(recipes.simclr(size).entries)["a"].ops
    runs = [maker(Views(a=Pipeline(ops[:n])), images) for n in range(len(ops) + 1)]
    # In turns, the shortest lap of each: what disturbs the machine then disturbs all alike.
    laps = [[timed(run, seconds / 5, min) / made * 1e3 for run, made in runs] for _ in range(5)]
    best = np.min(laps, axis=0)
    names = [
        "as_float",
        *(re.split("[(,]", describe(op).replace("sometimes(", ""))[0] for op in ops),
    ]
    return dict(zip(names, np.diff(best, prepend=0.0).tolist(), strict=True))


def step_seconds(name: str, batch: int, size: int, seconds: float) -> float:
    """Seconds of forward and backward of an encoder on `batch` views, in bf16, on one device."""
    import jax
    import jax.numpy as jnp

    from jssl.encoders.resnet import ResNet
    from jssl.encoders.vit import vit

    if name == "resnet50":
        net = ResNet(depth=50, stem="imagenet", dtype="bfloat16")
    else:
        net = vit("S", patch=16, dtype="bfloat16")
    x = jnp.zeros((batch, size, size, 3))
    variables = jax.jit(partial(net.init, train=False))(jax.random.key(0), x[:1])
    params = variables["params"]
    stats = {k: v for k, v in variables.items() if k != "params"}

    @jax.jit
    def gradient(params: Any) -> Any:
        def loss(params: Any) -> jax.Array:
            features, _ = net.apply(
                {"params": params, **stats},
                x,
                train=True,
                mutable=list(stats),
                rngs={"dropout": jax.random.key(1)},
            )
            return jnp.mean(jnp.square(features.pooled.astype(jnp.float32)))

        return jax.grad(loss)(params)

    return timed(lambda: gradient(params), seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--batch", type=int, default=0, help="images; 0 is each case's own")
    parser.add_argument("--step", action="store_true", help="also time encoders' training steps")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    cores = usable_cores()
    import jax

    from jssl.augmentations import recipes

    jax.config.update("jax_num_cpu_devices", cores)
    lines: list[dict[str, Any]] = [
        {
            "machine": platform.processor() or platform.machine(),
            "cores": cores,
            "device": jax.devices()[0].device_kind,
            "devices": jax.device_count(),
            "jax": jax.__version__,
            "pillow": PIL.__version__,
            "command": " ".join(["python", "benchmarks/augmentation.py", *sys.argv[1:]]),
        }
    ]
    print(json.dumps(lines[0]), flush=True)
    for case in arguments.cases.split(","):
        recipe, size, source, batch, specs = CASES[case]
        count = arguments.batch or batch
        # Noise: content does not matter to jssl, and little to Pillow.
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (count, source, source, 3), dtype=np.uint8)
        run, made = maker(recipes.get(recipe, size=size), images)
        span = arguments.seconds / 3
        turns = [
            (made / timed(run, span), pillow_rate(images, specs, span, cores)) for _ in range(3)
        ]
        ours, theirs = (float(np.median(side)) for side in zip(*turns, strict=True))
        line = {"case": case, "batch": count, "views_per_second": round(ours, 1)}
        line |= {"pillow_views_per_second": round(theirs, 1), "ratio": round(ours / theirs, 2)}
        line["ratios"] = sorted(round(a / b, 2) for a, b in turns)
        if recipe == "simclr":
            costs = shares(size, images, arguments.seconds / 2)
            total = sum(costs.values())
            line["ms_per_view"] = {k: round(v, 4) for k, v in costs.items()}
            line["share"] = {k: round(v / total, 3) for k, v in costs.items()}
        lines.append(line)
        print(json.dumps(line), flush=True)
        if arguments.step and recipe == "simclr":
            for name in ("resnet50", "vit_s16"):
                step = step_seconds(name, count, size, arguments.seconds)
                # One device makes and trains on its part of the views.
                making = count / (ours / jax.device_count())
                extra = {"case": f"{case} beside {name}", "step_ms": round(step * 1e3, 1)}
                lines.append(extra | {"augmentation_share": round(making / (making + step), 3)})
                print(json.dumps(lines[-1]), flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(lines, indent=1) + "\n")


if __name__ == "__main__":
    main()
