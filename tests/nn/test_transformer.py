import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.errors import UserError
from jssl.nn import rows
from jssl.nn.drop import drop_path, dropout
from jssl.nn.transformer import Mlp, Transformer
from jssl.training import sharding

STACK = Transformer(depth=3, heads=2)
X = jnp.asarray(np.random.default_rng(0).standard_normal((4, 5, 8)), jnp.float32)


@pytest.fixture(scope="module")
def params():
    return jax.jit(lambda: STACK.init(jax.random.key(0), X, train=False)["params"])()


def _stacked(params):
    blocks = [params[f"block{i}"] for i in range(3)]
    return {"blocks": jax.tree.map(lambda *p: jnp.stack(p), *blocks), "norm": params["norm"]}


def _loss_and_gradient(stack, params):
    def loss(params):
        y, extras = stack.apply({"params": params}, X, train=False)
        return jnp.sum(jnp.sin(y)), (y, extras)

    return jax.jit(jax.value_and_grad(loss, has_aux=True))(params)


@pytest.mark.rotating
def test_scan_and_remat_change_no_number(params):
    (_, (y, extras)), gradient = _loss_and_gradient(STACK, params)
    assert set(extras) == {"block0", "block1", "block2"}
    for remat in ("none", "dots"):
        stack = STACK.clone(scan=True, remat=remat)
        (_, (other, others)), slope = _loss_and_gradient(stack, _stacked(params))
        np.testing.assert_allclose(other, y, atol=1e-5)
        np.testing.assert_allclose(others["block1"], extras["block1"], atol=1e-5)
        chex.assert_trees_all_close(slope, _stacked(gradient), atol=1e-4)
    _, slope = _loss_and_gradient(STACK.clone(remat="full"), params)
    chex.assert_trees_all_close(slope, gradient, atol=1e-4)


def test_a_block_is_pre_norm_residual(params):
    """With attention's and the MLP's last layers at zero, a stack is the identity."""
    silent = jax.tree_util.tree_map_with_path(
        lambda path, p: jnp.zeros_like(p) if {"out", "dense1"} & {k.key for k in path} else p,
        params,
    )
    y, _ = STACK.clone(final_norm=False).apply({"params": silent}, X, train=False)
    np.testing.assert_array_equal(y, X)


def test_attention_maps_come_on_request_and_by_name(params):
    stack = STACK.clone(capture=("block1.attention",))
    _, extras = stack.apply({"params": params}, X, train=False)
    assert set(extras) == {"block0", "block1", "block2", "block1.attention"}
    assert extras["block1.attention"].shape == (4, 2, 5, 5)
    np.testing.assert_allclose(extras["block1.attention"].sum(-1), 1, atol=1e-5)
    _, scanned = stack.clone(scan=True).apply({"params": _stacked(params)}, X, train=False)
    np.testing.assert_allclose(scanned["block1.attention"], extras["block1.attention"], atol=1e-6)


def test_cross_attention_reads_the_context_and_a_mask_hides_tokens(params):
    stack = Transformer(depth=1, heads=2, self_attention=False, cross_attention=True)
    variables = stack.init(jax.random.key(0), X, X[:, :3], train=False)
    assert set(variables["params"]["block0"]) >= {"cross_attention", "mlp"}
    assert "attention" not in variables["params"]["block0"]
    y, _ = stack.apply(variables, X, X[:, :3], train=False)
    moved, _ = stack.apply(variables, X, X[:, :3] + 1.0 * jnp.arange(8), train=False)
    assert float(jnp.abs(moved - y).max()) > 1e-3
    with pytest.raises(UserError, match="needs a context"):
        stack.apply(variables, X, train=False)

    mask = (jnp.arange(5) < 3)[None, None, None, :]
    y, _ = STACK.apply({"params": params}, X, None, mask, train=False)
    noisy, _ = STACK.apply({"params": params}, X.at[:, 3:].add(5.0), None, mask, train=False)
    np.testing.assert_allclose(noisy[:, :3], y[:, :3], atol=1e-5)


def test_drop_path_keeps_the_expectation_and_drops_whole_examples():
    x = jnp.ones((20000, 2, 3))
    y = np.asarray(drop_path(jax.random.key(0), x, 0.3))
    assert np.all((y == 0) | np.isclose(y, 1 / 0.7))
    assert np.all(y == y[:, :1, :1])
    assert y.mean() == pytest.approx(1.0, abs=0.02)  # four standard errors
    np.testing.assert_array_equal(drop_path(jax.random.key(0), x, 0.0), x)


