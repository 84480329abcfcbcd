"""Augmentations of one padded graph, f(key, graph, ...) -> graph; masks and pairs of its nodes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jssl.augmentations.compose import Views, pipeline
from jssl.core.ranges import BelowOne, Count, Inside, Unit
from jssl.data.source import entry

Graph = Mapping[str, jax.Array]


def drop_edges(key: jax.Array, graph: Graph, *, rate: BelowOne = 0.2) -> dict[str, jax.Array]:
    """Removes edges, each with a probability and both directions together.

    Zhu et al., "Deep Graph Contrastive Representation Learning", 2020, section 3.2.2.

    Args:
      key: PRNG key.
      graph: see `jssl.data.graphs`.
      rate: probability with which an edge is removed.
    """
    low, high = jnp.sort(graph["edges"], axis=-1).T
    number = low * graph["nodes"].shape[0] + high  # the same for both directions of an edge
    keys = jax.vmap(lambda n: jax.random.fold_in(key, n))(number)
    kept = jax.vmap(lambda k: jax.random.uniform(k))(keys) >= rate
    return {**graph, "edge_mask": graph["edge_mask"] & kept}


def drop_nodes(key: jax.Array, graph: Graph, *, rate: BelowOne = 0.2) -> dict[str, jax.Array]:
    """Removes nodes with their edges, each with a probability, but never all (You et al., 2020).

    Args:
      key: PRNG key.
      graph: see `jssl.data.graphs`.
      rate: probability with which a node is removed.
    """
    score = jnp.where(graph["node_mask"], jax.random.uniform(key, graph["node_mask"].shape), -1.0)
    kept = graph["node_mask"] & ((score >= rate) | (score == jnp.max(score)))
    ends = kept[graph["edges"]].all(axis=-1)
    return {
        **graph,
        "nodes": jnp.where(kept[:, None], graph["nodes"], 0.0),
        "node_mask": kept,
        "edge_mask": graph["edge_mask"] & ends,
    }


def hide_columns(key: jax.Array, graph: Graph, *, rate: BelowOne = 0.3) -> dict[str, jax.Array]:
    """Sets columns of the features to zero in all nodes, each with a probability (Zhu, 2020)."""
    kept = jax.random.uniform(key, graph["nodes"].shape[-1:]) >= rate
    return {**graph, "nodes": graph["nodes"] * kept}


def node_mask(
    key: jax.Array,
    example: Mapping[str, Any],
    *,
    ratio: Inside = 0.5,
    replace: Unit = 0.0,
    field: str = "graph",
) -> dict[str, jax.Array]:
    """Masks a share of the real nodes of a graph, rounded to the nearest number.

    Args:
      key: PRNG key.
      example: has the graph.
      ratio: share to hide.
      replace: share of the masked nodes that get the features of another random real node; the
        others have none (Hou et al., "GraphMAE", 2022, section 3.2).
      field: name of the graph.

    Returns:
      dict(mask bool [N], never True at padding; shown int32 [N], the node whose features are
      visible at each node: itself, another one or, for none, -1).
    """
    real = entry(example, field)["node_mask"]
    count, own = jnp.sum(real), jnp.arange(len(real), dtype=jnp.int32)
    score = jnp.where(real, jax.random.uniform(key, real.shape), 2.0)
    rank = jnp.argsort(jnp.argsort(score))
    hidden = jnp.round(ratio * count)
    mask = real & (rank < hidden)
    # Real nodes first, of which another one is drawn for each.
    order = jnp.argsort(~real, stable=True)
    place = jax.random.randint(jax.random.fold_in(key, 1), real.shape, 0, jnp.maximum(count, 1))
    other = jnp.where(rank < jnp.round(replace * hidden), order[place], -1)
    return {"mask": mask, "shown": jnp.where(mask, other, own).astype(jnp.int32)}


def node_pairs(
    key: jax.Array,
    example: Mapping[str, Any],
    *,
    sources: Count = 64,
    each: Count = 100,
    field: str = "graph",
) -> dict[str, jax.Array]:
    """Draws equal numbers of node pairs at distances 1, 2, 3 and above, as far as available.

    Jin et al., "Self-supervised Learning on Graphs: Deep Insights and New Direction", 2020, their
    PairwiseDistance: distances above 3 are one class, and nodes without a path belong to it.

    Args:
      key: PRNG key.
      example: has the graph, N nodes, each edge in both directions.
      sources: nodes that pairs begin at, a new choice each time; all where there are fewer.
      each: pairs of each class, at most N times `sources`.
      field: name of the graph.

    Returns:
      dict(pair int32 [4 each, 2], label int32 [4 each], steps less one, mask bool [4 each], False
      where a graph has too few pairs of the class).
    """
    graph = entry(example, field)
    real, (start, end) = graph["node_mask"], graph["edges"].T
    choosing, drawing = jax.random.split(key)
    score = jnp.where(real, jax.random.uniform(choosing, real.shape), -1.0)
    chosen = jax.lax.top_k(score, min(sources, len(real)))[1]
    reached = jax.nn.one_hot(chosen, len(real), dtype=jnp.int32).T  # [N, S]
    steps = jnp.where(reached > 0, 0, 4)
    for step in (1, 2, 3):
        sent = reached[start] * graph["edge_mask"][:, None]
        reached = jnp.maximum(reached, jax.ops.segment_max(sent, end, num_segments=len(real)))
        steps = jnp.where((reached > 0) & (steps == 4), step, steps)
    steps = jnp.where(real[:, None] & real[chosen], steps, 0).reshape(-1)
    chance = jax.random.uniform(drawing, steps.shape)
    pairs, masks = [], []
    for step in (1, 2, 3, 4):
        found, place = jax.lax.top_k(jnp.where(steps == step, chance, -1.0), each)
        node, source = jnp.divmod(place, len(chosen))
        masks.append(found >= 0)
        pairs.append(jnp.where(masks[-1][:, None], jnp.stack([chosen[source], node], 1), 0))
    label = jnp.repeat(jnp.arange(4, dtype=jnp.int32), each)
    return {
        "pair": jnp.concatenate(pairs).astype(jnp.int32),
        "label": label,
        "mask": jnp.concatenate(masks),
    }


def graph_views(*, edges: float = 0.2, nodes: float = 0.2, field: str = "graph") -> Views:
    """Two views `a` and `b` of a graph: nodes and edges dropped, drawn alike.

    Args:
      edges: probability that an edge is dropped.
      nodes: probability that a node is dropped.
      field: name of the graph.

    Returns:
      Views a, b: dicts of [B, ...].
    """
    one = pipeline(partial(drop_nodes, rate=nodes), partial(drop_edges, rate=edges), field=field)
    return Views(a=one, b=one)
