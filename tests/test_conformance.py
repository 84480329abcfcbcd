"""Three broken methods, each caught by the check of that name; and what a report says."""

import dataclasses
import functools
import itertools
from types import SimpleNamespace
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import io_callback
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import NamedSharding, PartitionSpec

from jssl.config import experiment as registry
from jssl.encoders.mlp import MLP
from jssl.errors import UserError
from jssl.methods.contrastive.simclr import SimCLR
from jssl.methods.distillation.byol import BYOL
from jssl.objectives.common import l2_normalize
from jssl.objectives.contrastive import info_nce
from jssl.testing import conformance, run_checks
from jssl.testing.broken import Detached
from jssl.testing.conformance import around
from jssl.testing.method_harness import MethodHarness
from jssl.testing.quick import plain
from jssl.testing.run_harness import TOLERANCES
from jssl.testing.runs import deviation, smoothed
from jssl.testing.shadow import directional_derivatives

SMALL = {"hidden": (16,), "out": 8, "temperature": 0.2}


# --- a mean over the device's own part of the batch ---


@custom_partitioning
def local_mean(x: jax.Array) -> jax.Array:
    """The mean over rows, which each device takes over the rows it has."""
    return jnp.broadcast_to(jnp.mean(x, axis=0), x.shape)


local_mean.def_partition(
    partition=lambda mesh, args, result: (
        mesh,
        lambda x: jnp.broadcast_to(jnp.mean(x, axis=0), x.shape),
        NamedSharding(mesh, PartitionSpec(("data", "fsdp"))),
        (NamedSharding(mesh, PartitionSpec(("data", "fsdp"))),),
    ),
    infer_sharding_from_operands=lambda mesh, args, result: NamedSharding(
        mesh, PartitionSpec(("data", "fsdp"))
    ),
    sharding_rule="i j -> i j",
)


@dataclasses.dataclass(frozen=True)
class PerDeviceMean(SimCLR):
    """Centres each embedding by the mean of whatever lies on its device."""

    def objective(self, step, outputs):
        a, b = (x - local_mean(jax.lax.stop_gradient(x)) for x in (outputs["a"], outputs["b"]))
        return super().objective(step, {"a": a, "b": b})


# --- a queue that holds the batch it is read for ---


@dataclasses.dataclass(frozen=True)
class Queued(SimCLR):
    """MoCo's objective in a few lines; `early` updates the queue before it is read."""

    early: bool = False
    couples_batch: ClassVar[bool] = False
    symmetric_views: ClassVar[tuple[str, ...]] = ()

    def init_memory(self, step):
        return {"queue": l2_normalize(jax.random.normal(step.key, (64, self.out)))}

    def remember(self, step, outputs):
        keys = jax.lax.stop_gradient(l2_normalize(outputs["b"]))
        old = step.memory["queue"]
        return {"queue": jnp.concatenate([keys, old])[: old.shape[0]]}

    def objective(self, step, outputs):
        keys = jax.lax.stop_gradient(l2_normalize(outputs["b"]))
        old = step.memory["queue"]
        negatives = self.remember(step, outputs)["queue"] if self.early else old
        candidates = jnp.concatenate([keys, negatives])
        count = len(keys)
        allowed = jnp.concatenate(
            [jnp.eye(count, dtype=bool), jnp.ones((count, len(old)), bool)], axis=1
        )
        loss = info_nce(
            outputs["a"],
            candidates,
            positives=jnp.arange(count),
            temperature=self.temperature,
            candidates=allowed,
        )
        return jnp.mean(loss), {}


# --- a counter that no checkpoint holds ---


@dataclasses.dataclass(frozen=True)
class UnsavedCounter(SimCLR):
    """Anneals its temperature by a counter of its own, outside the state."""

    calls: ClassVar[itertools.count] = itertools.count()

    def objective(self, step, outputs):
        count = io_callback(
            lambda: np.float32(next(self.calls)), jax.ShapeDtypeStruct((), jnp.float32)
        )
        loss, metrics = super().objective(step, outputs)
        return loss * (1.0 + 0.01 * count), metrics


@dataclasses.dataclass(frozen=True)
class Leaky(BYOL):
    """Declares its targets stopped, and they are not."""

    def forward(self, step, views):
        outputs = super().forward(step, views)
        same = {"target_b": outputs["prediction_b"], "target_a": outputs["prediction_a"]}
        return {**outputs, **same}


@dataclasses.dataclass(frozen=True)
class WrongGradient(SimCLR):
    """A stopped gradient that is really a function of the outputs' own scale."""

    scale_invariant: ClassVar[tuple[str, ...]] = ("a",)

    def objective(self, step, outputs):
        @jax.custom_vjp
        def halved(x):
            return x

        halved.defvjp(lambda x: (x, None), lambda _, g: (g / 2,))
        a, b = (halved(outputs[name]) for name in ("a", "b"))
        loss, metrics = super().objective(step, {"a": a, "b": b})
        return loss + 0.01 * jnp.mean(a**2), metrics