def test_dropout_keeps_the_expectation_and_draws_for_each_value():
    y = np.asarray(dropout(jax.random.key(0), jnp.ones((2000, 5, 4)), 0.3))
    assert np.all((y == 0) | np.isclose(y, 1 / 0.7))
    assert y.mean() == pytest.approx(1.0, abs=0.015)
    assert not np.all(y == y[:, :1, :1])


def test_dropout_is_drawn_in_training_only(params):
    stack = STACK.clone(dropout=0.5)
    plain, _ = STACK.apply({"params": params}, X, train=False)
    np.testing.assert_array_equal(stack.apply({"params": params}, X, train=False)[0], plain)
    rngs = {"dropout": jax.random.key(0)}
    assert np.any(stack.apply({"params": params}, X, train=True, rngs=rngs)[0] != plain)


def test_stochastic_depth_is_random_in_training_only(params):
    stack = STACK.clone(drop_path=0.9)
    plain, _ = STACK.apply({"params": params}, X, train=False)
    np.testing.assert_array_equal(stack.apply({"params": params}, X, train=False)[0], plain)
    first = STACK.apply({"params": params}, X, train=False)[1]["block0"]
    for scan, tree in ((False, params), (True, _stacked(params))):

        @jax.jit
        def run(seed, scan=scan, tree=tree):
            rngs = {"dropout": jax.random.key(seed)}
            return stack.clone(scan=scan).apply({"params": tree}, X, train=True, rngs=rngs)

        (a, extras), (b, _) = run(0), run(1)
        assert np.any(a != b)
        # The first block's rate is 0: it never drops.
        np.testing.assert_allclose(extras["block0"], first, atol=1e-5)


def test_layer_scale_and_gate_add_their_parameters():
    stack = Transformer(depth=1, heads=2, layer_scale=1e-5, gated=True, activation="silu")
    params = jax.eval_shape(lambda: stack.init(jax.random.key(0), X, train=False))["params"]
    assert {"attention_scale", "mlp_scale"} <= set(params["block0"])
    assert set(params["block0"]["mlp"]) == {"dense0", "gate", "dense1"}


def test_a_gate_of_each_token_scales_its_hidden_layer():
    mlp = Mlp(8, activation="relu", token_gate=True)
    y, variables = mlp.init_with_output(jax.random.key(0), X)
    params = jax.tree.map(np.asarray, variables["params"])
    x = np.asarray(X, np.float64)
    hidden = np.maximum(x @ params["dense0"]["kernel"] + params["dense0"]["bias"], 0)
    gate = 1 / (1 + np.exp(-x @ params["token_gate"]["kernel"]))
    assert gate.shape == (*X.shape[:2], 1)
    wanted = (gate * hidden) @ params["dense1"]["kernel"] + params["dense1"]["bias"]
    np.testing.assert_allclose(y, wanted, atol=1e-5)


def test_mistakes_are_said():
    with pytest.raises(UserError, match="did you mean 'dots'"):
        STACK.clone(remat="dot").init(jax.random.key(0), X, train=False)
    with pytest.raises(UserError, match=r"did you mean 'block1\.attention'"):
        STACK.clone(capture=("block1.atention",)).init(jax.random.key(0), X, train=False)


def test_rows_stay_with_their_examples_where_parameters_are_split() -> None:
    """Same values with parameters in eight pieces, and every block keeps the batch's split."""
    mesh = sharding.make_mesh(8, 8)
    stack = Transformer(depth=2, heads=2)
    x = jax.random.normal(jax.random.key(0), (8, 4, 16))
    variables = jax.jit(lambda: stack.init(jax.random.key(1), x, train=False))()
    places = sharding.state_shardings(variables, mesh, sharding.FSDP)

    def run(variables, x):
        with rows.constraining_activations(sharding.activation_constraint(mesh)):
            return stack.apply(variables, x, train=False)[0]

    assert str(jax.make_jaxpr(run)(variables, x)).count("sharding_constraint") == 2
    split = jax.jit(run, in_shardings=(places, sharding.batch_sharding(mesh)))
    want = stack.apply(variables, x, train=False)[0]
    np.testing.assert_allclose(split(variables, x), want, rtol=2e-4, atol=2e-5)
    assert sharding.activation_constraint(sharding.make_mesh(8)) is None
