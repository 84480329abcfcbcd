"""Objectives on point sets against loops in float64."""

import numpy as np
import pytest
from objective_reference import check, is_finite

from jssl.objectives.points import chamfer, masked_agreement, masked_chamfer

DRAW = np.random.default_rng(0)


def one_chamfer(a: np.ndarray, b: np.ndarray) -> float:
    """Each point's nearest in the other set, found one by one."""
    total = 0.0
    for first, second in ((a, b), (b, a)):
        nearest = [
            min(sum((p - q) ** 2 for p, q in zip(x, y, strict=True)) for y in second) for x in first
        ]
        total += sum(nearest) / len(nearest)
    return total


def test_chamfer_with_gradients() -> None:
    a, b = DRAW.normal(size=(2, 4, 3)), DRAW.normal(size=(2, 5, 3))

    def reference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.array([one_chamfer(*pair) for pair in zip(a, b, strict=True)])

    check(chamfer, reference, a, b)
    assert chamfer(a, a[:, ::-1]) == pytest.approx(0.0, abs=1e-6)  # sets have no order


def test_masked_chamfer_with_gradients() -> None:
    a, b = DRAW.normal(size=(3, 4, 9)), DRAW.normal(size=(3, 4, 9))
    mask = np.array([[1, 0, 1, 0], [0, 1, 1, 1], [0, 0, 0, 0]], bool)

    def reference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        found = []
        for x, y, hidden in zip(a, b, mask, strict=True):
            own = [
                one_chamfer(x[i].reshape(3, 3), y[i].reshape(3, 3)) for i in np.flatnonzero(hidden)
            ]
            found.append(sum(own) / max(len(own), 1))
        return np.array(found)

    expected = check(lambda a, b: masked_chamfer(a, b, mask), reference, a, b)
    assert expected[2] == 0.0


def test_masked_agreement_with_gradients() -> None:
    a, b = DRAW.normal(size=(2, 3, 4)), DRAW.normal(size=(2, 3, 4))
    mask = np.array([[1, 0, 1], [0, 0, 0]], bool)

    def reference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        found = np.zeros(2)
        for row in range(2):
            places = np.flatnonzero(mask[row])
            for i in places:
                x, y = a[row, i], b[row, i]
                cosine = x @ y / np.sqrt((x @ x) * (y @ y))
                found[row] += (1 - cosine) / len(places)
        return found

    check(lambda a, b: masked_agreement(a, b, mask), reference, a, b)


def test_extreme_values_are_finite() -> None:
    mask = np.ones((2, 3), bool)
    for scale in (0.0, 1e-20, 1e15):
        x = np.full((2, 3, 6), scale, np.float32)
        assert is_finite(lambda a, b: masked_chamfer(a, b, mask), x, -x)
        assert is_finite(lambda a, b: masked_agreement(a, b, mask), x, -x)
