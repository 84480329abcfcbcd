"""Two-pass against one-pass variance in norm layers: their accuracy, and what a step costs.

Prints the error of both forms against float64 where the mean is 10, 1000 and 10 000 standard
deviations, and the ratio of training steps' times (two-pass over one-pass) of a ViT and a ResNet,
taken in turn in one process, so that a busy machine slows both.

    python benchmarks/norm_variance.py [--steps 15] [--batch 64] [--dtype float32]
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Iterator
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from jssl.encoders.resnet import ResNet
from jssl.encoders.vit import ViT
from jssl.nn import module as nn
from jssl.nn.norm import batch_norm, layer_norm

LAYERS = {"LayerNorm": nn.LayerNorm, "BatchNorm": nn.BatchNorm}


FORMS = ("one-pass", "two-pass")


@contextlib.contextmanager
def using(form: str) -> Iterator[None]:
    """Inside it the library's norm layers use that form of the variance."""
    with contextlib.ExitStack() as stack:
        for name, layer in LAYERS.items() if form == "one-pass" else ():

            def made(layer: type[nn.Module] = layer, **options: Any) -> nn.Module:
                return layer(**options | {"use_fast_variance": True})

            stack.enter_context(mock.patch.object(nn, name, made))
        yield


def errors(form: str, offset: float) -> tuple[float, float]:
    """Largest relative error of LayerNorm's and BatchNorm's standard deviation."""
    x = (np.random.default_rng(0).standard_normal((4096, 384)) + offset).astype(np.float32)
    exact = x.astype(np.float64)
    with using(form):
        rows = layer_norm(scale=False, shift=False, epsilon=0.0).apply({}, x)
        layer = batch_norm(train=True, scale=False, shift=False, epsilon=0.0, momentum=0.0)
        state = layer.init(jax.random.key(0), x)
        _, state = layer.apply(state, x, mutable=["batch_stats"])
    # The output's spread is the true one over the one that was found.
    ratio = 1.0 / np.asarray(rows, np.float64).std(axis=1)
    found = np.sqrt(np.asarray(state["batch_stats"]["var"], np.float64))
    return (
        float(np.nanmax(np.abs(ratio - 1.0))) if np.isfinite(ratio).all() else float("inf"),
        float(np.max(np.abs(found / exact.std(axis=0) - 1.0))),
    )


def step(net: nn.Module, form: str, x: jax.Array) -> tuple[Any, Any]:
    """A compiled gradient of a training step's size, and its parameters."""
    with using(form):
        variables = jax.jit(lambda k, x: net.init(k, x, train=True))(jax.random.key(0), x)

        def loss(params: Any, x: jax.Array) -> jax.Array:
            features, _ = net.apply(
                variables | {"params": params}, x, train=True, mutable=["batch_stats"]
            )
            return jnp.mean(jnp.square(features.pooled.astype(jnp.float32)))

        return jax.jit(jax.grad(loss)).lower(variables["params"], x).compile(), variables["params"]


def cost(compiled: Any) -> tuple[float, float]:
    """Bytes that a compiled program moves and floating-point operations it does, by XLA's count."""
    found = compiled.cost_analysis()
    return found["bytes accessed"], found["flops"]


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--dtype", default="float32")
    options = parser.parse_args()
    print("| mean / std | LayerNorm one-pass | two-pass | BatchNorm one-pass | two-pass |")
    print("|---:|---:|---:|---:|---:|")
    for offset in (10.0, 1e3, 1e4):
        one, two = errors("one-pass", offset), errors("two-pass", offset)
        print(f"| {offset:g} | {one[0]:.1e} | {two[0]:.1e} | {one[1]:.1e} | {two[1]:.1e} |")
    nets = {
        "ViT, width 192, 6 blocks, 32 px in patches of 4": ViT(
            patch_size=4, width=192, depth=6, heads=3, dtype=options.dtype
        ),
        "ResNet-18, 32 px": ResNet(depth=18, stem="cifar", dtype=options.dtype),
    }
    x = jnp.asarray(np.random.default_rng(0).random((options.batch, 32, 32, 3)), jnp.float32)
    device = jax.devices()[0]
    print(f"\n{device.device_kind}, batch {options.batch}, {options.dtype}, forward and backward")
    print("| net | one-pass, ms | two-pass, ms | ratio (quartiles) | bytes moved, ratio | flops |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, net in nets.items():
        compiled = {form: step(net, form, x) for form in FORMS}
        times = {form: [] for form in FORMS}
        for turn in range(options.steps + 2):
            for form in sorted(FORMS, reverse=turn % 2 == 1):
                run, params = compiled[form]
                start = time.perf_counter()
                jax.block_until_ready(run(params, x))
                times[form].append(time.perf_counter() - start)
        one, two = (np.array(times[form][2:]) for form in ("one-pass", "two-pass"))
        moved, flops = (
            two_pass / one_pass
            for one_pass, two_pass in zip(*(cost(compiled[form][0]) for form in FORMS), strict=True)
        )
        low, middle, high = np.percentile(two / one, (25, 50, 75))
        print(
            f"| {name} | {1e3 * np.median(one):.0f} | {1e3 * np.median(two):.0f} | "
            f"{middle:.3f} ({low:.3f} to {high:.3f}) | {moved:.2f} | {flops:.2f} |"
        )


if __name__ == "__main__":
    main()
