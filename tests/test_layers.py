"""Blocks run as a loop get the updates that they would get one by one, from every optimizer."""

import dataclasses
import importlib
import pkgutil
import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jssl.encoders
from jssl.core import layers
from jssl.core.state import paths
from jssl.encoders.regnet import Design, RegNet
from jssl.errors import UserError
from jssl.methods.masked.mae import MAE
from jssl.nn import module as nn
from jssl.training.optim import Optimizer

# What makes each encoder small; one that offers `scan` and is not here fails the walk.
SMALL = {
    "ViT": {"variant": "Ti", "patch_size": 4, "width": 16, "depth": 3, "heads": 2},
    "RegNet": {"design": Design(3, 8, 1.0, 2.5, 8)},
}
TWO_STAGES = RegNet(design=Design(5, 8, 8.0, 2.0, 8))
CASES = {
    "sgd": Optimizer("sgd", weight_decay=0.3, nesterov=True),
    "lars": Optimizer("lars", weight_decay=0.3, trust_coefficient=0.1),
    "adam": Optimizer("adam", weight_decay=0.3),
    "adamw": Optimizer("adamw", weight_decay=0.3),
    "vectors decay": Optimizer("sgd", weight_decay=0.3, decay_vectors=True),
    "global clip": Optimizer("sgd", clip_norm=1.0),
    "clip by parameter": Optimizer("sgd", clip="parameter", clip_norm=1.0),
    "clip by module": Optimizer("sgd", clip="module", clip_norm=1.0),
    "growing decay": Optimizer("adamw", weight_decay=0.04, weight_decay_end=0.4),
    "layer decay": Optimizer("adamw", weight_decay=0.1, layer_decay=0.7),
    "lars, all of it": Optimizer(
        "lars", weight_decay=0.3, clip="parameter", clip_norm=1.0, layer_decay=0.7
    ),
}


def scannable() -> dict[str, type[nn.Module]]:
    """Every encoder with a field `scan`."""
    found = {}
    for info in pkgutil.iter_modules(jssl.encoders.__path__, "jssl.encoders."):
        for value in vars(importlib.import_module(info.name)).values():
            own = isinstance(value, type) and value.__module__ == info.name
            if own and "scan" in getattr(value, "__dataclass_fields__", {}):
                found[value.__name__] = value
    return found


def shapes_of(encoder: nn.Module) -> dict:
    x = jnp.zeros((1, 16, 16, 3))
    made = jax.eval_shape(lambda: encoder.init(jax.random.key(0), x, train=False))
    return {"encoder": made["params"], "projector": {"dense": {"kernel": jnp.zeros((16, 4))}}}


def drawn(shapes: dict, seed: int) -> dict:
    draw = np.random.default_rng(seed)
    # Of another size from array to array, so that a shared ratio or norm shows.
    return jax.tree.map(
        lambda s: (draw.normal(size=s.shape) * 10 ** draw.uniform(-1, 1)).astype(np.float32), shapes
    )


def stack(tree: dict) -> dict:
    """`tree` with the blocks stacked as `scan=True` has them."""
    if not isinstance(tree, dict):
        return tree
    made, stacks = {}, {}
    for name, part in tree.items():
        block = re.fullmatch(r"(?:(stage\d+_)block([1-9]\d*)|block(\d+))", name)
        if not block:
            made[name] = stack(part)
            continue
        stage, later, number = block.groups()
        stacks.setdefault(f"{stage or ''}blocks", []).append((int(later or number), part))
    for name, parts in stacks.items():
        ordered = [part for _, part in sorted(parts, key=lambda pair: pair[0])]
        made[name] = jax.tree.map(lambda *leaves: np.stack(leaves), *ordered)
    return made


def moved(optimizer: Optimizer, params: dict, gradients: list[dict]) -> dict:
    """The sum of the updates."""
    tx = optimizer.build(256, 10, 5)
    state, total = tx.init(params), jax.tree.map(np.zeros_like, params)
    for gradient in gradients:
        updates, state = tx.update(gradient, state, params)
        params, total = (jax.tree.map(np.add, tree, updates) for tree in (params, total))
    return total


def deviation(optimizer: Optimizer, shapes: dict) -> float:
    """Largest difference of two steps, with and without the loop, over the size of the steps."""
    params, *gradients = (drawn(shapes, seed) for seed in range(3))
    plain = paths(stack(moved(optimizer, params, gradients)))
    looped = paths(moved(optimizer, stack(params), [stack(g) for g in gradients]))
    assert plain.keys() == looped.keys()
    assert any(np.any(step) for step in plain.values())
    return max(
        float(np.abs(step - looped[name]).max() / max(np.abs(step).max(), 1e-12))
        for name, step in plain.items()
    )


def test_every_encoder_with_a_loop_is_walked() -> None:
    assert scannable().keys() == SMALL.keys()


@pytest.mark.rotating
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", SMALL)
def test_a_loop_changes_no_update(name: str, case: str) -> None:
    encoder = scannable()[name](**SMALL[name])
    shapes = shapes_of(encoder)
    looped = paths(shapes_of(encoder.clone(scan=True)))
    ours = paths(stack(drawn(shapes, 0)))
    assert {k: x.shape for k, x in looped.items()} == {k: x.shape for k, x in ours.items()}
    assert deviation(CASES[case], shapes) < 1e-5


