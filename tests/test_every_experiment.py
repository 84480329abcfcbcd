"""What every experiment owes its users, checked for each one that is there."""

import dataclasses
import inspect
import json
from pathlib import Path

import chex
import jax
import numpy as np
import pytest

from jssl.config import experiment as registry
from jssl.config.overrides import describe, fingerprint
from jssl.data.order import batch_indices
from jssl.training import sharding
from jssl.training.program import build

NAMES = registry.names()


def test_the_experiments_are_there() -> None:
    wanted = {
        *("image/simclr_digits", "image/simclr_shapes", "image/byol_shapes", "image/mae_shapes"),
        *("image/simclr_cifar10", "image/byol_cifar10", "image/mae_cifar10"),
        *("image/simclr_imagenet", "image/mae_imagenet"),
    }
    assert wanted <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_documented_and_written_down(name: str) -> None:
    module, text = registry.load_module(name), registry.about(name)
    assert len(text.splitlines()[0]) > 20
    assert f"jssl train {name}" in text
    loaded = registry.load(name)
    assert loaded.name == name
    assert len(loaded.paper) > 10
    assert loaded.family in {path.split("/")[0] for path in registry.methods()}
    text = json.dumps(describe(loaded), allow_nan=False)
    assert "0x" not in text
    assert fingerprint(registry.load(name)) == fingerprint(loaded)
    if "cifar" in name:
        lines = Path(inspect.getsourcefile(module)).read_text().splitlines()
        assert len(lines) <= 40


def smoke_program(name: str):
    small = registry.load(name).smoke()
    small.check()
    # The rate is that of a batch of 4, and warm-up may take it to nothing.
    small = dataclasses.replace(
        small, optimizer=dataclasses.replace(small.optimizer, warmup_epochs=0.0, scaling="none")
    )
    train = small.data.load().train
    return small, train, build(small, train[0], len(train), sharding.make_mesh(1))


@pytest.mark.rotating(shares=9)
@pytest.mark.parametrize("experiment", NAMES)
def test_its_train_step_can_be_traced(experiment: str) -> None:
    """Shapes and names fit, from views to metrics; nothing is compiled."""
    small, _, program = smoke_program(experiment)
    state = program.abstract_state
    batch = {
        key: jax.ShapeDtypeStruct((small.batch_size, *spec.shape), spec.dtype)
        for key, spec in program.example.items()
    }
    after, metrics = jax.eval_shape(program.train_step, state, batch, jax.random.key(0))
    chex.assert_trees_all_equal_shapes(after, state)
    assert {"loss", "gradient_norm", "learning_rate"} <= metrics.keys()


# The conformance suite runs an experiment of every method; here the walk is over experiments.
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=pytest.mark.rotating
            if name in ("image/simclr_digits", "image/mae_shapes")
            else pytest.mark.slow,
        )
        for name in NAMES
    ],
)
def test_its_smoke_copy_trains_into_a_second_epoch(name: str) -> None:
    small, train, program = smoke_program(name)
    root = program.root_key(0)
    state = program.init(root)
    before = np.asarray(sum(np.abs(np.asarray(x)).sum() for x in leaves(state)))
    steps = max(2, len(train) // small.batch_size + 1)  # a first epoch may only fill a memory
    for step in range(steps):
        index = batch_indices(0, step, len(train), small.batch_size)
        batch = sharding.put_batch(train[index] | {"index": index.astype(np.int32)}, program.mesh)
        state, metrics = program.step(state, batch, root)
        values = {key: float(value) for key, value in metrics.items()}
        assert np.isfinite(list(values.values())).all(), values
        assert {"loss", "gradient_norm", "learning_rate"} <= values.keys()
    assert values["gradient_norm"] > 0
    assert int(state.step) == steps
    after = np.asarray(sum(np.abs(np.asarray(x)).sum() for x in leaves(state)))
    assert after != before


def leaves(state) -> list:
    return jax.tree.leaves(state.params)
