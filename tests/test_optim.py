"""Learning-rate rules and optimizer steps against hand calculation."""

import dataclasses
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.config.overrides import describe, fingerprint
from jssl.encoders.vit import ViT
from jssl.errors import UserError
from jssl.methods.contrastive.simclr import SimCLR
from jssl.methods.distillation.dino import DINO
from jssl.training.optim import Optimizer

PARAMS = {"kernel": jnp.array([[1.0, -2.0], [0.5, 3.0]]), "bias": jnp.array([1.0, -1.0])}
GRADIENTS = {"kernel": jnp.array([[0.1, 0.2], [-0.3, 0.4]]), "bias": jnp.array([0.5, -0.25])}


def rates(optimizer: Optimizer, *, batch: int = 256, steps: int = 100, epoch: int = 10) -> list:
    schedule = optimizer.schedule(batch, steps, epoch)
    return [float(schedule(jnp.int32(step))) for step in range(steps)]


def steps_of(optimizer: Optimizer, count: int) -> dict[str, np.ndarray]:
    """Parameters after some steps with one gradient, at a constant rate (a very long run)."""
    tx = optimizer.build(256, 10**9, 10**9)
    params, state = PARAMS, tx.init(PARAMS)
    for _ in range(count):
        updates, state = tx.update(GRADIENTS, state, params)
        params = jax.tree.map(jnp.add, params, updates)
    return {name: np.asarray(value, np.float64) for name, value in params.items()}


def test_warmup_counts_the_first_step_and_the_peak_is_reached() -> None:
    got = rates(Optimizer(learning_rate=2.0, warmup_epochs=2))
    np.testing.assert_allclose(got[:20], 2.0 * np.arange(1, 21) / 20, rtol=1e-6)
    assert max(got) == pytest.approx(2.0)
    assert got[20] == pytest.approx(2.0)
    assert all(a > b for a, b in itertools.pairwise(got[20:]))
    halfway = 20 + 40
    assert got[halfway] == pytest.approx(1.0)
    assert got[-1] == pytest.approx(1.0 + math.cos(math.pi * 79 / 80), abs=1e-6)


def test_start_and_end_are_shares_of_the_peak() -> None:
    optimizer = Optimizer(learning_rate=2.0, warmup_epochs=1, warmup_start=0.5, end=0.1)
    got = rates(optimizer)
    np.testing.assert_allclose(got[:10], 2.0 * (0.5 + 0.5 * np.arange(1, 11) / 10), rtol=1e-6)
    assert float(optimizer.schedule(256, 100, 10)(100)) == pytest.approx(0.2)


def test_without_warmup_the_first_step_is_the_peak() -> None:
    got = rates(Optimizer(learning_rate=0.5))
    assert got[0] == pytest.approx(0.5)
    assert got[50] == pytest.approx(0.25)


def test_warmup_longer_than_the_run_still_ends() -> None:
    got = rates(Optimizer(learning_rate=1.0, warmup_epochs=1000), steps=4)
    np.testing.assert_allclose(got, [1 / 3, 2 / 3, 1.0, 1.0], rtol=1e-6)
    assert rates(Optimizer(learning_rate=1.0, warmup_epochs=3), steps=1) == [1.0]


@pytest.mark.parametrize(
    ("scaling", "peak"), [("none", 0.3), ("linear", 0.3 * 4096 / 256), ("sqrt", 0.3 * 4)]
)
def test_scaling_with_the_batch(scaling: str, peak: float) -> None:
    optimizer = Optimizer(learning_rate=0.3, scaling=scaling)
    assert optimizer.peak(4096) == pytest.approx(peak)
    assert optimizer.peak(256) == pytest.approx(0.3)
    assert max(rates(optimizer, batch=4096)) == pytest.approx(peak)


