"""Parameters that do not move and copies of few examples: figures, diagnoses, no false alarm."""

import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
import pytest

from jssl.health import alarm, monitor
from jssl.health.inputs import copies

STILL, FEW = "parameters do not move", "few distinct examples"
HELD = "the encoder does not move"


def said(
    length: Callable[[float], float] | float,
    rate: Callable[[float], float] | float,
    *,
    steps: int = 1000,
    warmup: int = 0,
    **others: float,
) -> list[monitor.Diagnosis]:
    """What is said of a run whose steps are so long at a share of the run, and at that rate."""

    def at(value: Callable[[float], float] | float, share: float) -> float:
        return value(share) if callable(value) else value

    followed, found = monitor.HealthMonitor(monitor.grace_of(steps, warmup), steps=steps), []
    for step in [1, *range(10, steps + 1, 10)]:
        share = step / steps
        row = {"step": step, "loss": 1.0, "gradient_norm": 1.0, "parameter_norm": 10.0}
        row |= {"learning_rate": at(rate, share), "alarm/parameters/step": at(length, share)}
        row |= {f"alarm/{name}": value for name, value in others.items()}
        found += followed.see(row)
    return found


def cosine(peak: float, warmup: float = 0.0, end: float = 0.0) -> Callable[[float], float]:
    def value(share: float) -> float:
        if share < warmup:
            return peak * share / warmup
        done = (share - warmup) / (1 - warmup)
        return peak * (end + (1 - end) * 0.5 * (1 + math.cos(math.pi * done)))

    return value


@pytest.mark.parametrize(
    ("length", "rate", "others", "diagnosis", "step", "cause"),
    [
        (0.0, 0.0, {}, STILL, 20, "the learning rate is 0"),
        (0.0, 0.1, {}, STILL, 20, "the net is frozen"),
        (cosine(1e-8), cosine(1e-9), {}, STILL, 320, "far too small"),
        (lambda s: 1e-3 * (s < 0.02), lambda s: float(s < 0.02), {}, STILL, 160, "schedule ends"),
        (lambda s: 1e-3 * (s < 0.5), 1.0, {}, STILL, 640, "vanished"),
        (1e-3, 0.1, {"encoder/step": 0.0}, HELD, 20, "optimizer.multipliers"),
        (1e-3, 0.1, {"encoder/step": 1e-9}, HELD, 320, "too small for the encoder"),
    ],
)
def test_standing_still_is_said_with_its_cause(
    length: object, rate: object, others: dict, diagnosis: str, step: int, cause: str
) -> None:
    (found,) = said(length, rate, **others)
    assert (found.name, found.step) == (diagnosis, step)
    assert cause in found.cause


def test_no_gradient_is_said_instead_of_what_follows_from_it() -> None:
    (found,) = said(1e-3, 0.1, **{"encoder/step": 0.0, "encoder/gradient": 0.0})
    assert found.name == "no gradient in the encoder"


@pytest.mark.parametrize("steps", [60, 2000])
@pytest.mark.parametrize("warmup", [0.0, 0.05, 0.5, 0.99])
@pytest.mark.parametrize("peak", [1e-5, 1e-3, 1e-1])
def test_schedules_from_nothing_to_nothing_are_no_alarm(
    peak: float, warmup: float, steps: int
) -> None:
    length = cosine(peak, warmup)
    assert said(length, cosine(1.0, warmup), steps=steps, warmup=round(warmup * steps)) == []


def test_stages_that_start_anew_are_no_alarm() -> None:
    def length(share: float) -> float:
        return cosine(1e-3, 0.1)(share * 3 % 1)

    assert said(length, 1.0, steps=5000) == []


def test_a_frozen_part_that_the_method_declares_is_not_measured() -> None:
    part = {"kernel": jnp.ones((3, 4))}
    net = {"encoder": part, "head": part}
    none = {"kernel": jnp.zeros((3, 4))}
    updates = {"encoder": none, "head": {"kernel": jnp.full((3, 4), 0.1)}}
    found = alarm.motion(updates, net, net)
    assert found["alarm/parameters/step"] == pytest.approx(0.1 / math.sqrt(2), rel=1e-6)
    assert found["alarm/encoder/step"] == 0
    assert found["alarm/encoder/gradient"] == pytest.approx(math.sqrt(12), rel=1e-6)
    declared = alarm.motion(updates, net, net, ("encoder",))
    assert declared.keys() == {"alarm/parameters/step"}
    alone = alarm.motion({"encoder": none}, {"encoder": part}, {"encoder": part})
    assert alone.keys() == {"alarm/parameters/step"}


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.float32])
def test_equal_pairs_are_counted(kind: type) -> None:
    draw = np.random.default_rng(0)
    distinct = (draw.uniform(size=(20, 6, 5)) * 200).astype(kind)
    which = draw.integers(20, size=64)
    batch = {"image": jnp.asarray(distinct[which]), "label": jnp.arange(64)}
    batch["index"] = jnp.arange(64)
    found = copies(batch)
    want = sum(which[i] == which[j] for i in range(64) for j in range(i))
    assert (int(found["input/equal"]), int(found["input/pairs"])) == (want, 64 * 63 // 2)
    # Two arrays make an example, and a single other value makes another one.
    unlike = jnp.zeros((64, 3), jnp.int32).at[:, 1].set(jnp.arange(64))
    assert int(copies({**batch, "mask": unlike})["input/equal"]) == 0
    shuffled = jnp.stack([jnp.asarray(distinct[0]), jnp.asarray(distinct[0])[::-1]])
    assert int(copies({"image": shuffled})["input/equal"]) == 0
    assert copies({"label": jnp.arange(4)}) == {}
    assert copies({"image": jnp.zeros((1, 3))}) == {}


def drawn(count: int, times: int, batch: int, seed: int = 0) -> dict[str, float]:
    """The equal pairs of a batch drawn without replacement of so many copies."""
    which = np.random.default_rng(seed).permutation(count * times)[:batch] % count
    _, found = np.unique(which, return_counts=True)
    equal, pairs = (found * (found - 1) // 2).sum(), batch * (batch - 1) // 2
    return {"input/equal": float(equal), "input/pairs": float(pairs)}


@pytest.mark.parametrize("batch", [8, 16, 64, 256])
def test_copies_of_few_examples_are_said(batch: int) -> None:
    (found,) = said(1e-3, 0.1, steps=300, **drawn(20, 90, batch))
    assert found.name == FEW
    assert found.step <= 100
    assert found.figures["distinct"] == pytest.approx(20, rel=0.6)


def test_some_copies_are_no_alarm() -> None:
    for count, times in ((1800, 1), (900, 2), (20, 1), (300, 6)):
        batch = min(count * times, 256)
        for seed in range(5):
            assert said(1e-3, 0.1, steps=300, **drawn(count, times, batch, seed)) == []
