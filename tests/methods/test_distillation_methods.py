"""Schedules, targets and memories of the distillation methods, on plain arrays."""

import math
from types import SimpleNamespace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.core.progress import Progress
from jssl.encoders.features import Features
from jssl.methods.contextual_targets import mean_of_blocks
from jssl.methods.distillation.data2vec import Data2Vec
from jssl.methods.distillation.dino import DINO
from jssl.methods.distillation.dinov2 import DINOv2
from jssl.methods.distillation.ibot import IBOT
from jssl.methods.distillation.msn import MSN
from jssl.methods.distillation.random_teacher import RandomTeacher
from jssl.methods.step import Step
from jssl.objectives.distillation import cross_view, teacher_targets

KEY = jax.random.key(0)


def test_dino_reads_its_centre_before_it_moves() -> None:
    method = DINO(prototypes=4, centre_momentum=0.5)
    scores = jax.random.normal(KEY, (3, 4, 4))
    memory = {"centre": jnp.array([1.0, 0, 0, 0])}
    outputs = {"student": scores, "teacher": scores[:, :2]}
    at = Step(memory=memory, key=KEY, progress=Progress(0, 10, 5))
    loss, _ = method.objective(at, outputs)
    moved = method.remember(at, outputs)
    targets = teacher_targets(scores[:, :2], temperature=0.04, centre=memory["centre"])
    np.testing.assert_allclose(loss, jnp.mean(cross_view(scores, targets, temperature=0.1)))
    mean = jnp.mean(scores[:, :2], axis=(0, 1))
    np.testing.assert_allclose(moved["centre"], 0.5 * memory["centre"] + 0.5 * mean, rtol=1e-6)


def test_dino_schedules() -> None:
    method = DINO(temperature=0.07, temperature_warmup=2.0)
    found = [float(method.teacher_temperature(Progress(step, 40, 10))) for step in (0, 10, 20, 39)]
    np.testing.assert_allclose(found, [0.04, 0.055, 0.07, 0.07], rtol=1e-5)
    updates = {"encoder": jnp.ones(2), "head": {"prototypes": {"kernel": jnp.ones((2, 2))}}}
    for step, held in ((9, True), (10, False)):
        scaled = method.scale_updates(Step(progress=Progress(step, 40, 10)), updates)
        assert bool(jnp.all(scaled["head"]["prototypes"]["kernel"] == 0)) == held


def ibot_outputs() -> dict[str, jax.Array]:
    keys = jax.random.split(KEY, 5)
    return {
        "student": jax.random.normal(keys[0], (4, 3, 5)),
        "teacher": jax.random.normal(keys[1], (4, 2, 5)),
        "student_patches": jax.random.normal(keys[2], (4, 2, 3, 5)),
        "teacher_patches": jax.random.normal(keys[3], (4, 2, 3, 5)),
        "masked": jnp.array([[[1, 1, 0], [0, 0, 0]]] * 4, bool),
        "pooled": jax.random.normal(keys[4], (4, 2, 6)),
    }


@pytest.mark.parametrize("centring", ["centre", "sinkhorn"])
def test_ibot_patches_that_are_not_hidden_count_for_nothing(centring: str) -> None:
    method = IBOT(prototypes=5, centring=centring)
    memory = {"centre": jnp.zeros(5), "patch_centre": jnp.zeros(5)}
    at, outputs = Step(memory=memory, key=KEY, progress=Progress(0, 10, 5)), ibot_outputs()

    def both(outputs):
        return method.objective(at, outputs), method.remember(at, outputs)

    found = both(outputs)
    noise = {
        name: jnp.where(outputs["masked"][..., None], outputs[name], 7.0)
        for name in ("student_patches", "teacher_patches")
    }
    other = both({**outputs, **noise})
    chex.assert_trees_all_close(found, other, rtol=1e-5)


