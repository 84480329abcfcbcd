"""Frame Projections: its loss written out, and what evaluation is given."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.core.progress import Progress
from jssl.encoders.series import TCN
from jssl.errors import UserError
from jssl.methods.contrastive.frame_projections import SPACES, FrameProjections
from jssl.methods.step import Step

KEY, PROGRESS = jax.random.key(0), Progress(3, 10, 5)
SMALL = TCN(width=4, depth=1, norm="none")
DRAW = np.random.default_rng(0)


def pair_loss(a: np.ndarray, b: np.ndarray, temperature: float) -> float:
    z = np.concatenate([a, b])
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    total = 0.0
    for i in range(len(z)):
        scores = {k: np.exp(z[i] @ z[k] / temperature) for k in range(len(z)) if k != i}
        total -= np.log(scores[(i + len(a)) % len(z)] / sum(scores.values())) / len(z)
    return total


def test_the_loss_is_that_of_three_pairs_and_two_maps() -> None:
    method = FrameProjections(basis=SMALL, frame=SMALL, temperature=0.2, beta=0.05)
    outputs = {name: DRAW.normal(size=(3, 5)) for name in SPACES}
    outputs |= {name: 0.1 * DRAW.normal(size=(3, 8)) for name in ("guess", "target")}
    wanted = sum(
        pair_loss(outputs[a], outputs[b], 0.2)
        for a, b in (("signal", "basis"), ("signal", "frame"), ("basis", "frame"))
    )
    for part in (slice(0, 4), slice(4, 8)):  # one map after the other
        for b, d in np.ndindex(3, 4):
            error = abs(outputs["guess"][b, part][d] - outputs["target"][b, part][d])
            wanted += (error - 0.025 if error > 0.05 else error**2 / 0.1) / 12
    outputs = {name: jnp.asarray(x, jnp.float32) for name, x in outputs.items()}
    loss, metrics = method.objective(Step(memory={}, key=KEY, progress=PROGRESS), outputs)
    np.testing.assert_allclose(loss, wanted, rtol=1e-5)
    assert set(metrics) == {"signal_basis", "signal_frame", "basis_frame", "mapping"}


def test_evaluation_sees_the_signal_and_what_the_maps_make_of_it() -> None:
    method = FrameProjections(basis=SMALL, frame=SMALL, hidden=(6,), out=5, norm="none")
    net = method.net(SMALL)
    views = {
        name: jnp.asarray(DRAW.normal(size=(2, *shape)), jnp.float32)
        for name, shape in zip(SPACES, ((7, 1), (4, 3), (3, 2)), strict=True)
    }

    @jax.jit
    def run() -> tuple:
        params = method.init(net, KEY, views)["params"]
        outputs = method.forward(Step(net, params, {}, {}, KEY, PROGRESS), views)
        features = method.encode(Step(net, params, {}, {}), views["signal"])
        towers = {name: f(views[name]) for name, f in method.towers(Step(net, params)).items()}
        alone = net.encoder.apply({"params": params["encoder"]}, views["signal"], train=False)
        return outputs, features, towers, alone

    outputs, features, towers, alone = run()
    np.testing.assert_allclose(features.pooled[:, :4], alone.pooled, rtol=1e-5)
    np.testing.assert_allclose(features.pooled[:, 4:], outputs["guess"], rtol=1e-5)
    for name in SPACES:
        np.testing.assert_allclose(towers[name], outputs[name], rtol=1e-5)
    assert not np.allclose(outputs["guess"], outputs["target"])
    with pytest.raises(UserError, match="one width"):
        wide = FrameProjections(basis=TCN(width=8, depth=1, norm="none"), frame=SMALL)
        jax.eval_shape(lambda: wide.init(wide.net(SMALL), KEY, views))
