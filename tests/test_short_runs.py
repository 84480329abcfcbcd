"""Rules for short runs: the moving average's half-life is a share of the run."""

import numpy as np
import pytest

from jssl.errors import UserError
from jssl.training.short_runs import fit_momentum, fit_rate, half_life, momentum_of, warmup_steps


def remembered(momentum: float, steps: int) -> float:
    """Weight of the start in a moving average, step by step."""
    weight = 1.0
    for _ in range(steps):
        weight *= momentum
    return weight


def test_half_of_the_start_is_left_after_a_half_life() -> None:
    for momentum in (0.9, 0.996, 0.9998):
        steps = half_life(momentum)
        assert abs(remembered(momentum, round(steps)) - 0.5) < 0.06
        np.testing.assert_allclose(momentum_of(steps), momentum)
    assert (round(half_life(0.996)), round(half_life(0.9998))) == (173, 3465)


def test_the_teacher_of_a_short_run_forgets_its_start_as_that_of_the_long_one_does() -> None:
    long, short = 500_000, 3000
    fitted = fit_momentum(0.9998, long, short)
    assert fitted == 0.9672
    for share in (0.005, 0.02):  # of either run
        a = remembered(0.9998, round(share * long))
        b = remembered(fitted, round(share * short))
        np.testing.assert_allclose(a, b, atol=0.01)
    assert fit_momentum(1.0, long, short) == 1.0
    assert fit_momentum(0.9998, long, long) == 0.9998


def test_a_teacher_never_follows_within_a_few_steps() -> None:
    assert fit_momentum(0.996, 375_000, 1280) == round(momentum_of(10), 4)
    assert fit_momentum(0.996, 375_000, 1280, least=69) == 0.99


def test_rate_and_warm_up() -> None:
    assert fit_rate(2e-3, 2048, 256) == 7.1e-4
    assert fit_rate(1e-3, 256, 256) == 1e-3
    assert warmup_steps(1280) == 128
    assert warmup_steps(1280, beta2=0.95) == 40
    assert warmup_steps(100_000) == 2000
    assert warmup_steps(3) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: half_life(1.0),
        lambda: momentum_of(0.5),
        lambda: fit_momentum(0.99, 0, 10),
        lambda: fit_rate(1e-3, 256, 0),
        lambda: warmup_steps(0),
    ],
)
def test_what_has_no_meaning_is_refused(call) -> None:
    with pytest.raises(UserError):
        call()
