"""Meshes, the batch over all of them, parameters by rules."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from jssl.errors import UserError
from jssl.training import sharding

TREE = {
    "dense": {"kernel": np.zeros((64, 128), np.float32), "bias": np.zeros(128, np.float32)},
    "odd": np.zeros((33, 35), np.float32),
    "stacked": np.zeros((128, 64, 35), np.float32),
    "stacked_odd": np.zeros((128, 33, 35), np.float32),
    "narrow": np.zeros((1, 4096), np.float32),
    "step": np.int32(0),
}


def specs(mesh, rules) -> dict:
    return jax.tree.map(lambda s: s.spec, sharding.state_shardings(TREE, mesh, rules))


def test_mesh_shapes() -> None:
    assert dict(sharding.make_mesh().shape) == {"data": 8, "fsdp": 1}
    assert dict(sharding.make_mesh(4, 2).shape) == {"data": 2, "fsdp": 2}
    assert sharding.make_mesh(1).size == 1


@pytest.mark.parametrize(
    ("devices", "fsdp", "sentence"),
    [
        (9, 1, "9 devices were asked for and 8 are here"),
        (0, 1, "0 devices were asked for"),
        (8, 3, "fsdp axis of 3 does not divide 8 devices"),
        (4, 8, "fsdp axis of 8 does not divide 4 devices"),
    ],
)
def test_meshes_that_cannot_be(devices: int, fsdp: int, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        sharding.make_mesh(devices, fsdp)


def test_a_batch_that_does_not_divide_names_all_numbers() -> None:
    mesh = sharding.make_mesh(4, 2)
    sharding.check_batch(16, mesh, 4)
    with pytest.raises(UserError, match=r"batch_size 30 .* 4 devices: take a multiple of 4"):
        sharding.check_batch(30, mesh)
    with pytest.raises(UserError, match=r"batch_size 8 .* 4 devices x 4 micro-.* multiple of 16"):
        sharding.check_batch(8, mesh, 4)


def test_replicate_is_a_copy_everywhere() -> None:
    got = specs(sharding.make_mesh(8, 4), sharding.REPLICATE)
    assert all(spec == PartitionSpec() for spec in jax.tree.leaves(got))


def test_fsdp_splits_the_largest_axis_of_large_leaves() -> None:
    got = specs(sharding.make_mesh(8, 4), sharding.FSDP)
    assert got["dense"]["kernel"] == PartitionSpec(None, "fsdp")
    # Never along the blocks of a loop.
    assert got["stacked"] == PartitionSpec(None, "fsdp")
    assert got["stacked_odd"] == PartitionSpec()
    assert got["narrow"] == PartitionSpec(None, "fsdp")
    for name in ("odd", "step"):
        assert got[name] == PartitionSpec()
    assert got["dense"]["bias"] == PartitionSpec()  # too small to be worth it
    alone = specs(sharding.make_mesh(8, 1), sharding.FSDP)
    assert all(spec == PartitionSpec() for spec in jax.tree.leaves(alone))


def test_the_first_rule_that_matches_decides() -> None:
    mesh = sharding.make_mesh(8, 4)
    got = specs(mesh, (("dense/kernel$", "replicate"), (".*", "fsdp")))
    assert got["dense"]["kernel"] == PartitionSpec()
    assert got["narrow"] == PartitionSpec(None, "fsdp")
    with pytest.raises(UserError, match=r"no sharding rule matches .*\('\.\*', 'replicate'\)"):
        specs(mesh, (("dense", "fsdp"),))
    with pytest.raises(UserError, match="unknown sharding rule 'fspd': did you mean 'fsdp'"):
        specs(mesh, ((".*", "fspd"),))


def test_put_keeps_values_and_places_them() -> None:
    mesh = sharding.make_mesh(8, 4)
    values = {"kernel": np.arange(64 * 32, dtype=np.float32).reshape(64, 32)}
    placed = sharding.put(values, sharding.state_shardings(values, mesh, sharding.FSDP))
    np.testing.assert_array_equal(placed["kernel"], values["kernel"])
    assert placed["kernel"].addressable_shards[0].data.shape == (16, 32)
    copied = sharding.put(values, sharding.replicated(mesh))
    assert copied["kernel"].addressable_shards[0].data.shape == (64, 32)


def test_a_batch_lies_on_all_devices_in_order() -> None:
    mesh = sharding.make_mesh(8, 2)
    batch = sharding.put_batch({"x": np.arange(32).reshape(16, 2)}, mesh)
    np.testing.assert_array_equal(batch["x"], np.arange(32).reshape(16, 2))
    shards = [shard.data.shape for shard in batch["x"].addressable_shards]
    assert shards == [(2, 2)] * 8


def test_constrained_values_stay_split_and_equal() -> None:
    mesh = sharding.make_mesh(8)
    x = jnp.arange(64.0).reshape(16, 4)
    got = jax.jit(lambda x: sharding.constrain_batch({"x": 2 * x}, mesh)["x"])(x)
    np.testing.assert_array_equal(got, 2 * x)
    assert got.sharding.is_equivalent_to(sharding.batch_sharding(mesh), 2)
