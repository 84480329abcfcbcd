"""Views per second: jssl's augmentation against Pillow's on all cores, in one run.

    python benchmarks/augmentation.py [--cases simclr_32,simclr_224] [--seconds 5] [--out F]

Both sides make the same views of the same uint8 images, already decoded: the same operations,
probabilities and ranges, to normalised float32. jssl runs one jitted program on a batch; Pillow
one image at a time in a process per core, as data loaders of peers do, and is spared the cost of
sending its results on. The share of each operation is its time alone over the sum of all.
With an accelerator, `--step` also times a training step of ResNet-50 and ViT-S/16 on such views.
Prints one JSON line per figure.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import platform
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

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


def pillow_rate(images: np.ndarray, specs: list[tuple], seconds: float) -> float:
    """Views per second of one process per core."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    # Fresh processes: a fork of one in which JAX runs may hang.
    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        jobs = [(images[:64], specs, seconds, seed) for seed in range(cores)]
        pool.starmap(_work, [(images[:8], specs, 0.2, 0)] * cores)
        return sum(made / spent for made, spent in pool.starmap(_work, jobs))


def timed(function: Callable[[], Any], seconds: float) -> float:
    """Seconds of one call: the median over a time span, after a first call that compiles."""
    import jax

    jax.block_until_ready(function())
    laps, start = [], time.perf_counter()
    while time.perf_counter() - start < seconds or len(laps) < 3:
        lap = time.perf_counter()
        jax.block_until_ready(function())
        laps.append(time.perf_counter() - lap)
    return float(np.median(laps))


def jssl_rate(recipe: str, size: int, images: np.ndarray, seconds: float) -> float:
    """Views per second of the jitted recipe on a batch that lies on the device."""
    import jax
    import jax.numpy as jnp

    from jssl.augmentations import recipes

    views = jax.jit(recipes.get(recipe, size=size))
    batch = {"image": jnp.asarray(images), "index": jnp.arange(len(images))}
    key = jax.random.key(0)
    out = views(key, batch)
    made = sum(int(np.prod(v.shape[:-3])) for v in jax.tree.leaves(out))
    return made / timed(lambda: views(key, batch), seconds)


def shares(size: int, images: np.ndarray, seconds: float) -> dict[str, float]:
    """Milliseconds a view that each operation of SimCLR takes alone."""
    import jax
    import jax.numpy as jnp

    from jssl.augmentations import blur, colour, geometry, sometimes

    strengths = dict(brightness=0.8, contrast=0.8, saturation=0.8, hue=0.2)
    crop = partial(geometry.random_resized_crop, size=size, method="bicubic")
    later = {
        "flip": geometry.flip,
        "colour_jitter": sometimes(partial(colour.colour_jitter, **strengths), 0.8),
        "grayscale": sometimes(colour.grayscale, 0.2),
        "gaussian_blur": sometimes(blur.gaussian_blur, 0.5),
        "normalise": colour.normalise,
    }
    keys = jax.random.split(jax.random.key(0), len(images))
    source = jnp.asarray(images)
    cropped = jax.block_until_ready(jax.jit(jax.vmap(crop))(keys, source))

    def cost(op: Callable[..., jax.Array], x: jax.Array) -> float:
        run = jax.jit(jax.vmap(op))
        return timed(lambda: run(keys, x), seconds) / len(images) * 1e3

    result = {"random_resized_crop": cost(crop, source)}
    return result | {name: cost(op, cropped) for name, op in later.items()}


def step_seconds(name: str, batch: int, seconds: float) -> float:
    """Seconds of forward and backward of an encoder on `batch` views of 224 pixels, in bf16."""
    import jax
    import jax.numpy as jnp

    from jssl.encoders.resnet import ResNet
    from jssl.encoders.vit import vit

    if name == "resnet50":
        net = ResNet(depth=50, stem="imagenet", dtype="bfloat16")
    else:
        net = vit("S", patch=16, dtype="bfloat16")
    x = jnp.zeros((batch, 224, 224, 3))
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
    import jax

    lines: list[dict[str, Any]] = [
        {
            "machine": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "device": jax.devices()[0].device_kind,
            "jax": jax.__version__,
        }
    ]
    print(json.dumps(lines[0]), flush=True)
    for case in arguments.cases.split(","):
        recipe, size, source, batch, specs = CASES[case]
        count = arguments.batch or batch
        # Smooth and noisy at once: content does not matter to jssl, and little to Pillow.
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (count, source, source, 3), dtype=np.uint8)
        ours = jssl_rate(recipe, size, images, arguments.seconds)
        theirs = pillow_rate(images, specs, arguments.seconds)
        line = {"case": case, "batch": count, "views_per_second": round(ours, 1)}
        line |= {"pillow_views_per_second": round(theirs, 1), "ratio": round(ours / theirs, 2)}
        if recipe == "simclr":
            costs = shares(size, images, min(1.0, arguments.seconds))
            total = sum(costs.values())
            line["ms_per_view"] = {k: round(v, 4) for k, v in costs.items()}
            line["share"] = {k: round(v / total, 3) for k, v in costs.items()}
        lines.append(line)
        print(json.dumps(line), flush=True)
        if arguments.step and size == 224 and recipe == "simclr":
            for name in ("resnet50", "vit_s16"):
                step = step_seconds(name, count, arguments.seconds)
                share = count / ours / (count / ours + step)
                extra = {"case": f"{case} beside {name}", "step_ms": round(step * 1e3, 1)}
                lines.append(extra | {"augmentation_share": round(share, 3)})
                print(json.dumps(lines[-1]), flush=True)
    if arguments.out:
        arguments.out.write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main()
