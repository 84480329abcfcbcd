"""What wav2vec 2.0 and TIPS do beyond the promises that all methods keep."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.core.progress import Progress
from jssl.encoders.text import SymbolTransformer
from jssl.encoders.vit import ViT
from jssl.encoders.waveform import WaveformTransformer
from jssl.errors import UserError
from jssl.methods.contrastive.tips import TIPS
from jssl.methods.contrastive.wav2vec2 import Wav2Vec2
from jssl.methods.step import Step

KEY = jax.random.key(0)
PARTNER = SymbolTransformer(width=8, depth=1, heads=2, vocabulary=9, kernel_init="lecun")
VIEWS = {
    "a": np.ones((2, 8, 8, 3), np.float32),
    "local": np.ones((2, 3, 4, 4, 3), np.float32),
    "b": np.ones((2, 6), np.int32),
    "mask": {"mask": np.eye(2, 4, dtype=bool), "masked": np.tile(np.arange(2), (2, 1))},
}


def test_the_choice_of_entries_cools_by_equal_ratios_and_stays() -> None:
    method = Wav2Vec2()
    found = [float(method.gumbel_temperature(Progress(step, 100, 10))) for step in (0, 35, 70, 100)]
    np.testing.assert_allclose(found, [2.0, 1.0, 0.5, 0.5], rtol=1e-5)


def test_hidden_steps_and_their_negatives_are_real_and_other_ones() -> None:
    encoder = WaveformTransformer(
        width=8, depth=1, heads=2, channels=4, kernels=(4,), strides=(4,), kernel_init="lecun"
    )
    method = Wav2Vec2(entries=4, negatives=5, code_width=8, out=8)
    net = method.net(encoder)
    x = np.random.default_rng(0).normal(size=(2, 32)).astype(np.float32)
    x[0, 20:] = 0.0  # three steps of padding
    mask = np.arange(8)[None] % 2 == np.array([[0], [1]])

    @jax.jit
    def run(x, mask):
        views = {"wave": x, "mask": {"mask": mask}}
        params = method.init(net, KEY, views)["params"]
        return method.forward(Step(net, params, {}, {}, KEY, Progress(0, 10, 5)), views)

    found = {name: np.asarray(value) for name, value in run(x, mask).items()}
    np.testing.assert_array_equal(found["masked"], mask & (np.arange(8) < [[5], [8]]))
    for b, n, k in np.argwhere(found["allowed"]):
        chosen = found["negatives"][b, n, k]
        assert found["masked"][b, n] and found["masked"][b, chosen] and chosen != n
        assert np.abs(found["target"][b, n] - found["target"][b, chosen]).max() > 1e-4
    assert found["allowed"].any()


def test_the_teacher_of_tips_reads_no_captions_and_one_caption_serves_both_tokens() -> None:
    method = TIPS(partner=PARTNER, hidden=(8,), bottleneck=4, prototypes=6, patch_prototypes=5)
    encoder = ViT("Ti", patch_size=4, width=8, depth=1, heads=2, registers=1)
    net = method.net(encoder)

    def run(views):
        params = method.init(net, KEY, views)["params"]
        memory = method.init_memory(Step(None, params, {}, key=KEY))
        outputs = method.forward(Step(net, params, {}, memory, KEY, Progress(0, 10, 5)), views)
        return outputs, memory

    outputs, memory = jax.eval_shape(run, VIEWS)
    assert {"partner", "map_a"}.isdisjoint(memory["teacher"]["params"])
    assert {"encoder", "head", "patch_head"} < set(memory["teacher"]["params"])
    shapes = {name: x.shape for name, x in outputs.items()}
    assert shapes["b"] == shapes["c"] == (2, 128)
    assert shapes["student"] == (2, 4, 6) and shapes["teacher"] == (2, 1, 6)
    assert shapes["student_patches"] == shapes["teacher_patches"] == (2, 1, 2, 5)
    bare = method.net(encoder.clone(registers=0))
    with pytest.raises(UserError, match="registers=1"):
        jax.eval_shape(lambda views: method.init(bare, KEY, views), VIEWS)


def test_tips_adds_up_its_three_losses() -> None:
    method = TIPS(partner=PARTNER, prototypes=6, patch_prototypes=5, image_weight=0.5)
    draw = np.random.default_rng(1)
    sizes = {"a": (3, 4), "second": (3, 4), "b": (3, 4), "c": (3, 4), "student": (3, 3, 6)}
    sizes |= {
        "teacher": (3, 1, 6),
        "student_patches": (3, 1, 2, 5),
        "teacher_patches": (3, 1, 2, 5),
    }
    outputs = {k: draw.normal(size=s).astype(np.float32) for k, s in sizes.items()}
    hidden = np.array([[[True, False]], [[True, True]], [[False, True]]])
    outputs |= {"scale": np.full(3, 5.0, np.float32), "masked": hidden}
    memory = {"teacher": {}, "centre": jnp.zeros(6), "patch_centre": jnp.zeros(5)}
    found, _ = method.objective(
        Step(memory=memory, key=KEY, progress=Progress(10**6, 10**6, 10)), outputs
    )

    def log_softmax(x):
        return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))

    def pairs(a, b):
        a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
        logits = 5.0 * a @ b.T
        return (
            -np.mean([log_softmax(logits)[i, i] + log_softmax(logits.T)[i, i] for i in range(3)])
            / 2
        )

    def cross(teacher, student):  # at the ends of the schedules
        return -np.sum(np.exp(log_softmax(teacher / 0.07)) * log_softmax(student / 0.1))

    o = {k: np.asarray(v, np.float64) for k, v in outputs.items()}
    crops = np.mean(
        [cross(o["teacher"][i, 0], o["student"][i, s]) for i in range(3) for s in (1, 2)]
    )
    patches = np.mean(
        [
            np.mean(
                [
                    cross(o["teacher_patches"][i, 0, m], o["student_patches"][i, 0, m])
                    for m in np.flatnonzero(hidden[i, 0])
                ]
            )
            for i in range(3)
        ]
    )
    contrast = (pairs(o["a"], o["b"]) + pairs(o["second"], o["c"])) / 2
    assert float(found) == pytest.approx(contrast + 0.5 * crops + 2.0 * patches, rel=1e-4)