def test_fine_tuning_knows_the_layers_of_a_loop() -> None:
    for encoder in (scannable()["ViT"](**SMALL["ViT"]), TWO_STAGES):
        tree = drawn(shapes_of(encoder), 0)
        for last in (None, 2):
            plain = layers.layer_factors(tree, 0.5, last)
            ones = jax.tree.map(lambda leaf, f: np.ones_like(leaf) * f, tree, plain)
            looped = layers.layer_factors(stack(tree), 0.5, last)
            got = jax.tree.map(lambda leaf, f: np.ones_like(leaf) * f, stack(tree), looped)
            chex.assert_trees_all_equal(stack(ones), got)


def test_a_decoder_run_as_a_loop_is_a_stack_too() -> None:
    encoder = scannable()["ViT"](**SMALL["ViT"], scan=True)
    net = MAE(decoder_width=16, decoder_depth=2, decoder_heads=2).net(encoder)
    x, keep = jnp.zeros((1, 16, 16, 3)), jnp.zeros((1, 4), jnp.int32)
    masked = jnp.arange(12, dtype=jnp.int32)[None]
    made = jax.eval_shape(lambda: net.init(jax.random.key(0), x, keep, masked, train=False))[
        "params"
    ]
    found = paths(layers.stacked(made))
    stacks = [name for name, many in found.items() if many]
    assert any(name.startswith("decoder") for name in stacks)
    assert any(name.startswith("encoder") for name in stacks)
    assert not any("norm" in name and "blocks" not in name for name in stacks)
    decayed = paths(layers.matrices(made))
    assert not any(decayed[n] for n in decayed if n.endswith(("bias", "_norm/scale")))


def test_one_block_called_blocks_is_no_stack() -> None:
    tree = {"blocks": {"dense": {"kernel": np.zeros((4, 4)), "bias": np.zeros(4)}}}
    assert not any(paths(layers.stacked(tree)).values())
    assert paths(layers.matrices(tree)) == {
        "blocks/dense/kernel": True,
        "blocks/dense/bias": False,
    }


def test_clipping_of_parts_and_of_arrays() -> None:
    big, small = np.full((2, 2), 30.0, np.float32), np.full((4,), 0.01, np.float32)
    tree = {"encoder": {"kernel": big, "bias": small}, "head": {"kernel": big}}
    params = jax.tree.map(np.zeros_like, tree)
    plain = Optimizer("sgd", learning_rate=1.0, momentum=0.0, clip_norm=3.0)
    each, part, whole = (
        moved(dataclasses.replace(plain, clip=clip), params, [tree])
        for clip in ("parameter", "module", "global")
    )
    norm = float(np.linalg.norm(big))
    np.testing.assert_allclose(each["encoder"]["kernel"], -big * 3 / norm, rtol=1e-5)
    np.testing.assert_allclose(each["encoder"]["bias"], -small, rtol=1e-6)
    np.testing.assert_allclose(part["head"]["kernel"], -big * 3 / norm, rtol=1e-5)
    np.testing.assert_allclose(part["encoder"]["bias"], -small * 3 / norm, rtol=1e-3)
    np.testing.assert_allclose(whole["head"]["kernel"], -big * 3 / (norm * 2**0.5), rtol=1e-4)


def test_weight_decay_grows_by_half_a_cosine() -> None:
    tree = {"kernel": np.ones((2, 2), np.float32)}
    still = jax.tree.map(np.zeros_like, tree)
    optimizer = Optimizer(
        "adamw", learning_rate=1.0, end=1.0, weight_decay=0.04, weight_decay_end=0.4
    )
    tx = optimizer.build(256, 10, 10)
    state = tx.init(tree)
    for step in range(10):
        updates, state = tx.update(still, state, tree)
        want = 0.4 - 0.36 * 0.5 * (1 + np.cos(np.pi * step / 10))
        np.testing.assert_allclose(updates["kernel"], -want, rtol=1e-5)


def test_layer_decay_is_of_the_encoder_and_needs_blocks() -> None:
    dense = {"kernel": np.ones((2, 2), np.float32)}
    tree = {
        "encoder": {"patch_embedding": dense, "block0": dense, "block1": dense, "norm": dense},
        "predictor": {"block0": dense},
    }
    optimizer = Optimizer("sgd", learning_rate=1.0, momentum=0.0, layer_decay=0.5)
    got = paths(moved(optimizer, jax.tree.map(np.zeros_like, tree), [tree]))
    assert {name: -float(leaf[0, 0]) for name, leaf in got.items()} == {
        "encoder/patch_embedding/kernel": 0.125,
        "encoder/block0/kernel": 0.25,
        "encoder/block1/kernel": 0.5,
        "encoder/norm/kernel": 1.0,
        "predictor/block0/kernel": 1.0,
    }
    with pytest.raises(UserError, match="no numbered blocks"):
        moved(optimizer, {"encoder": dense}, [{"encoder": dense}])


def table() -> str:
    """Rows for people; `python tests/test_layers.py`."""
    lines = ["| encoder | optimizer | largest difference |", "|---|---|---|"]
    for name, small in SMALL.items():
        shapes = shapes_of(scannable()[name](**small))
        for case, optimizer in CASES.items():
            lines.append(f"| {name} | {case} | {deviation(optimizer, shapes):.1e} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
