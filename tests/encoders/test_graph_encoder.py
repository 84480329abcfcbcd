import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.augmentations.graphs import drop_edges, drop_nodes, hide_columns, node_mask
from jssl.data.graphs import pad
from jssl.encoders.graph import GNN
from jssl.nn.graph import GraphLayer

RNG = np.random.default_rng(0)
LINKS = np.asarray([(0, 1), (1, 2), (2, 3), (3, 0), (1, 3)])
EDGES = np.concatenate([LINKS, LINKS[:, ::-1]])
NODES = RNG.normal(size=(5, 6)).astype(np.float32)  # the last one has no neighbour


def batch(size=0, links=0):
    arrays = pad([NODES], [EDGES], size=size, links=links)
    return {key.removeprefix("graph/"): jnp.asarray(x) for key, x in arrays.items()}


def reference(kind, params, x):
    """The layer's equation, node by node in float64."""
    p = jax.tree.map(lambda a: np.asarray(a, np.float64), params)
    x = x.astype(np.float64)
    near = {i: [int(a) for a, b in EDGES if b == i] for i in range(5)}
    out = []
    if kind == "gin":
        for i in range(5):
            y = (1 + p["epsilon"]) * x[i] + sum((x[j] for j in near[i]), np.zeros(6))
            y = y @ p["dense0"]["kernel"] + p["dense0"]["bias"]
            y = (y - y.mean()) / np.sqrt(y.var() + 1e-6)
            y = np.maximum(y * p["norm"]["scale"] + p["norm"]["bias"], 0)
            out.append(y @ p["dense1"]["kernel"] + p["dense1"]["bias"])
        return np.asarray(out)
    h = x @ p["dense"]["kernel"]
    if kind == "gcn":
        degree = {i: len(near[i]) + 1 for i in range(5)}
        for i in range(5):
            parts = [h[j] / np.sqrt(degree[i] * degree[j]) for j in [*near[i], i]]
            out.append(sum(parts) + p["bias"])
        return np.asarray(out)
    heads = h.reshape(5, 2, 4)
    for i in range(5):
        parts = []
        for k in range(2):
            group = [*near[i], i]
            score = [
                heads[i, k] @ p["attend_to"][k] + heads[j, k] @ p["attend_from"][k] for j in group
            ]
            score = np.where(np.asarray(score) > 0, score, 0.2 * np.asarray(score))
            weight = np.exp(score) / np.exp(score).sum()
            parts.append(weight @ heads[group, k])
        out.append(np.concatenate(parts) + p["bias"])
    return np.asarray(out)


@pytest.mark.parametrize(("kind", "features"), [("gcn", 8), ("gcn", 4), ("gin", 8), ("gat", 8)])
def test_a_layer_is_its_equation(kind, features):
    graph = batch(size=7, links=14)
    layer = GraphLayer(kind, features, heads=2)
    found, variables = layer.init_with_output(jax.random.key(0), graph["nodes"], graph)
    wanted = reference(kind, variables["params"], NODES)
    np.testing.assert_allclose(found[0, :5], wanted, atol=2e-5)


@pytest.mark.rotating
@pytest.mark.parametrize("kind", ["gcn", "gin", "gat"])
def test_padding_changes_no_number(kind):
    encoder = GNN(kind, width=8, depth=2, heads=2)
    small, large = batch(), batch(size=9, links=20)
    mask = jnp.zeros((1, 5), bool).at[0, 1].set(True)
    wide = jnp.zeros((1, 9), bool).at[0, 1].set(True)
    variables = encoder.init(jax.random.key(0), small, mask=mask, train=False)
    a = encoder.apply(variables, small, mask=mask, train=False)
    b = encoder.apply(variables, large, mask=wide, train=False)
    np.testing.assert_allclose(a.pooled, b.pooled, atol=1e-6)
    np.testing.assert_allclose(a.tokens, b.tokens[:, :5], atol=1e-6)
    np.testing.assert_array_equal(b.tokens[:, 5:], 0)


def test_nodes_may_come_in_any_order():
    encoder = GNN("gin", width=8, depth=2)
    order = np.asarray([3, 0, 4, 1, 2])
    place = np.argsort(order)
    other = pad([NODES[order]], [place[EDGES]])
    other = {key.removeprefix("graph/"): jnp.asarray(x) for key, x in other.items()}
    a, variables = encoder.init_with_output(jax.random.key(0), batch(), train=False)
    b = encoder.apply(variables, other, train=False)
    np.testing.assert_allclose(a.pooled, b.pooled, atol=1e-5)
    np.testing.assert_allclose(a.tokens[0, order], b.tokens[0], atol=1e-5)