@pytest.mark.rotating
@pytest.mark.parametrize(
    ("method", "checks", "failing", "words"),
    [
        (PerDeviceMean(**SMALL), ("mesh", "resume"), {"mesh"}, "on 8 devices"),
        (
            Queued(**SMALL, early=True),
            ("coupling", "memory order", "resume"),
            {"coupling", "memory order"},
            "updated before it is read",
        ),
        (Queued(**SMALL), ("coupling", "memory order"), set(), ""),
        (UnsavedCounter(**SMALL), ("resume",), {"resume"}, "outside the state"),
        (Leaky(hidden=16, out=8), ("gradients stop",), {"gradients stop"}, "through target_a"),
        (
            WrongGradient(**SMALL),
            ("finite differences", "scale"),
            {"finite differences", "scale"},
            "scale_invariant",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, SimCLR | BYOL) else "",
)
def test_a_broken_method_is_caught_by_name(method, checks, failing, words) -> None:
    report = conformance(method, checks=checks)
    assert {check.name for check in report.failures} == failing, str(report)
    assert words in str(report)
    assert report.ok == (not failing)


@dataclasses.dataclass(frozen=True)
class Halved(SimCLR):
    """Drops half of the batch in `forward`."""

    def forward(self, step, views):
        return {name: x[: len(x) // 2] for name, x in super().forward(step, views).items()}


@dataclasses.dataclass(frozen=True)
class Growing(Queued):
    """Its queue grows with every step."""

    def remember(self, step, outputs):
        return {"queue": jnp.concatenate([step.memory["queue"], outputs["b"]])}


@dataclasses.dataclass(frozen=True)
class Misnamed(SimCLR):
    """Declares an output that it does not have."""

    scale_invariant: ClassVar[tuple[str, ...]] = ("c",)


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (SimCLR(**SMALL), ""),
        (Detached(**SMALL), "the loss does not depend on"),
        (Halved(**SMALL), "must begin with the batch"),
        (Growing(**SMALL), "memory/queue is"),
        (Misnamed(**SMALL), "`scale_invariant` names 'c'"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, SimCLR) else "",
)
def test_what_a_trace_shows_is_found_without_compiling(method, words) -> None:
    report = conformance(method, checks=["contract"])
    assert report.ok == (not words), str(report)
    assert words in str(report)


@pytest.mark.parametrize(
    "name", ["simclr", "swav", "ibot", "jigsaw", "w_mse", "mixed_barlow_twins"]
)
def test_simple_views_have_the_shapes_of_the_others(name) -> None:
    experiment = registry.load(f"image/{name}_cifar10").smoke()
    source = experiment.data.load().train
    batch = {**source[np.arange(4)], "index": np.arange(4, dtype=np.int32)}
    whole, simple = (
        jax.eval_shape(views, jax.random.key(0), batch)
        for views in (experiment.views, plain(experiment.views))
    )
    assert simple == whole
    assert repr(plain(experiment.views)) != repr(experiment.views)


@pytest.mark.rotating
def test_a_mesh_is_held_to_the_tolerance_of_its_dtype() -> None:
    method = SimCLR(**SMALL)
    low = dataclasses.replace(around(method), encoder=MLP(hidden=(32, 32), dtype="bfloat16"))
    check = conformance(low, checks=("mesh",))["mesh"]
    assert check.passed, check.sentence
    assert MethodHarness(low).tolerance == TOLERANCES["bfloat16"] > TOLERANCES["float32"]


def test_an_array_is_compared_on_its_own_scale_unless_it_is_rounding_error() -> None:
    def worst(size: float, difference: float) -> float:
        one = {"trace/kernel": np.full(3, 5.0), "trace/bias": np.full(2, size)}
        return deviation(one, {**one, "trace/bias": one["trace/bias"] + difference})[0]

    assert worst(1.0, 1e-4) == pytest.approx(1e-4)
    assert worst(1e-4, 1e-6) == pytest.approx(1e-6 / 5e-3)  # small, but more than rounding error
    assert worst(5e-8, 1.3e-7) == pytest.approx(1.3e-7 / 5e-2)  # of a bias before BatchNorm
    assert worst(5e-8, 1e-3) > 1e-2  # a gradient where there was none


def test_a_second_compilation_is_counted() -> None:
    def run_chunk(x: jax.Array) -> jax.Array:
        return 2.0 * x

    class Harness:
        reference = None
        program = SimpleNamespace(state_shardings=None)
        compiled = staticmethod(jax.jit(run_chunk))

        def start(self) -> jax.Array:
            return jnp.ones(3)

        def run(self, state: jax.Array, start: int, stop: int) -> tuple[jax.Array, None]:
            return self.compiled(state), None

    Harness().run(jnp.ones(3), 0, 5)
    assert run_checks.compilations(Harness()).passed
    anew = Harness()
    anew.compiled = lambda x: jax.jit(functools.wraps(run_chunk)(lambda x: run_chunk(x)))(x)
    found = run_checks.compilations(anew)
    assert not found.passed and found.sentence.startswith("the step was compiled 3 times")


def test_nets_are_compared_without_kinks() -> None:
    net = SimCLR(**SMALL).net(MLP(hidden=(8,)))
    smooth = smoothed(net)
    assert (net.encoder.activation, smooth.encoder.activation) == ("relu", "gelu")
    assert (net.projector.activation, smooth.projector.activation) == ("relu", "gelu")
    assert smooth.encoder.clone(activation="relu") == net.encoder


def test_an_unknown_check_is_refused() -> None:
    with pytest.raises(UserError, match="did you mean 'mesh'"):
        conformance(SimCLR(**SMALL), checks=("mesch",))


def test_differences_in_float64_hold_what_is_stopped() -> None:
    draw = np.random.default_rng(0)
    a, b, u, v = (jnp.asarray(draw.normal(size=(5, 3)), jnp.float32) for _ in range(4))

    def f(a: jax.Array, b: jax.Array) -> jax.Array:
        looped = jax.lax.scan(lambda c, x: (c + jnp.tanh(x).sum(), None), 0.0, a)[0]
        return jnp.sum(jax.lax.stop_gradient(a) * b**2) + looped + jax.nn.logsumexp(b)

    slope = jax.grad(f, (0, 1))(a, b)
    expected = float(jnp.sum(slope[0] * u) + jnp.sum(slope[1] * v))
    (found,) = directional_derivatives(f, [a, b], [[u, v]])
    assert found == pytest.approx(expected, rel=1e-5)
