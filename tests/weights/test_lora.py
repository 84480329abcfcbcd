"""What of an encoder is trained: low-rank additions, or its last blocks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.core.state import paths
from jssl.encoders import ViT
from jssl.errors import UserError
from jssl.nn.dense import Dense
from jssl.training.optim import Optimizer


def shapes(**fields: object) -> dict:
    encoder = ViT("Ti", patch_size=4, width=8, depth=3, heads=2, **fields)
    x = jax.ShapeDtypeStruct((1, 8, 8, 3), jnp.float32)
    mask = jax.ShapeDtypeStruct((1, 4), jnp.bool_)
    made = jax.eval_shape(
        lambda x, mask: encoder.init(jax.random.key(0), x, mask=mask, train=False), x, mask
    )
    tree = {"encoder": made["params"], "projector": {"kernel": jnp.ones((8, 4))}}
    return jax.tree.map(lambda leaf: jnp.ones(leaf.shape), tree)


def moved(params: dict, **settings: object) -> set[str]:
    """Names of the parameters that an update with weight decay changes."""
    options = {"learning_rate": 0.1, "scaling": "none", "weight_decay": 0.1, "clip_norm": 1.0}
    tx = Optimizer("adamw", **options, **settings).build(4, 10, 5)
    updates, _ = tx.update(params, tx.init(params), params)
    return {name for name, leaf in paths(updates).items() if np.any(np.asarray(leaf))}


@pytest.mark.parametrize("scan", [False, True])
def test_frozen_parameters_keep_their_bits(scan: bool) -> None:
    params = shapes(lora=2, scan=scan)
    names = set(paths(params))
    assert moved(params) == names
    heads = {"projector/kernel", "encoder/mask_token"}
    adapters = {name for name in names if "lora_" in name}
    assert len(adapters) == 2 * 4 * (1 if scan else 3)
    assert moved(params, trained="adapters") == heads | adapters
    assert moved(params, trained="none") == heads | adapters
    last = moved(params, trained="last_blocks", last_blocks=1) - adapters
    norm = {"encoder/transformer/norm/scale", "encoder/transformer/norm/bias"}
    block = "/blocks/" if scan else "/block2/"
    assert last == heads | norm | {n for n in names - adapters if block in n}


def test_the_last_blocks_of_a_stack_alone_move() -> None:
    params = shapes(scan=True)
    tx = Optimizer("sgd", trained="last_blocks", last_blocks=1).build(4, 10, 5)
    updates, _ = tx.update(params, tx.init(params), params)
    kernel = updates["encoder"]["transformer"]["blocks"]["mlp"]["dense0"]["kernel"]
    assert not np.any(kernel[:2]) and np.all(kernel[2])


def test_adapters_have_to_be_there() -> None:
    with pytest.raises(UserError, match=r"encoder\.lora=8"):
        moved(shapes(), trained="adapters")


def test_an_addition_starts_at_zero() -> None:
    x = jnp.asarray(np.random.default_rng(0).normal(size=(3, 5)), jnp.float32)
    dense = Dense(4, lora=2)
    params = dense.init(jax.random.key(0), x)["params"]
    plain = Dense(4).apply({"params": {k: params[k] for k in ("kernel", "bias")}}, x)
    assert np.array_equal(dense.apply({"params": params}, x), plain)
    params = {**params, "lora_b": jnp.ones((2, 4))}
    added = plain + x @ params["lora_a"] @ params["lora_b"]
    assert np.allclose(dense.apply({"params": params}, x), added, atol=1e-6)
