"""Small encoders with random weights, and images for them."""

import functools

import jax
import numpy as np

from jssl.augmentations.recipes import evaluation
from jssl.data.source import ArraySource, Splits
from jssl.encoders.vit import ViT
from jssl.interop.encoder import Encoder, _applied


def splits(train=50, rest=6, *, size=8, labels=True, seed=0):
    random = np.random.default_rng(seed)

    def part(count):
        arrays = {"image": random.integers(0, 256, (count, size, size, 3), np.uint8)}
        return ArraySource(arrays | ({"label": np.arange(count) % 3} if labels else {}))

    return Splits(part(train), part(rest), part(rest), "noise", ("a", "b", "c") if labels else ())


def encoder(module=None, *, size=8, seed=0):
    module = module or ViT("Ti", patch_size=4, width=16, depth=2, heads=2, kernel_init="lecun")
    x = jax.ShapeDtypeStruct((1, size, size, 3), np.float32)
    shapes = jax.eval_shape(lambda x: module.init(jax.random.key(0), x, train=False), x)
    random = np.random.default_rng(seed)  # drawing them here compiles nothing

    def draw(path, leaf):
        last = path[-1].key
        if last in ("var", "scale"):
            return random.uniform(0.5, 1.5, leaf.shape).astype(np.float32)
        fan = leaf.size // max(leaf.shape[-1], 1) if last == "kernel" else 4
        return (random.normal(size=leaf.shape) * fan**-0.5).astype(np.float32)

    variables = jax.tree_util.tree_map_with_path(draw, shapes)
    return Encoder(
        module,
        variables,
        functools.partial(_applied, module),
        evaluation(),
        {"image": jax.ShapeDtypeStruct((size, size, 3), np.uint8)},
        "random weights",
    )