def test_ibot_counts_crops_without_a_mask_as_zero() -> None:
    method = IBOT(prototypes=5)
    memory = {"centre": jnp.zeros(5), "patch_centre": jnp.zeros(5)}
    outputs = {**ibot_outputs(), "student_patches": jnp.zeros((4, 2, 3, 5))}
    _, metrics = method.objective(
        Step(memory=memory, key=KEY, progress=Progress(0, 10, 5)), outputs
    )
    np.testing.assert_allclose(metrics["patch_loss"], math.log(5) / 2, rtol=1e-6)


def test_dinov2_adds_koleo_of_each_crop() -> None:
    outputs = ibot_outputs()
    corners = jnp.eye(4, 6)
    outputs["pooled"] = jnp.stack([corners, corners[::-1]], axis=1)
    memory = {"centre": jnp.zeros(5), "patch_centre": jnp.zeros(5)}
    losses = []
    for weight in (0.0, 0.1):
        method = DINOv2(prototypes=5, patch_prototypes=5, koleo_weight=weight)
        losses.append(
            method.objective(Step(memory=memory, key=KEY, progress=Progress(0, 10, 5)), outputs)[0]
        )
    np.testing.assert_allclose(losses[1] - losses[0], -0.1 * math.log(2), rtol=1e-4)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_a_random_teacher_keeps_the_spread_of_its_student(alpha: float) -> None:
    params = {"kernel": jax.random.normal(KEY, (100, 80)), "bias": jnp.ones(80)}
    teacher = RandomTeacher(alpha=alpha).init_memory(Step(None, params, {}, key=KEY))["teacher"][
        "params"
    ]
    np.testing.assert_array_equal(teacher["bias"], params["bias"])
    np.testing.assert_allclose(jnp.std(teacher["kernel"]), jnp.std(params["kernel"]), rtol=0.03)
    cosine = jnp.sum(teacher["kernel"] * params["kernel"]) / jnp.sum(params["kernel"] ** 2)
    np.testing.assert_allclose(cosine, alpha / math.hypot(alpha, 1 - alpha), atol=0.04)


def test_data2vec_targets_are_the_mean_of_normalised_blocks() -> None:
    blocks = {f"block{i}": jax.random.normal(jax.random.key(i), (2, 5, 4)) for i in range(4)}
    extras = {**blocks, "block3.attention": jnp.zeros((2, 1, 5, 5)), "cls": jnp.zeros((2, 4))}
    features = Features(pooled=jnp.zeros((2, 4)), tokens=jnp.zeros((2, 3, 4)), extras=extras)
    found = mean_of_blocks(features, 2)
    expected = 0.0
    for name in ("block2", "block3"):
        x = np.asarray(blocks[name])[:, 2:]
        expected += (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) / 2
    np.testing.assert_allclose(found, expected, atol=1e-5)
    # data2vec normalises the mean as well, unless it is told not to.
    step = SimpleNamespace(net=SimpleNamespace(encoder=None), teacher=lambda x, net: features)
    for method, wanted in (
        (Data2Vec(top=2, normalize_mean=False), expected),
        (
            Data2Vec(top=2),
            (expected - expected.mean(-1, keepdims=True))
            / np.sqrt(expected.var(-1, keepdims=True) + 1e-5),
        ),
    ):
        np.testing.assert_allclose(method.target(step, {}, None), wanted, atol=1e-5)


def test_msn_is_least_for_sharp_assignments_that_use_every_prototype() -> None:
    method = MSN(prototypes=4)
    sharp = 10.0 * jnp.eye(4)
    outputs = {"anchors": jnp.repeat(sharp[:, None], 3, axis=1), "target": sharp}
    at = Step(key=KEY, progress=Progress(0, 10, 5))
    np.testing.assert_allclose(method.objective(at, outputs)[0], 0.0, atol=1e-5)
    same = {"anchors": jnp.zeros((4, 3, 4)).at[..., 0].set(10.0), "target": sharp[:1].repeat(4, 0)}
    found = MSN(prototypes=4, balance=False).objective(at, same)[0]
    np.testing.assert_allclose(found, math.log(4), atol=1e-4)
