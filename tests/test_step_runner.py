"""Steps that a streamed run sends ahead of the device."""

from types import SimpleNamespace
from typing import Any

import jax
import numpy as np

from jssl.data.source import ArraySource
from jssl.training import sharding
from jssl.training.batches import IN_FLIGHT, StreamRunner


class Metric:
    """A number of a step, which knows whether it was waited for."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.waited = False

    def block_until_ready(self) -> "Metric":
        self.waited = True
        return self

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.step, dtype)


def test_few_steps_are_sent_ahead() -> None:
    sent: list[Metric] = []

    def step(state: int, batch: dict, root: Any) -> tuple[int, dict]:
        assert sum(not metric.waited for metric in sent) <= IN_FLIGHT
        sent.append(Metric(state))
        return state + 1, {"loss": sent[-1]}

    program = SimpleNamespace(
        experiment=SimpleNamespace(batch_size=2), mesh=sharding.make_mesh(1), steps=9, step=step
    )
    source = ArraySource({"x": np.arange(8.0)})
    runner = StreamRunner(program, source, seed=0, root=jax.random.key(0), start=0, workers=0)
    state, records = runner.advance(0, 0, 9)
    assert state == 9
    # The last ones are not waited for: the caller goes on while the device works.
    assert [metric.waited for metric in sent] == [True] * (9 - IN_FLIGHT) + [False] * IN_FLIGHT
    np.testing.assert_array_equal(records()["loss"], np.arange(9))
    runner.close()