def test_sgd_step() -> None:
    optimizer = Optimizer("sgd", learning_rate=0.1, momentum=0.9, weight_decay=0.01)
    got = steps_of(optimizer, 2)
    for name, decay in (("kernel", 0.01), ("bias", 0.0)):
        value, g = np.asarray(PARAMS[name], np.float64), np.asarray(GRADIENTS[name], np.float64)
        trace = 0.0
        for _ in range(2):
            trace = 0.9 * trace + g + decay * value
            value = value - 0.1 * trace
        np.testing.assert_allclose(got[name], value, rtol=1e-6)


def test_nesterov_looks_ahead() -> None:
    got = steps_of(Optimizer("sgd", learning_rate=0.1, momentum=0.9, nesterov=True), 1)
    expected = np.asarray(PARAMS["bias"]) - 0.1 * 1.9 * np.asarray(GRADIENTS["bias"])
    np.testing.assert_allclose(got["bias"], expected, rtol=1e-6)


def test_lars_step() -> None:
    optimizer = Optimizer(
        "lars", learning_rate=0.2, momentum=0.9, weight_decay=0.1, trust_coefficient=0.01
    )
    got = steps_of(optimizer, 2)
    value, g = np.asarray(PARAMS["kernel"], np.float64), np.asarray(GRADIENTS["kernel"], np.float64)
    trace = 0.0
    for _ in range(2):
        update = g + 0.1 * value
        update = update * 0.01 * np.linalg.norm(value) / np.linalg.norm(update)
        trace = 0.9 * trace + 0.2 * update
        value = value - trace
    np.testing.assert_allclose(got["kernel"], value, rtol=1e-6)
    # A bias is neither decayed nor rescaled: SGD with momentum.
    bias = np.asarray(PARAMS["bias"]) - 0.2 * (1 + 1.9) * np.asarray(GRADIENTS["bias"])
    np.testing.assert_allclose(got["bias"], bias, rtol=1e-6)


def test_adamw_step() -> None:
    optimizer = Optimizer("adamw", learning_rate=0.1, beta1=0.8, beta2=0.95, weight_decay=0.05)
    got = steps_of(optimizer, 3)
    for name, decay in (("kernel", 0.05), ("bias", 0.0)):
        value, g = np.asarray(PARAMS[name], np.float64), np.asarray(GRADIENTS[name], np.float64)
        first = second = 0.0
        for t in (1, 2, 3):
            first = 0.8 * first + 0.2 * g
            second = 0.95 * second + 0.05 * g * g
            adam = (first / (1 - 0.8**t)) / (np.sqrt(second / (1 - 0.95**t)) + 1e-8)
            value = value - 0.1 * (adam + decay * value)
        np.testing.assert_allclose(got[name], value, rtol=1e-5)


def test_adam_step_has_the_decay_in_its_gradient() -> None:
    optimizer = Optimizer("adam", learning_rate=0.1, beta1=0.8, beta2=0.95, weight_decay=0.05)
    got = steps_of(optimizer, 3)
    for name, decay in (("kernel", 0.05), ("bias", 0.0)):
        value = np.asarray(PARAMS[name], np.float64)
        first = second = 0.0
        for t in (1, 2, 3):
            g = np.asarray(GRADIENTS[name], np.float64) + decay * value
            first = 0.8 * first + 0.2 * g
            second = 0.95 * second + 0.05 * g * g
            value -= 0.1 * (first / (1 - 0.8**t)) / (np.sqrt(second / (1 - 0.95**t)) + 1e-8)
        np.testing.assert_allclose(got[name], value, rtol=1e-5)


@pytest.mark.parametrize("name", ["sgd", "lars", "adamw"])
def test_vectors_decay_by_name(name: str) -> None:
    optimizer = Optimizer(name, learning_rate=0.1, weight_decay=0.5)
    without = steps_of(optimizer, 1)
    everywhere = steps_of(dataclasses.replace(optimizer, decay_vectors=True), 1)
    np.testing.assert_array_equal(without["kernel"], everywhere["kernel"])
    difference = without["bias"] - everywhere["bias"]
    np.testing.assert_allclose(difference, 0.1 * 0.5 * np.asarray(PARAMS["bias"]), rtol=1e-5)


