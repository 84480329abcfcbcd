from functools import partial

import jax
import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import shortest_path

from jssl.augmentations.graphs import node_pairs
from jssl.data.graphs import pad
from jssl.methods.pretext.self_task import SelfTask
from jssl.methods.step import Step

RNG = np.random.default_rng(0)


def chain_and_pair():
    """0 - 1 - 2 - 3 - 4 - 5 and 6 - 7, padded to 10 nodes."""
    one_way = np.array([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (6, 7)])
    edges = np.concatenate([one_way, one_way[:, ::-1]])
    found = pad([np.ones((8, 3), np.float32)], [edges], size=10, links=15)
    distance = shortest_path(csr_matrix((np.ones(12), edges.T), shape=(8, 8)))
    return {key: value[0] for key, value in found.items()}, distance


def test_pairs_are_of_every_distance_and_drawn_at_random():
    example, distance = chain_and_pair()
    keys = jax.random.split(jax.random.key(0), 60)
    draw = jax.jit(jax.vmap(partial(node_pairs, sources=3, each=6), (0, None)))
    found = {key: np.asarray(value) for key, value in draw(keys, example).items()}
    pair, label, mask = found["pair"], found["label"], found["mask"]
    np.testing.assert_array_equal(label[0], np.repeat(np.arange(4), 6))
    kinds = np.minimum(distance, 4) - 1  # -1: the node itself
    np.testing.assert_array_equal(kinds[pair[..., 0], pair[..., 1]][mask], label[mask])
    for row, own, real in zip(pair, label, mask, strict=True):
        sources = sorted({int(node) for node in row[real][:, 0]})
        assert len(sources) == 3
        for kind in range(4):  # no pair twice, and as many as there are
            here = {tuple(p) for p in row[real & (own == kind)]}
            there = np.sum(kinds[sources] == kind)
            assert len(here) == (real & (own == kind)).sum() == min(6, there)
    assert {tuple(p) for p in pair[mask]} == set(zip(*np.nonzero(kinds >= 0), strict=True))


def test_the_loss_equals_loops():
    method = SelfTask(distance=0.5, similarity=2.0, attributes=3.0)
    outputs = {
        "steps": RNG.normal(size=(2, 5, 4)),
        "likeness": RNG.normal(size=(2, 5)),
        "attributes": RNG.normal(size=(2, 3, 6)),
        "alike": RNG.uniform(size=(2, 5)),
        "target": RNG.normal(size=(2, 3, 6)),
    }
    outputs = {key: value.astype(np.float32) for key, value in outputs.items()}
    label = RNG.integers(0, 4, (2, 5))
    real = np.array([[1, 1, 0, 1, 1], [0, 1, 1, 0, 0]], bool)
    hidden = np.array([[1, 0, 1], [0, 0, 1]], bool)
    given = {**outputs, "label": label, "real": real, "masked": hidden}
    found, metrics = method.objective(Step(), given)
    wanted = {"distance": 0.0, "similarity": 0.0, "attributes": 0.0}
    for b in range(2):
        p, n = np.nonzero(real[b])[0], np.nonzero(hidden[b])[0]
        logits = outputs["steps"][b]
        own = [np.log(np.exp(logits[i]).sum()) - logits[i, label[b, i]] for i in p]
        wanted["distance"] += np.mean(own) / 2
        error = np.sum((outputs["likeness"][b, p] - outputs["alike"][b, p]) ** 2)
        wanted["similarity"] += error / np.sum(outputs["alike"][b, p] ** 2) / 2
        error = np.sum((outputs["attributes"][b, n] - outputs["target"][b, n]) ** 2)
        wanted["attributes"] += error / np.sum(outputs["target"][b, n] ** 2) / 2
    for name, value in wanted.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-5)
    total = 0.5 * wanted["distance"] + 2 * wanted["similarity"] + 3 * wanted["attributes"]
    np.testing.assert_allclose(found, total, rtol=1e-5)
