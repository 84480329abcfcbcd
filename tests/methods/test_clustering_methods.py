"""What SwAV and DeepCluster-v2 remember, on plain arrays."""

import jax
import jax.numpy as jnp
import numpy as np

from jssl.core.progress import Progress
from jssl.methods.clustering.deepcluster_v2 import DeepClusterV2
from jssl.methods.clustering.swav import SwAV
from jssl.methods.step import Step
from jssl.objectives.clustering import sinkhorn
from jssl.objectives.common import l2_normalize

KEY = jax.random.key(0)


def unit(*shape: int, seed: int = 0) -> jax.Array:
    return l2_normalize(jax.random.normal(jax.random.key(seed), shape))


def test_swav_queue_balances_once_full_and_is_read_before_it_is_pushed() -> None:
    method = SwAV(queue=4, queue_epochs=1.0, prototypes=5, out=3)
    kernel = 2.0 * jax.random.normal(KEY, (3, 5))
    memory = method.init_memory(Step(None, {"head": {"prototypes": {"kernel": kernel}}}, key=KEY))
    normed = l2_normalize(kernel, axis=0)
    embedding = unit(2, 2, 3)
    outputs = {"embedding": embedding, "scores": embedding @ normed}

    def codes(memory: dict, epoch: int) -> jax.Array:
        return method._codes(
            Step(memory=memory, progress=Progress(2 * epoch, 10, 2)), outputs["scores"][:, 0], "a"
        )

    alone = sinkhorn(outputs["scores"][:, 0], temperature=0.05)
    np.testing.assert_allclose(codes(memory, 3), alone, atol=1e-6)
    memory = method.remember(Step(memory=memory, key=KEY, progress=Progress(0, 10, 2)), outputs)
    np.testing.assert_allclose(memory["a"]["rows"][:2], embedding[:, 0], atol=1e-6)
    np.testing.assert_allclose(memory["b"]["rows"][:2], embedding[:, 1], atol=1e-6)
    np.testing.assert_allclose(codes(memory, 3), alone, atol=1e-6)  # half full
    memory = method.remember(Step(memory=memory, key=KEY, progress=Progress(1, 10, 2)), outputs)
    np.testing.assert_allclose(codes(memory, 0), alone, atol=1e-6)  # too early
    twice = jnp.concatenate([outputs["scores"][:, 0], memory["a"]["rows"] @ normed])
    expected = sinkhorn(twice, temperature=0.05)[:2]
    np.testing.assert_allclose(codes(memory, 1), expected, atol=1e-4)


def test_swav_holds_its_prototypes_in_the_first_epoch() -> None:
    updates = {"encoder": jnp.ones(2), "head": {"prototypes": {"kernel": jnp.ones((2, 2))}}}
    for step, held in ((0, True), (9, True), (10, False)):
        scaled = SwAV().scale_updates(Step(progress=Progress(step, 100, 10)), updates)
        assert bool(jnp.all(scaled["head"]["prototypes"]["kernel"] == 0)) == held
        assert bool(jnp.all(scaled["encoder"] == 1))


def test_deepcluster_fills_its_memory_then_clusters_what_it_met() -> None:
    method = DeepClusterV2(examples=9, clusters=(2, 3), out=4)
    memory = method.init_memory(Step(key=KEY))
    x = unit(2, 4, 3, 4, seed=1)
    losses = []
    for step in range(4):
        index = jnp.arange(4) + 4 * (step % 2)  # example 8 is never met
        outputs = {"embedding": x[step % 2], "index": index}
        at = Step(memory=memory, key=KEY, progress=Progress(step, 6, 2))
        loss, _ = method.objective(at, outputs)
        memory = method.remember(at, outputs)
        losses.append(float(loss))
        assert method.monitor(Step(memory=memory), outputs).idle == (step == 0)
        if step == 0:
            assert np.all(memory["assigned"] == -1)
            np.testing.assert_array_equal(memory["met"], [1, 1, 1, 1, 0, 0, 0, 0, 0])
    assert losses[:2] == [0.0, 0.0]
    assert min(losses[2:]) > 0
    both = np.concatenate([x[0], x[1]])
    for view in range(2):
        np.testing.assert_array_equal(memory["embeddings"][view, :8], both[:, view])
        centroids = np.asarray(memory["centroids"][str(view)])
        np.testing.assert_allclose(np.linalg.norm(centroids, axis=1), 1.0, rtol=1e-5)
        nearest = np.argmax(both[:, view] @ centroids.T, axis=1)
        np.testing.assert_array_equal(memory["assigned"][view], [*nearest, -1])


def test_deepcluster_notices_an_index_beyond_its_memory() -> None:
    method = DeepClusterV2(examples=3, clusters=(2,), out=4)
    outputs = {"embedding": unit(2, 2, 4), "index": jnp.array([1, 3])}
    memory = method.init_memory(Step(key=KEY))
    loss, _ = method.objective(Step(memory=memory, key=KEY, progress=Progress(0, 4, 2)), outputs)
    assert np.isnan(loss)
