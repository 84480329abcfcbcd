"""What single methods promise: what is frozen, what is read before it moves, what is stopped."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.augmentations.batchwise import mix_views
from jssl.core.progress import Progress
from jssl.encoders.mlp import MLP
from jssl.errors import UserError
from jssl.methods.contrastive.moco_v2 import MoCoV2
from jssl.methods.contrastive.moco_v3 import MoCoV3
from jssl.methods.contrastive.nnclr import NNCLR
from jssl.methods.contrastive.transtab import TransTab
from jssl.methods.distillation.simsiam import SimSiam
from jssl.methods.semisupervised.distill import Distill
from jssl.methods.step import Step
from jssl.objectives.contrastive import multiview_nce, queue_nce

KEY = jax.random.key(0)
PROGRESS = Progress(3, 10, 5)


def start(method, views):
    """Net, params, stats and memory of a small method."""
    net = method.net(MLP(hidden=(8,)))

    @jax.jit
    def init(views):
        variables = dict(method.init(net, KEY, views))
        params = variables.pop("params")
        return params, variables, method.init_memory(Step(None, params, variables, key=KEY))

    return net, *init(views)


def forward(method, net, params, stats, memory, views):
    """Outputs of a method, from one compiled program."""
    run = jax.jit(lambda *state, views: method.forward(Step(net, *state, KEY, PROGRESS), views))
    return run(params, stats, memory, views=views)


def two_views(count: int = 6) -> dict[str, jax.Array]:
    a, b = jax.random.normal(KEY, (2, count, 4, 4, 1))
    return {"a": a, "b": b}


@pytest.mark.parametrize("symmetric", [False, True])
def test_moco_v2_reads_the_queue_before_its_keys_enter(symmetric: bool) -> None:
    method = dataclasses.replace(MoCoV2().smoke(), symmetric=symmetric, queue=20)
    net, params, stats, memory = start(method, two_views())
    outputs = forward(method, net, params, stats, memory, two_views())
    at = Step(memory=memory, key=KEY, progress=PROGRESS)
    loss, _ = method.objective(at, outputs)
    new = method.remember(at, outputs)
    before = memory["queue"]["rows"]
    pairs = [("query_a", "key_b"), ("query_b", "key_a")][: 1 + symmetric]
    expected = [queue_nce(outputs[q], outputs[k], before, temperature=0.2) for q, k in pairs]
    np.testing.assert_allclose(loss, np.mean(expected), rtol=1e-6)
    count = 6 * len(pairs)
    np.testing.assert_allclose(new["queue"]["rows"][count:], before[count:])
    keys = np.concatenate([np.asarray(outputs[k]) for _, k in pairs])
    keys /= np.linalg.norm(keys, axis=1, keepdims=True)
    np.testing.assert_allclose(new["queue"]["rows"][:count], keys, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("supervised", [False, True])
def test_transtab_pulls_parts_of_a_class_together_if_asked(supervised: bool) -> None:
    method = dataclasses.replace(TransTab().smoke(), supervised=supervised)
    parts = {"views": jax.random.normal(KEY, (6, 3, 4, 4, 1))}
    views = {**parts, "label": jnp.asarray([0, 1, 0, 1, 2, 2])}
    net, params, stats, memory = start(method, views)
    outputs = forward(method, net, params, stats, memory, views)
    loss, _ = method.objective(Step(memory=memory, key=KEY, progress=PROGRESS), outputs)
    labels = views["label"] if supervised else None
    expected = np.mean(multiview_nce(outputs["parts"], temperature=1.0, labels=labels))
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    if supervised:
        with pytest.raises(UserError, match="needs the label among the views"):
            method.forward(Step(net, params, stats, memory, KEY, PROGRESS), parts)


def test_nnclr_looks_neighbours_up_before_the_batch_enters() -> None:
    method = NNCLR().smoke()
    net, params, stats, memory = start(method, two_views())
    outputs = forward(method, net, params, stats, memory, two_views())
    # A queue of one row alone: every neighbour is that row, although the batch itself is nearer.
    rows = jnp.zeros_like(memory["queue"]["rows"]).at[:, 0].set(1.0)
    memory = {"queue": {**memory["queue"], "rows": rows}}
    at = Step(memory=memory, key=KEY, progress=PROGRESS)
    loss, _ = method.objective(at, outputs)
    new = method.remember(at, outputs)
    expected = []
    for name in ("prediction_a", "prediction_b"):
        p = np.asarray(outputs[name], np.float64)
        logits = (p / np.linalg.norm(p, axis=1, keepdims=True))[:, 0] / method.temperature
        expected.append(np.log(np.sum(np.exp(logits))) - np.mean(logits))
    np.testing.assert_allclose(loss, np.mean(expected), rtol=1e-5)
    assert not np.allclose(new["queue"]["rows"][:6], rows[:6])
    gradient = jax.jit(
        jax.grad(lambda o: method.objective(Step(memory=memory, key=KEY, progress=PROGRESS), o)[0])
    )(outputs)
    assert not np.any(gradient["projection_a"])
    assert np.any(gradient["prediction_a"])


def test_moco_v3_freezes_the_patch_projection_alone() -> None:
    updates = {
        "encoder": {"patch_embedding": {"kernel": jnp.ones(2)}, "transformer": jnp.ones(2)},
        "projector": jnp.ones(2),
    }
    scaled = MoCoV3().scale_updates(Step(progress=PROGRESS), updates)
    assert not np.any(scaled["encoder"]["patch_embedding"]["kernel"])
    assert np.all(scaled["encoder"]["transformer"]) and np.all(scaled["projector"])
    free = dataclasses.replace(MoCoV3(), frozen="").scale_updates(Step(progress=PROGRESS), updates)
    assert all(np.all(leaf) for leaf in jax.tree.leaves(free))


@pytest.mark.parametrize(("rate", "factor"), [(1.0, 1.0), (0.25, 4.0), (0.0, 0.0)])
def test_simsiam_keeps_the_predictors_rate_at_the_peak(rate: float, factor: float) -> None:
    updates = {"encoder": jnp.ones(2), "predictor": {"kernel": jnp.ones(2)}}
    scaled = SimSiam().scale_updates(Step(progress=Progress(3, 10, 5, rate)), updates)
    np.testing.assert_allclose(scaled["predictor"]["kernel"], factor)
    np.testing.assert_allclose(scaled["encoder"], 1.0)


def test_simsiam_stops_the_gradient_of_its_targets() -> None:
    method = SimSiam().smoke()
    net, params, stats, memory = start(method, two_views())

    @jax.jit
    @jax.grad
    def slope(params):
        outputs = method.forward(Step(net, params, stats, memory, KEY, PROGRESS), two_views())
        return jnp.sum(outputs["target_a"])

    assert not any(np.any(leaf) for leaf in jax.tree.leaves(slope(params)))


def test_distillation_leaves_its_teacher_alone() -> None:
    method = dataclasses.replace(Distill().smoke(), classes=5)
    views = {"image": two_views()["a"]}
    net, params, stats, memory = start(method, views)
    moved = jax.tree.map(lambda leaf: leaf + 0.1, params)

    def loss(params, memory):
        outputs = method.forward(Step(net, params, stats, memory, KEY, PROGRESS), views)
        return method.objective(Step(memory=memory, key=KEY, progress=PROGRESS), outputs)[0]

    gradients = jax.jit(jax.grad(loss, argnums=(0, 1)))(moved, memory)
    assert any(np.any(leaf) for leaf in jax.tree.leaves(gradients[0]))
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(gradients[1]))
    after = method.after_update(Step(None, moved, stats, memory, progress=PROGRESS))
    chex.assert_trees_all_equal(after, memory)


def test_mixed_views_are_what_partner_and_share_say() -> None:
    views = two_views()
    mixed = mix_views(KEY, views)["mixed"]
    share = float(mixed["share"][0])
    assert 0.0 < share < 1.0
    np.testing.assert_allclose(mixed["share"], share)
    assert sorted(mixed["partner"].tolist()) == list(range(6))
    a, b = (np.asarray(views[name], np.float64) for name in "ab")
    expected = share * a + (1 - share) * b[np.asarray(mixed["partner"])]
    np.testing.assert_allclose(mixed["image"], expected, atol=1e-6)
