import math

import numpy as np
import pytest

from jssl.augmentations.motion import label_counts
from jssl.encoders.mlp import MLP
from jssl.errors import UserError
from jssl.methods.pretext.motion_statistics import MotionStatistics
from jssl.methods.step import Step

COUNTS = (16, 8, 16, 8, 4, 8, 4, 8, 8, 8, 8, 8, 4, 4)
RNG = np.random.default_rng(0)
LABEL = RNG.integers(0, COUNTS, size=(6, 14))


def loss(method, prediction):
    outputs = {"prediction": prediction.astype(np.float32), "label": LABEL}
    return method.objective(Step(), outputs)[0], outputs


def test_both_losses_equal_loops_and_a_constant_costs_what_is_said():
    assert label_counts(5) == COUNTS and label_counts(16) == MotionStatistics().values
    method = MotionStatistics(values=COUNTS)
    prediction = RNG.normal(size=(6, 14))
    wanted = [
        (prediction[i, k] - (2 * LABEL[i, k] / (COUNTS[k] - 1) - 1)) ** 2
        for i in range(6)
        for k in range(14)
    ]
    found, outputs = loss(method, prediction)
    np.testing.assert_allclose(found, np.mean(wanted), rtol=1e-5)
    scaled = 2 * LABEL / (np.array(COUNTS) - 1) - 1
    constant, _ = loss(method, np.tile(scaled.mean(0), (6, 1)))
    np.testing.assert_allclose(
        method.monitor(Step(memory={}), outputs).trivial_loss, constant, rtol=1e-5
    )

    method = MotionStatistics(values=COUNTS, loss="classification")
    prediction = RNG.normal(size=(6, sum(COUNTS)))
    wanted, start = [], 0
    for k, count in enumerate(COUNTS):
        for i in range(6):
            part = prediction[i, start : start + count]
            wanted.append(math.log(np.exp(part).sum()) - part[LABEL[i, k]])
        start += count
    found, outputs = loss(method, prediction)
    np.testing.assert_allclose(found, np.mean(wanted), rtol=1e-5)
    constant, _ = loss(method, np.zeros((6, sum(COUNTS))))
    np.testing.assert_allclose(
        method.monitor(Step(memory={}), outputs).trivial_loss, constant, rtol=1e-5
    )


def test_an_unknown_loss_is_refused():
    with pytest.raises(UserError, match="no loss is called 'mse'"):
        MotionStatistics(loss="mse").net(MLP(hidden=(4,)))