def test_steps_of_named_parameters_are_multiplied() -> None:
    plain = Optimizer("adamw", learning_rate=0.1, weight_decay=0.1)
    once = steps_of(plain, 1)
    fast = steps_of(dataclasses.replace(plain, multipliers=(("kern", 3.0), ("bias", 0.0))), 1)
    start = np.asarray(PARAMS["kernel"], np.float64)
    np.testing.assert_allclose(fast["kernel"] - start, 3 * (once["kernel"] - start), rtol=1e-5)
    np.testing.assert_array_equal(fast["bias"], PARAMS["bias"])
    with pytest.raises(UserError, match="no parameter's path holds predictor"):
        steps_of(dataclasses.replace(plain, multipliers=(("predictor", 2.0),)), 1)
    with pytest.raises(UserError, match="is no regular expression"):
        dataclasses.replace(plain, multipliers=(("(", 2.0),)).check()
    with pytest.raises(UserError, match="multipliers is"):
        dataclasses.replace(plain, multipliers=(("a", -1),)).check()


def test_clipping_by_the_global_norm() -> None:
    norm = math.sqrt(sum(float(jnp.sum(g * g)) for g in GRADIENTS.values()))
    free = Optimizer("sgd", learning_rate=1.0, momentum=0.0)
    loose, tight = (dataclasses.replace(free, clip_norm=share * norm) for share in (1.1, 0.5))
    moved = {o.clip_norm: steps_of(o, 1)["bias"] - [1.0, -1.0] for o in (free, loose, tight)}
    np.testing.assert_allclose(moved[loose.clip_norm], moved[0.0], rtol=1e-6)
    np.testing.assert_allclose(moved[tight.clip_norm], 0.5 * moved[0.0], rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": "adamww"}, "did you mean 'adamw'"),
        ({"scaling": "square"}, "linear, none, sqrt"),
        ({"reference_batch": 0}, "reference_batch is 0"),
        ({"learning_rate": -0.1}, "learning_rate is -0.1"),
        ({"learning_rate": math.nan}, "learning_rate is nan"),
        ({"warmup_epochs": -1}, "warmup_epochs is -1"),
        ({"momentum": 1.0}, r"momentum is 1.0; it must be in \[0, 1\)"),
        ({"beta2": 95}, "beta2 is 95"),
        ({"clip": "modules"}, "did you mean 'module'"),
        ({"weight_decay_end": -0.1}, "weight_decay_end is -0.1"),
        ({"layer_decay": 0.0}, r"layer_decay is 0.0; it must be in \(0, 1\]"),
        ({"layer_decay": 1.1}, "layer_decay is 1.1"),
    ],
)
def test_wrong_values_are_named(change: dict, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        Optimizer(**change).check()


def test_fields_that_came_later_leave_old_fingerprints_as_they_were() -> None:
    plain = Optimizer("adamw", clip_norm=3.0)
    assert not {"clip", "weight_decay_end", "layer_decay"} & describe(plain).keys()
    for change in ({"clip": "module"}, {"weight_decay_end": 0.4}, {"layer_decay": 0.9}):
        changed = dataclasses.replace(plain, **change)
        assert change.items() <= describe(changed).items()
        assert fingerprint(changed) != fingerprint(plain)


def test_later_fields_of_a_vit_are_left_out_where_they_change_nothing() -> None:
    """Not beside a truncated normal, which has another spread than it had before those fields."""
    later = {"interpolation", "token_std", "mask_std"}
    assert not later & describe(ViT()).keys()
    assert describe(ViT(token_std=1e-6))["token_std"] == 1e-6
    for changed in (ViT(positions="learned"), ViT(kernel_init="trunc_normal")):
        assert later <= describe(changed).keys()


def test_a_method_whose_numbers_changed_says_so_in_its_fingerprint() -> None:
    assert describe(DINO())["revision"] == 2
    assert "revision" not in describe(SimCLR())
