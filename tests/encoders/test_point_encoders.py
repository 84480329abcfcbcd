"""Sampling and grouping against loops; encoders of clouds, of any order and with any padding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.encoders.points import PointNet, PointTransformer
from jssl.errors import UserError
from jssl.nn.decoder import MaskedAutoencoder
from jssl.nn.points import cut, farthest_points, nearest_points
from jssl.nn.predictor import BlockPredictor, PredictiveNet

DRAW = np.random.default_rng(0)
KEY = jax.random.key(0)
COUNTS = (20, 13, 5)  # the last has fewer points than there are patches
ENCODER = PointTransformer(
    width=12,
    depth=1,
    heads=2,
    centres=8,
    neighbours=6,
    points=8,
    pool="mean_max",
    kernel_init="lecun",
)


def cloud(size: int) -> dict[str, jax.Array]:
    """Three clouds of `COUNTS` points, padded to a size with what must not matter."""
    draw = np.random.default_rng(1)
    xyz, valid = np.full((3, size, 3), 7.0, np.float32), np.zeros((3, size), bool)
    for row, count in enumerate(COUNTS):
        xyz[row, :count], valid[row, :count] = draw.normal(size=(count, 3)), True
    return {"xyz": jnp.asarray(xyz), "valid": jnp.asarray(valid)}


def farthest(xyz: np.ndarray, count: int) -> list[int]:
    """Farthest point sampling, point by point."""
    chosen = [int(np.argmax([np.sum((x - xyz.mean(0)) ** 2) for x in xyz]))]
    while len(chosen) < count:
        gaps = [min(np.sum((x - xyz[c]) ** 2) for c in chosen) for x in xyz]
        chosen.append(int(np.argmax(gaps)))
    return chosen


def test_sampling_and_neighbours_equal_loops() -> None:
    xyz = DRAW.normal(size=(15, 3)).astype(np.float32)
    padded, valid = np.concatenate([xyz, 100 + xyz[:5]]), np.arange(20) < 15
    found = jax.jit(lambda x, v: farthest_points(x, v, 6))(padded, valid)
    assert found.tolist() == farthest(xyz.astype(np.float64), 6)
    centres = xyz[np.asarray(found)]
    index, there = nearest_points(jnp.asarray(centres), jnp.asarray(padded), jnp.asarray(valid), 18)
    for row, centre in zip(np.asarray(index), centres, strict=True):
        wanted = np.argsort(((xyz - centre) ** 2).sum(1), kind="stable")
        assert row.tolist() == [*wanted, *[wanted[0]] * 3]
    np.testing.assert_array_equal(there, np.broadcast_to(np.arange(18) < 15, (6, 18)))


def test_patches_are_seen_from_their_centres_and_put_back() -> None:
    x = cloud(20)
    there_and_back = jax.jit(lambda x: (cut(x, 8, 6), ENCODER.assemble(ENCODER.patches(x), x)))
    parts, back = jax.tree.map(np.asarray, there_and_back(x))
    np.testing.assert_array_equal(parts.valid.sum(1), [8, 8, 5])
    np.testing.assert_array_equal(parts.offsets[:, :, 0], 0.0)  # the centre is its nearest point
    for row, count in enumerate(COUNTS):
        own = {tuple(np.round(p, 4)) for p in np.asarray(x["xyz"][row, :count], np.float64)}
        seen = {tuple(np.round(p, 4)) for p in back[row].astype(np.float64)}
        gaps = [min(np.abs(np.subtract(p, q)).max() for q in own) for p in seen]
        assert max(gaps) < 1e-3


def run(module, *args, **kwargs):
    """Variables, and results on two paddings and with the points in another order."""
    few, many = cloud(20), cloud(31)
    order = DRAW.permutation(31)
    mixed = jax.tree.map(lambda a: a[:, order], many)
    variables = jax.jit(lambda x: module.init(KEY, x, *args, train=True))(few)
    apply = jax.jit(lambda x: module.apply(variables, x, *args, mutable=["batch_stats"], **kwargs))
    return variables, [apply(x) for x in (few, many, mixed)]


def test_padding_and_order_change_nothing_in_pointnet() -> None:
    _, (few, many, mixed) = run(PointNet(hidden=(8, 6)), train=True)
    jax.tree.map(
        lambda a, b, c: np.testing.assert_allclose([b, c], [a, a], atol=1e-6),
        *((found.pooled, stats) for found, stats in (few, many, mixed)),
    )
    np.testing.assert_array_equal(many[0].tokens[1, 13:], 0.0)
    assert np.abs(few[0].pooled[0] - few[0].pooled[1]).max() > 1e-2


@pytest.mark.rotating
def test_padding_and_order_change_nothing_in_the_transformer() -> None:
    few, many, mixed = (found for found, _ in run(ENCODER, train=False)[1])
    for other in (many, mixed):
        np.testing.assert_allclose(other.pooled, few.pooled, atol=1e-5)
        np.testing.assert_allclose(other.tokens, few.tokens, atol=1e-5)
    np.testing.assert_array_equal(few.tokens[2, 5:], 0.0)
    np.testing.assert_allclose(
        few.pooled[:, :12], few.tokens.sum(1) / jnp.array([[8], [8], [5]]), atol=1e-5
    )
    np.testing.assert_allclose(few.pooled[2, 12:], few.tokens[2, :5].max(0), atol=1e-6)


@pytest.mark.rotating
def test_padding_changes_nothing_in_decoders_and_predictors() -> None:
    keep = jnp.tile(jnp.asarray([0, 3, 4]), (3, 1))
    masked = jnp.tile(jnp.asarray([1, 2, 5, 6, 7]), (3, 1))
    net = MaskedAutoencoder(ENCODER, 12, 1, 2, "float32")
    prepare = jax.jit(ENCODER.prepare)  # patches have one shape, whatever the padding
    parts = prepare(cloud(20))
    variables = jax.jit(lambda x: net.init(KEY, x, keep, masked, train=False))(parts)
    decode = jax.jit(lambda x: net.apply(variables, x, keep, masked, train=False)[1])
    few, many = decode(parts), decode(prepare(cloud(31)))
    assert few.shape == (3, 8, 18)
    np.testing.assert_allclose(many[:2], few[:2], atol=1e-5)
    np.testing.assert_allclose(many[2, :5], few[2, :5], atol=1e-5)
    # Patches that are only padding do not reach the others: they could lie anywhere.
    moved = parts._replace(
        centres=parts.centres + 3.0 * np.eye(3)[2, :, None, None] * (np.arange(8) > 4)[:, None]
    )
    np.testing.assert_allclose(decode(moved)[2, :5], few[2, :5], atol=1e-6)
    assert np.abs(decode(moved)[2, 5:] - few[2, 5:]).max() > 1e-4
    shape = jax.eval_shape(
        lambda: PredictiveNet(ENCODER, BlockPredictor(12, 1, 2)).init_with_output(
            KEY, cloud(20), keep, masked[:, None, :2], train=False
        )[0][1]
    )
    assert shape.shape == (3, 1, 2, 12)


def test_what_is_no_cloud_is_refused() -> None:
    with pytest.raises(UserError, match="takes"):
        ENCODER.patches(jnp.zeros((2, 5, 3)))
    with pytest.raises(UserError, match="takes"):
        PointNet().init(KEY, {"xyz": jnp.zeros((2, 5, 2)), "valid": jnp.ones((2, 5))}, train=False)
    with pytest.raises(UserError, match="PointTransformer"):
        PointNet().init(KEY, cloud(20), mask=jnp.zeros((3, 20), bool), train=False)
