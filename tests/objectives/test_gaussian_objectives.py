"""SIGReg and LeJEPA's loss against loops in float64, closed forms and extreme inputs."""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from objective_reference import check, is_finite

from jssl.objectives.gaussian import epps_pulley, lejepa, random_slices, sigreg

POINTS = np.linspace(-5.0, 5.0, 17)


def trapezoid(values: list[float]) -> float:
    step = POINTS[1] - POINTS[0]
    return sum((left + right) / 2 * step for left, right in itertools.pairwise(values))


def reference_epps_pulley(x) -> np.ndarray:
    statistics = []
    for samples in x.T:
        integrand = []
        for t in POINTS:
            characteristic = sum(np.exp(1j * t * value) for value in samples) / len(samples)
            gauss = math.exp(-t * t / 2)
            integrand.append(abs(characteristic - gauss) ** 2 * gauss)
        statistics.append(len(samples) * trapezoid(integrand))
    return np.array(statistics)


def reference_sigreg(x, directions) -> np.ndarray:
    return np.mean(reference_epps_pulley(x @ directions))


def reference_lejepa(centre, views, directions, weight) -> np.ndarray:
    batch, count, width = views.shape
    prediction = 0.0
    for n in range(batch):
        target = sum(centre[n]) / len(centre[n])
        prediction += sum(sum((view - target) ** 2) for view in views[n])
    prediction /= batch * count * width
    regularizer = np.mean([reference_sigreg(views[:, v], directions) for v in range(count)])
    return (1 - weight) * prediction + weight * regularizer


def test_epps_pulley() -> None:
    check(epps_pulley, reference_epps_pulley, np.random.default_rng(0).normal(size=(6, 3)) * 1.5)


def test_epps_pulley_of_one_point_and_of_normal_samples() -> None:
    # All samples at 0: the characteristic function is 1.
    gauss = np.exp(-(POINTS**2) / 2)
    expected = 7 * trapezoid(list((1 - gauss) ** 2 * gauss))
    np.testing.assert_allclose(epps_pulley(jnp.zeros((7, 2))), expected, rtol=1e-6)
    # The variance of one sample's exp(itx) is 1 - gauss^2, whatever the number of samples.
    expected = trapezoid(list((1 - gauss**2) * gauss))
    for count in (32, 512):
        samples = jax.random.normal(jax.random.key(count), (count, 2000))
        assert float(jnp.mean(epps_pulley(samples))) == pytest.approx(expected, rel=0.05)


def test_sigreg_and_slices() -> None:
    directions = random_slices(jax.random.key(0), 4, 5)
    np.testing.assert_allclose(jnp.sum(directions**2, axis=0), 1.0, rtol=1e-6)
    check(
        lambda x: sigreg(x, directions),
        functools.partial(reference_sigreg, directions=np.asarray(directions, np.float64)),
        np.random.default_rng(1).normal(size=(5, 4)),
    )


def test_sigreg_knows_collapse_and_scale() -> None:
    directions = random_slices(jax.random.key(0), 16, 64)
    normal = jax.random.normal(jax.random.key(1), (256, 16))
    healthy = float(sigreg(normal, directions))
    assert float(sigreg(normal.at[:, 8:].set(0.0), directions)) > 3 * healthy
    assert float(sigreg(3.0 * normal, directions)) > 3 * healthy
    assert float(sigreg(0.1 * normal, directions)) > 3 * healthy


def test_lejepa() -> None:
    directions = random_slices(jax.random.key(2), 3, 4)
    rng = np.random.default_rng(3)
    check(
        lambda centre, views: lejepa(centre, views, directions, weight=0.1)[0],
        functools.partial(
            reference_lejepa, directions=np.asarray(directions, np.float64), weight=0.1
        ),
        rng.normal(size=(4, 2, 3)),
        rng.normal(size=(4, 3, 3)),
    )
    same = jnp.ones((4, 3, 3))
    assert float(lejepa(same[:, :2], same, directions, weight=0.0)[0]) == 0.0


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e30])
def test_extreme_inputs_stay_finite(scale: float, dtype: str) -> None:
    directions = random_slices(jax.random.key(4), 3, 4)
    views = jnp.asarray(np.random.default_rng(5).normal(size=(4, 2, 3)) * scale, dtype)
    assert is_finite(lambda v: lejepa(v, v, directions, weight=0.05)[0], views)
    assert lejepa(views, views, directions, weight=0.05)[0].dtype == jnp.float32


def test_points_are_checked() -> None:
    with pytest.raises(ValueError, match="odd and at least 3, not 16"):
        epps_pulley(jnp.zeros((4, 1)), points=16)
