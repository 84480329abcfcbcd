import jax
import jax.numpy as jnp
import numpy as np

from jssl.data.graphs import pad
from jssl.encoders.graph import GNN
from jssl.methods.masked.graphmae import GraphMAE


def test_a_hidden_node_shows_nothing_or_another_ones_features_and_is_hidden_once_more():
    nodes = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    links = np.asarray([(0, 1), (1, 2), (2, 3), (3, 0)])
    found = pad([nodes], [np.concatenate([links, links[:, ::-1]])])
    graph = {key.removeprefix("graph/"): jnp.asarray(x) for key, x in found.items()}
    method = GraphMAE(decoder="gat", dropout=0.5, attention_dropout=0.5)
    encoder = GNN("gat", width=8, depth=1, heads=2, norm=False, activation="prelu")
    net = method.net(encoder)
    mask = jnp.asarray([[False, True, True, False, False]])
    shown = jnp.asarray([[0, -1, 4, 3, 4]])
    (pooled, prediction), variables = net.init_with_output(
        jax.random.key(0), graph, mask, shown, train=False
    )
    # By hand: node 2 looks like node 4, and node 1 like the learned vector.
    seen = graph["nodes"].at[0, 2].set(nodes[4])
    params = variables["params"]
    features = encoder.apply(
        {"params": params["encoder"]},
        {**graph, "nodes": seen},
        mask=shown < 0,
        train=False,
    )
    np.testing.assert_allclose(pooled, features.pooled, rtol=1e-6)
    # Node 4 has no neighbour: it sees itself alone, and the decoder is a linear map there.
    alone = (
        features.tokens[0, 4] @ params["bridge"]["kernel"] @ params["decoder"]["dense"]["kernel"]
    )
    np.testing.assert_allclose(prediction[0, 4], alone, atol=1e-5)
    # With every node hidden nothing reaches the decoder, whatever the encoder saw.
    everyone = jnp.ones_like(mask)
    nothing = net.apply(variables, graph, everyone, shown, train=False)[1]
    np.testing.assert_allclose(nothing, np.zeros_like(nothing), atol=1e-6)
