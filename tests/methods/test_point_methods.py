"""Methods that hide patches of clouds: padding has no error, and hidden places stay hidden."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.core.progress import Progress
from jssl.encoders.points import PointTransformer
from jssl.methods.distillation.point2vec import Point2Vec
from jssl.methods.masked.point_cmae import PointCMAE
from jssl.methods.step import Step
from jssl.nn.points import Patches
from jssl.testing.quick import quick_compilation

KEY = jax.random.key(0)
PROGRESS = Progress(jnp.int32(0), 10, 5)
ENCODER = PointTransformer(
    width=8, depth=1, heads=2, centres=6, neighbours=4, points=4, kernel_init="lecun"
)
COUNTS = np.array([12, 4])  # the second has fewer points than there are patches


def views(size: int, two: bool) -> dict:
    xyz = np.random.default_rng(0).normal(size=(2, 12, 3)).astype(np.float32)
    xyz = np.concatenate([xyz, np.full((2, size - 12, 3), 50.0, np.float32)], axis=1)
    valid = np.arange(size) < COUNTS[:, None]
    mask = {
        "keep": np.array([[0, 2, 4], [1, 3, 5]]),
        "masked": np.array([[1, 3, 5], [0, 2, 4]]),
        "mask": np.array([[0, 1, 0, 1, 0, 1], [1, 0, 1, 0, 1, 0]], bool),
    }
    if two:
        mask = {name: np.stack([x, x[::-1]], axis=1) for name, x in mask.items()}
        mask["keep"][1, 1], mask["masked"][1, 1] = [0, 1, 4], [2, 3, 5]
        mask["mask"][1, 1] = [0, 0, 1, 1, 0, 1]
    cloud = {"xyz": np.where(valid[..., None], xyz, 50.0), "valid": valid}
    # Patches have one shape whatever the padding: one program serves for all.
    return {"points": jax.jit(ENCODER.prepare)(cloud), "mask": jax.tree.map(jnp.asarray, mask)}


@pytest.mark.rotating
@pytest.mark.parametrize(
    "method", [PointCMAE(), Point2Vec(top=1)], ids=lambda method: type(method).__name__
)
def test_padding_changes_no_loss(method) -> None:
    method, two = method.smoke(), isinstance(method, PointCMAE)
    net = method.net(ENCODER)

    @jax.jit
    def loss(views: dict) -> tuple:
        params = method.init(net, KEY, views)["params"]
        memory = method.init_memory(Step(None, params, {}, key=KEY))
        outputs = method.forward(Step(net, params, {}, memory, KEY, PROGRESS), views)
        masks = jnp.stack([outputs[name] for name in outputs if name.startswith("mask")])
        return method.objective(Step(memory=memory, key=KEY, progress=PROGRESS), outputs)[0], masks

    with quick_compilation():
        (few, hidden), (many, _) = loss(views(12, two)), loss(views(19, two))
    np.testing.assert_allclose(many, few, rtol=1e-5)
    assert few > 0 and not np.asarray(hidden)[:, 1, 4:].any()  # what is padding has no error
    assert np.asarray(hidden)[:, 0].sum() == 3 * len(hidden)


def test_a_student_is_not_told_where_the_hidden_patches_are() -> None:
    found = views(12, False)
    parts, mask = found["points"], found["mask"]

    @jax.jit
    def student(parts: Patches) -> jax.Array:
        return ENCODER.init_with_output(KEY, parts, keep=mask["keep"], train=False)[0].tokens

    moved = parts._replace(centres=jnp.where(mask["mask"][..., None], 9.0, parts.centres))
    with quick_compilation():
        np.testing.assert_array_equal(student(moved), student(parts))
        shifted = student(parts._replace(centres=parts.centres + 1.0))
    assert np.abs(shifted - student(parts)).max() > 1e-3