def test_views_drop_nodes_with_their_edges_and_edges_both_ways():
    graph = {key: x[0] for key, x in batch(size=7, links=14).items()}
    key = jax.random.key(1)
    less = drop_edges(key, graph, rate=0.5)
    kept = {
        tuple(e)
        for e, real in zip(np.asarray(graph["edges"]), less["edge_mask"], strict=True)
        if real
    }
    assert kept and kept == {(b, a) for a, b in kept} and len(kept) < len(EDGES)
    fewer = drop_nodes(key, graph, rate=0.5)
    gone = np.asarray(graph["node_mask"] & ~fewer["node_mask"])
    assert gone.any() and fewer["node_mask"].any() and not fewer["node_mask"][5:].any()
    left = np.asarray(graph["edges"])[np.asarray(fewer["edge_mask"])]
    assert not gone[left].any()
    assert np.asarray(drop_nodes(key, graph, rate=1.0)["node_mask"]).sum() == 1
    columns = np.asarray(hide_columns(key, graph, rate=0.5)["nodes"])[:5]
    same = (columns == NODES).all(axis=0)
    np.testing.assert_array_equal(columns[:, ~same], 0)
    found = node_mask(key, {f"graph/{k}": x for k, x in graph.items()}, ratio=0.4)
    mask = np.asarray(found["mask"])
    assert mask.sum() == 2 and not mask[5:].any()
    np.testing.assert_array_equal(found["shown"], np.where(mask, -1, np.arange(7)))


def test_some_hidden_nodes_show_another_ones_features():
    one = {f"graph/{k}": x[0] for k, x in batch(size=7, links=14).items()}
    one["graph/node_mask"] = one["graph/node_mask"].at[1].set(False)  # as after drop_nodes
    keys = jax.random.split(jax.random.key(2), 200)
    found = jax.vmap(lambda key: node_mask(key, one, ratio=1.0, replace=0.5))(keys)
    real, shown = np.asarray(one["graph/node_mask"]), np.asarray(found["shown"])
    np.testing.assert_array_equal(found["mask"], np.tile(real, (200, 1)))
    np.testing.assert_array_equal((shown[:, real] >= 0).sum(axis=1), 2)
    assert set(shown[:, real].ravel()) == {-1, 0, 2, 3, 4}  # no padding, nobody who is gone
    np.testing.assert_array_equal(shown[:, ~real], np.tile([1, 5, 6], (200, 1)))


@pytest.mark.rotating
def test_values_are_dropped_in_training_alone_and_prelu_learns_its_slope():
    graph = batch()
    encoder = GNN("gat", width=8, depth=2, heads=2, norm=False, activation="prelu")
    drops = encoder.clone(dropout=0.3, attention_dropout=0.3)
    still, variables = encoder.init_with_output(jax.random.key(0), graph, train=False)
    np.testing.assert_array_equal(drops.apply(variables, graph, train=False).tokens, still.tokens)
    keys = jax.random.split(jax.random.key(1), 400)
    slope = variables["params"]["prelu0"]["negative_slope"]
    for name in ("dropout", "attention_dropout"):
        one = encoder.clone(**{name: 0.3})
        many = jax.vmap(lambda k, e=one: e.apply(variables, graph, train=True, rngs={"dropout": k}))
        first = np.asarray(many(keys).extras["block0"])
        assert np.std(first, axis=0).max() > 0
    # Before PReLU the first layer is linear in its weights of attention: their mean stays.
    first, whole = (
        np.where(x < 0, x / slope, x) for x in (first, np.asarray(still.extras["block0"]))
    )
    np.testing.assert_allclose(first.mean(axis=0), whole, atol=0.15)
    less = {"params": {**variables["params"], "prelu1": {"negative_slope": jnp.float32(0.0)}}}
    relu = encoder.apply(less, graph, train=False).tokens
    np.testing.assert_allclose(relu, np.maximum(still.tokens, 0), atol=1e-6)
    assert slope == 0.25 and (np.asarray(still.tokens) < 0).any()
