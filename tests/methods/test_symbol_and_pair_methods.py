"""What methods of symbols and of pairs do beyond the promises that all methods keep."""

import dataclasses

import jax
import numpy as np
import pytest

from jssl.core.progress import Progress
from jssl.encoders.mlp import MLP
from jssl.encoders.text import SymbolTransformer
from jssl.errors import UserError
from jssl.methods.contrastive.clip import CLIP
from jssl.methods.contrastive.simcse import SimCSE
from jssl.methods.masked.rts import RTS
from jssl.methods.masked.slm import SwappedLM
from jssl.methods.step import Step
from jssl.methods.teacher import new_teacher

ENCODER = SymbolTransformer(width=8, depth=1, heads=2, vocabulary=9, kernel_init="lecun")
KEY = jax.random.key(0)
X = np.array([[1, 2, 3, 4, 5, 6], [6, 7, 8, 1, 0, 0]], np.int32)
MASK = np.zeros((2, 6), bool)
MASK[0, [1, 4]], MASK[1, 2] = True, True
SYMBOLS = np.full((2, 6), 3, np.int32)
PROGRESS = Progress(3, 10, 5)


def views(x=X, mask=MASK, symbols=SYMBOLS):
    return {"text": x, "mask": {"mask": mask, "symbols": symbols}}


def start(method, encoder=ENCODER, shown=None):
    net = method.net(encoder)
    params = jax.jit(lambda: method.init(net, KEY, views() if shown is None else shown))()["params"]

    @jax.jit
    def forward(shown):
        return method.forward(Step(net, params, {}, {}, KEY, PROGRESS), shown)

    def loss(outputs):
        return float(method.objective(Step(memory={}, key=KEY, progress=PROGRESS), outputs)[0])

    return net, params, forward, loss


def wide(array):
    return np.pad(array, ((0, 0), (0, 3)))


@pytest.mark.parametrize(("method", "scores"), [(RTS(), "logits"), (SwappedLM(), "prediction")])
def test_exchanged_symbols_are_not_shown_and_padding_is_not_counted(method, scores):
    _, _, forward, loss = start(method)
    outputs = forward(views())
    hidden = np.where(MASK, 8, X)
    np.testing.assert_array_equal(outputs[scores], forward(views(x=hidden))[scores])
    padded = forward(views(wide(X), wide(MASK), wide(SYMBOLS)))
    assert loss(padded) == pytest.approx(loss(outputs), rel=1e-5)


def test_rts_is_a_binary_cross_entropy_of_real_symbols():
    _, _, forward, loss = start(RTS())
    outputs = forward(views())
    p = 1 / (1 + np.exp(-np.asarray(outputs["logits"], np.float64)))
    error = -np.where(MASK, np.log(p), np.log(1 - p))
    assert loss(outputs) == pytest.approx((error[0].mean() + error[1, :4].mean()) / 2, rel=1e-5)


def test_dropout_alone_tells_the_passes_of_simcse_apart():
    shown = {"text": X}
    same = start(SimCSE(out=8), shown=shown)[2](shown)
    np.testing.assert_allclose(same["a"], same["b"], atol=1e-6)
    net, params, forward, _ = start(SimCSE(out=8), ENCODER.clone(dropout=0.3), shown)
    other = forward(shown)
    assert np.abs(other["a"] - other["b"]).max(axis=1).min() > 1e-3
    # A teacher has none.
    memory = {"teacher": new_teacher(params, {})}
    teacher = jax.jit(lambda key: Step(net, memory=memory, key=key).teacher(X)[0])
    np.testing.assert_array_equal(teacher(KEY), teacher(jax.random.key(1)))


def test_towers_are_those_that_are_trained_and_the_scale_has_a_limit():
    method = CLIP(partner=ENCODER, out=4, temperature=0.001, loss="sigmoid")
    shown = {"a": np.ones((2, 3), np.float32) * [[1], [2]], "b": X}
    net, params, forward, _ = start(method, MLP(hidden=(5,), norm="none"), shown)
    outputs = forward(shown)
    towers = method.towers(Step(net, params))
    for name in ("a", "b"):
        np.testing.assert_allclose(towers[name](shown[name]), outputs[name], atol=1e-6)
    np.testing.assert_allclose(outputs["scale"], 100.0, rtol=1e-5)
    np.testing.assert_array_equal(outputs["bias"], -10.0)
    with pytest.raises(UserError, match="did you mean 'softmax'"):
        dataclasses.replace(method, loss="softmex").net(net.encoder)
