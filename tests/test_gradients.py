"""Micro-batches give the loss and the gradients of the whole batch, or are refused."""

import dataclasses
import functools
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.augmentations.compose import Views, pipeline
from jssl.config import experiment as registry
from jssl.config.experiment import Experiment
from jssl.core.progress import Progress
from jssl.core.state import paths
from jssl.data import Digits
from jssl.encoders.mlp import MLP
from jssl.errors import UserError
from jssl.methods.contrastive.simclr import SimCLR
from jssl.methods.distillation.byol import BYOL
from jssl.objectives.contrastive import info_nce
from jssl.testing import deviation
from jssl.training import sharding
from jssl.training.gradients import loss_and_gradients
from jssl.training.optim import Optimizer
from jssl.training.program import Program, build

BATCH = 8


@dataclasses.dataclass(frozen=True)
class Labelled(SimCLR):
    """SimCLR whose positives are the examples of a parity: int and bool outputs, a memory."""

    paper: ClassVar[str] = "none"

    def init_memory(self, step):
        return {"sum": jnp.zeros(8)}

    def forward(self, step, views):
        outputs = super().forward(step, views)
        parity = jnp.asarray(views["a"].sum(axis=(1, 2, 3)) * 255.0, jnp.int32) % 2
        return {**outputs, "parity": parity, "odd": parity == 1}

    def objective(self, step, outputs):
        same = outputs["parity"][:, None] == outputs["parity"][None]
        loss = info_nce(outputs["a"], outputs["b"], positives=same, temperature=0.5)
        return jnp.mean(loss), {"odd": jnp.mean(outputs["odd"])}

    def remember(self, step, outputs):
        return {"sum": step.memory["sum"] + outputs["a"].sum(axis=0)}


def two_views(method, encoder) -> Experiment:
    def noisy(key, image):
        return image + 0.1 * jax.random.normal(key, image.shape)

    return Experiment(
        method=method,
        encoder=encoder,
        data=Digits(),
        views=Views(a=pipeline(noisy), b=pipeline(noisy)),
        preprocess=pipeline(),
        optimizer=Optimizer(),
        batch_size=BATCH,
        epochs=1,
    )


def simclr(norm: str = "none", head: str = "none") -> Experiment:
    return two_views(SimCLR(hidden=(16,), out=8, norm=head), MLP(hidden=(16,), norm=norm))


def mae() -> Experiment:
    return dataclasses.replace(registry.load("image/mae_shapes").smoke(), batch_size=BATCH)


CASES = {
    "simclr": simclr,
    "simclr with LayerNorm": functools.partial(simclr, "layer", "layer"),
    "byol": lambda: two_views(BYOL(hidden=16, out=8, norm="layer"), MLP((16,), norm="none")),
    "mae": mae,
    "integer outputs and a memory": lambda: two_views(
        Labelled(hidden=(16,), out=8, norm="none"), MLP((16,), norm="none")
    ),
}


def program(experiment: Experiment, devices: int = 1, **options) -> Program:
    train = experiment.data.load().train
    return build(experiment, train[0], len(train), sharding.make_mesh(devices), **options)


def start(program: Program):
    """A state and the views of a batch."""
    train = program.experiment.data.load().train
    rows = train[np.arange(BATCH)] | {"index": np.arange(BATCH, dtype=np.int32)}
    state = jax.jit(program.initial_state)(jax.random.key(3))
    return state, jax.jit(program.experiment.views)(jax.random.key(5), rows)


def results(program: Program, state, views, accumulate: int) -> dict[str, np.ndarray]:
    @jax.jit
    def compute(state, views):
        step = program.at(state, jax.random.key(4)).replace(progress=Progress(state.step, 10, 2))
        found = loss_and_gradients(program.experiment.method, step, views, accumulate=accumulate)
        return {name: x for name, x in found._asdict().items() if name != "outputs"}

    return {name: np.asarray(value) for name, value in paths(compute(state, views)).items()}


@pytest.mark.rotating
@pytest.mark.parametrize("case", sorted(CASES))
def test_micro_batches_equal_the_whole_batch(case: str) -> None:
    bound = program(CASES[case]())
    assert bound.abstract_state is not None  # not refused
    given = start(bound)
    whole = results(bound, *given, 1)
    assert max(np.abs(v).max() for n, v in whole.items() if n.startswith("gradients")) > 1e-4
    for accumulate in (2, 4):
        worst, where = deviation(whole, results(bound, *given, accumulate))
        assert worst < 1e-5, f"{where} deviates by {worst:.2g} in {accumulate} micro-batches"


def test_the_train_step_accumulates_on_a_mesh() -> None:
    experiment = simclr()
    train = experiment.data.load().train
    rows = train[np.arange(BATCH)] | {"index": np.arange(BATCH, dtype=np.int32)}
    states = []
    for devices, accumulate in ((1, 1), (2, 4)):
        bound = program(experiment, devices, accumulate=accumulate)
        root = bound.root_key(0)
        state, _ = bound.step(bound.init(root), sharding.put_batch(rows, bound.mesh), root)
        states.append({name: np.asarray(leaf) for name, leaf in paths(state).items()})
    worst, where = deviation(*states)
    assert worst < 1e-5, where


def test_batch_statistics_are_refused_and_accepted_by_name() -> None:
    for experiment in (simclr(norm="batch"), simclr(head="batch")):
        with pytest.raises(UserError) as caught:
            _ = program(experiment, accumulate=2).abstract_state
        for part in ("SimCLR with accumulate=2", "batch_stats", "--approximate-accumulation"):
            assert part in str(caught.value)
    approximate = program(simclr(norm="batch"), accumulate=2, approximate=True)
    assert approximate.abstract_state.stats
    given = start(approximate)
    whole, pieces = (results(approximate, *given, accumulate) for accumulate in (1, 2))
    assert np.isfinite(pieces["loss"])
    assert deviation(whole, pieces)[0] > 1e-3, "the approximation is one"


def test_micro_batches_divide_the_batch() -> None:
    with pytest.raises(UserError, match=r"8 .* 2 devices x 3 micro-batches: take a multiple of 6"):
        program(simclr(), 2, accumulate=3)
