import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.nn.heads import MLPHead, Prototypes


def _shapes(head):
    make = lambda: head.init(jax.random.key(0), jnp.zeros((4, 8)), train=True)  # noqa: E731
    return jax.tree.map(lambda x: x.shape, jax.eval_shape(make).get("params", {}))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"dense0": "k", "norm0": "sb", "dense1": "kb"}),
        ({"norm": "none"}, {"dense0": "kb", "dense1": "kb"}),
        (
            {"hidden_bias": True, "last_bias": False},
            {"dense0": "kb", "norm0": "sb", "dense1": "k"},
        ),
        (
            {"last_norm": True, "last_bias": False, "last_shift": False},
            {"dense0": "k", "norm0": "sb", "dense1": "k", "norm1": "s"},
        ),
        (
            {"last_norm": True, "last_bias": False, "last_shift": False, "last_scale": False},
            {"dense0": "k", "norm0": "sb", "dense1": "k"},
        ),
        ({"hidden": ()}, {"dense0": "kb"}),
    ],
)
def test_fields_decide_the_parameters(fields, expected):
    letters = {"kernel": "k", "bias": "b", "scale": "s"}
    shapes = _shapes(MLPHead(**{"hidden": (16,), "out": 5, **fields}))
    found = {name: {letters[key] for key in layer} for name, layer in shapes.items()}
    assert found == {name: set(value) for name, value in expected.items()}
    last = shapes[f"dense{len(fields.get('hidden', (16,)))}"]
    assert last["kernel"][1] == 5


def test_simclr_head_equals_numpy():
    x = np.random.default_rng(0).standard_normal((32, 8)).astype(np.float32)
    head = MLPHead(hidden=(16,), out=5, last_norm=True, last_bias=False, last_shift=False)
    y, variables = head.init_with_output(jax.random.key(0), jnp.asarray(x), train=True)
    params = variables["params"]

    def norm(h):
        return (h - h.mean(0)) / np.sqrt(h.var(0) + 1e-5)

    hidden = np.maximum(norm(x @ np.asarray(params["dense0"]["kernel"])), 0)
    np.testing.assert_allclose(y, norm(hidden @ np.asarray(params["dense1"]["kernel"])), atol=1e-4)


def test_prototype_scores_are_cosines():
    x = np.random.default_rng(1).standard_normal((3, 2, 8)).astype(np.float32)
    layer = Prototypes(7)
    scores, variables = layer.init_with_output(jax.random.key(0), jnp.asarray(x))
    kernel = np.asarray(variables["params"]["kernel"])
    expected = (x / np.linalg.norm(x, axis=-1, keepdims=True)) @ (
        kernel / np.linalg.norm(kernel, axis=0)
    )
    assert scores.shape == (3, 2, 7)
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    scaled = {"params": {"kernel": variables["params"]["kernel"] * 3}}
    np.testing.assert_allclose(layer.apply(scaled, 5 * x), scores, atol=1e-5)


def test_bfloat16_head_stays_close_to_float32():
    x = jnp.asarray(np.random.default_rng(2).standard_normal((16, 8)), jnp.float32)
    head = MLPHead(hidden=(32,), out=5)
    y, variables = head.init_with_output(jax.random.key(0), x, train=True)
    low, _ = head.clone(dtype="bfloat16").apply(variables, x, train=True, mutable=["batch_stats"])
    assert low.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.asarray(low, np.float32), y, atol=0.1)
