"""Named losses: how they are put together, against closed forms, and in micro-batches."""

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.core.progress import Progress
from jssl.encoders.mlp import MLP
from jssl.errors import UserError
from jssl.methods.base import Method, Spec
from jssl.methods.siamese import Siamese
from jssl.methods.step import Step
from jssl.methods.weighing import (
    MGDA,
    PARAMS,
    Fixed,
    PCGrad,
    Scheduled,
    Sum,
    Uncertainty,
    Weighing,
    least_norm,
)
from jssl.nn.heads import MLPHead
from jssl.training.gradients import loss_and_gradients

KEY = jax.random.key(0)
LOSSES = {"one": jnp.float32(2.0), "two": jnp.float32(3.0)}


def test_sums_are_weighted() -> None:
    middle = Progress(5, 10, 5)
    assert float(Sum().total(LOSSES, {}, middle)) == 5.0
    assert float(Fixed((("two", 0.5),)).total(LOSSES, {}, middle)) == 3.5
    moving = Scheduled((("one", 0.0, 1.0),))
    np.testing.assert_allclose(moving.total(LOSSES, {}, middle), 0.5 * 2.0 + 3.0)
    with pytest.raises(UserError, match="the loss 'three'; there are one, two"):
        Fixed((("three", 1.0),)).total(LOSSES, {}, middle)


def test_uncertainty_starts_as_the_sum_and_its_weights_are_least_at_the_optimum() -> None:
    rule = Uncertainty(("one", "two"))
    np.testing.assert_allclose(rule.total(LOSSES, rule.init(), Progress(0, 1, 1)), 5.0)
    # d/ds (exp(-s) L + s / 2) = 0 where exp(-s) = 1 / (2 L).
    best = {name: jnp.log(2.0 * loss) for name, loss in LOSSES.items()}
    slope = jax.grad(lambda s: rule.total(LOSSES, s, Progress(0, 1, 1)))(best)
    np.testing.assert_allclose(list(slope.values()), 0.0, atol=1e-6)


def test_pcgrad_takes_the_conflicting_part_away() -> None:
    a, b = np.array([1.0, 0.0]), np.array([-1.0, 1.0])
    found = PCGrad().combine({"a": [jnp.asarray(a)], "b": [jnp.asarray(b)]}, KEY)[0]
    expected = (a - (a @ b) / (b @ b) * b) + (b - (a @ b) / (a @ a) * a)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    agree = {"a": [jnp.asarray(a)], "b": [jnp.asarray(-b)]}
    np.testing.assert_allclose(PCGrad().combine(agree, KEY)[0], a - b, rtol=1e-6)
    three = {"a": [jnp.array([1.0, 0.0])], "b": [jnp.array([-1.0, 1.0])], "c": [jnp.zeros(2)]}
    assert np.isfinite(PCGrad().combine(three, KEY)[0]).all()


def test_mgda_finds_the_point_of_least_norm() -> None:
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=(2, 6))
    found = MGDA().combine({"a": [jnp.asarray(a)], "b": [jnp.asarray(b)]}, KEY)[0]
    share = np.clip((b - a) @ b / ((a - b) @ (a - b)), 0, 1)
    np.testing.assert_allclose(found, share * a + (1 - share) * b, atol=1e-5)
    rows = draw.normal(size=(4, 3))
    weights = np.asarray(least_norm(jnp.asarray(rows @ rows.T, jnp.float32), 2000))
    assert weights.min() >= 0 and weights.sum() == pytest.approx(1.0, abs=1e-5)
    point = weights @ rows
    # At the point of least norm no row has a smaller inner product with it than itself.
    assert (rows @ point).min() > point @ point - 2e-2


@dataclasses.dataclass(frozen=True)
class TwoLosses(Method):
    """A mean that is pulled two ways, coupled over the batch."""

    rule: Weighing
    views: ClassVar[Spec] = Spec.single()

    def net(self, encoder):
        return Siamese(encoder, MLPHead((), 3))

    def forward(self, step, views):
        z, _ = step.student(views["x"])
        return {"z": z, "label": views["label"]}

    def objective(self, step, outputs):
        z = outputs["z"] - jnp.mean(outputs["z"], axis=0)
        spread = jnp.mean(jnp.square(jnp.sum(z * z, axis=1) - 1.0))
        first = jnp.mean(jnp.square(outputs["z"][:, 0] - outputs["label"]))
        return {"spread": spread, "first": first}, {}

    def weighing(self):
        return self.rule


def differentiate(rule: Weighing, accumulate: int):
    method = TwoLosses(rule)
    net = method.net(MLP(hidden=(5,), norm="none"))
    x = jax.random.normal(KEY, (8, 2, 2, 1))
    views = {"x": x, "label": jnp.arange(8)}
    params = net.init(KEY, x, train=True)["params"]
    if rule.init():
        params = {**params, PARAMS: rule.init()}
    step = Step(net, params, {}, {}, KEY, Progress(3, 10, 5))
    return loss_and_gradients(method, step, views, accumulate=accumulate)


@pytest.mark.parametrize(
    "rule",
    [Sum(), Fixed((("first", 0.1),)), Uncertainty(("spread", "first")), PCGrad(), MGDA()],
    ids=lambda rule: type(rule).__name__,
)
def test_named_losses_are_exact_in_micro_batches(rule: Weighing) -> None:
    whole, pieces = differentiate(rule, 1), differentiate(rule, 4)
    np.testing.assert_allclose(whole.loss, pieces.loss, rtol=1e-5)
    assert {"spread", "first"} <= set(whole.metrics)
    compare = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)  # noqa: E731
    jax.tree.map(compare, whole.gradients, pieces.gradients)
    assert any(np.any(leaf) for leaf in jax.tree.leaves(whole.gradients))
    if rule.init():
        assert np.all(np.asarray(list(whole.gradients[PARAMS].values())) != 0)


def test_balancing_by_a_sum_is_the_sum() -> None:
    """With a rule that adds the gradients up, the path of balanced losses gives the plain one."""

    class Added(Weighing):
        balances = True

        def combine(self, gradients, key):
            return jax.tree.map(lambda *parts: sum(parts), *gradients.values())

    plain, balanced = differentiate(Sum(), 1), differentiate(Added(), 1)
    np.testing.assert_allclose(plain.loss, balanced.loss, rtol=1e-6)
    compare = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)  # noqa: E731
    jax.tree.map(compare, plain.gradients, balanced.gradients)
