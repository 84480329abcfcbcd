"""What masked, predictive and pretext methods hand to their objectives."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ndtr

from jssl.core.progress import Progress
from jssl.encoders.mlp import MLP
from jssl.encoders.series import SeriesTransformer
from jssl.encoders.vit import ViT
from jssl.errors import UserError
from jssl.methods.masked.dbot import DBOT
from jssl.methods.masked.gmml import GMML, spaced_blocks
from jssl.methods.masked.patchtst import PatchTST
from jssl.methods.predictive.ecg_jepa import ECGJEPA
from jssl.methods.predictive.flexpredict import FlexPredict
from jssl.methods.predictive.ijepa import IJEPA
from jssl.methods.pretext.droppos import DropPos
from jssl.methods.pretext.mp3 import MP3
from jssl.methods.pretext.rotnet import RotNet
from jssl.methods.step import Step

KEY = jax.random.key(0)
ENCODER = ViT(width=16, depth=1, heads=2, patch_size=4, pool="mean")
IMAGES = jax.random.normal(KEY, (2, 16, 8, 3))  # 4 x 2 tokens
PROGRESS = Progress(2, 10, 5)


def start(method, views, encoder=ENCODER):
    net = method.net(encoder)
    variables = dict(jax.jit(lambda: method.init(net, KEY, views))())
    params = variables.pop("params")
    return net, params, variables, method.init_memory(Step(None, params, variables, key=KEY))


def outputs_of(method, views, net, params, stats, memory):
    run = lambda p, m: method.forward(Step(net, p, stats, m, KEY, PROGRESS), views)  # noqa: E731
    return jax.jit(run)(params, memory)


def test_ijepa_predicts_the_teacher() -> None:
    targets = jnp.array([[[0, 2], [3, 5]], [[1, 3], [4, 6]]])
    views = {
        "image": IMAGES,
        "mask": {"keep": jnp.array([[1, 4, 6], [0, 2, 7]]), "targets": targets},
    }
    method = IJEPA(momentum=0.5, predictor_width=8, predictor_depth=1, predictor_heads=2)
    net, params, stats, memory = start(method, views)
    assert set(memory["teacher"]["params"]) == set(params["encoder"])
    teacher = jax.tree.map(lambda x: x * 1.5 + 0.01, memory["teacher"])
    memory = {"teacher": teacher}
    out = outputs_of(method, views, net, params, stats, memory)
    seen = jax.jit(lambda m: method.encode(Step(net, params, stats, m), IMAGES))(memory)
    tokens = np.asarray(seen.tokens, np.float64)
    for b, m, t in np.ndindex(2, 2, 2):
        token = tokens[b, targets[b, m, t]]
        expected = (token - token.mean()) / (token.var() + 1e-5) ** 0.5
        np.testing.assert_allclose(out["target"][b, m, t], expected, atol=2e-4)
    # Halfway at the first step, and not at all at the last.
    moved = method.after_update(Step(None, params, stats, memory, progress=Progress(0, 10, 5)))[
        "teacher"
    ]["params"]
    average = jax.tree.map(lambda a, b: (a + b) / 2, teacher["params"], params["encoder"])
    chex.assert_trees_all_close(moved, average, atol=1e-6)
    kept = method.after_update(Step(None, params, stats, memory, progress=Progress(10, 10, 5)))[
        "teacher"
    ]
    chex.assert_trees_all_equal(kept, teacher)
    student = method.of_student()
    assert student.of_student() is None
    state = student.encoder_state(Step(net, params, stats, memory))
    chex.assert_trees_all_equal(state[0], params["encoder"])
    # Without noise the stochastic positions are the fixed ones.
    fields = {f.name: getattr(method, f.name) for f in dataclasses.fields(method)}
    losses = []
    for noise in (0.0, 0.25):
        other = FlexPredict(**fields, noise=noise)
        parts = outputs_of(other, views, other.net(ENCODER), params, stats, memory)
        losses.append(other.objective(Step(memory=memory, key=KEY, progress=PROGRESS), parts)[0])
    loss = method.objective(Step(memory=memory, key=KEY, progress=PROGRESS), out)[0]
    np.testing.assert_allclose(losses[0], loss, rtol=1e-6)
    assert abs(losses[1] - loss) > 1e-5


def test_ecg_jepa_predicts_all_hidden_tokens_as_they_are() -> None:
    method = ECGJEPA()
    mask = {"keep": jnp.array([[1, 4], [0, 2]]), "masked": jnp.array([[0, 2, 3], [1, 3, 4]])}
    _, _, targets = method.inputs({"series": IMAGES, "mask": mask})
    np.testing.assert_array_equal(targets[:, 0], mask["masked"])
    draw = np.random.default_rng(0)
    tokens, prediction = draw.normal(size=(2, 5, 4)), draw.normal(size=(2, 1, 3, 4))
    wanted = 0.0
    for b, t, d in np.ndindex(2, 3, 4):
        error = abs(prediction[b, 0, t, d] - tokens[b, mask["masked"][b, t], d])
        wanted += (error - 0.005 if error > 0.01 else error**2 / 0.02) / 24
    target = np.take_along_axis(method.regressed(tokens), targets[:, 0, :, None], axis=1)
    outputs = {"prediction": jnp.asarray(prediction), "target": jnp.asarray(target[:, None])}
    loss, _ = method.objective(Step(memory={}, key=KEY, progress=PROGRESS), outputs)
    np.testing.assert_allclose(loss, wanted, rtol=1e-6)


def test_dbot_changes_teacher_and_student_between_stages() -> None:
    method = DBOT(stages=2, warmup_epochs=0.2)
    initial = {"encoder": {"kernel": jnp.ones(3)}, "decoder": jnp.zeros(2)}
    memory = method.init_memory(Step(None, initial, {}, key=KEY))
    trained = jax.tree.map(lambda x: x + 4.0, initial)
    for step in range(10):
        progress = Progress(jnp.int32(step), 10, 10)
        at = Step(None, trained, {}, memory, progress=progress)
        after = method.after_update(at)
        params = method.next_params(at.replace(memory=after))
        boundary = step == 4  # the fifth step of ten; the last student is kept
        teacher = trained["encoder"] if boundary else initial["encoder"]
        chex.assert_trees_all_equal(after["teacher"]["params"], teacher)
        chex.assert_trees_all_equal(params, initial if boundary else trained)
        chex.assert_trees_all_equal(after["initial"], initial)


def test_dbot_predicts_what_comes_before_the_final_norm() -> None:
    encoder = ENCODER.clone(pool="cls")
    keep = jnp.array([[1, 4, 6], [0, 2, 7]])
    hidden = jnp.stack([jnp.setdiff1d(jnp.arange(8), row) for row in keep])
    mask = jnp.ones((2, 8), bool).at[jnp.arange(2)[:, None], keep].set(False)
    views = {"image": IMAGES, "mask": {"keep": keep, "masked": hidden, "mask": mask}}
    method = DBOT(decoder_width=8, decoder_depth=1, decoder_heads=2)
    net, params, stats, memory = start(method, views, encoder)
    teacher = jax.tree.map(lambda x: x * 1.5 + 0.01, memory["teacher"])
    out = outputs_of(method, views, net, params, stats, {"teacher": teacher})
    whole = jax.jit(lambda p: encoder.apply({"params": p}, IMAGES, train=False))(teacher["params"])
    before = np.asarray(whole.extras["block0"], np.float64)  # the class token first if there is one
    mean, variance = before.mean(-1, keepdims=True), before.var(-1, ddof=1, keepdims=True)
    np.testing.assert_allclose(out["target"], (before - mean) / np.sqrt(variance + 1e-6), atol=1e-3)
    assert out["prediction"].shape == (2, 9, 16)
    np.testing.assert_array_equal(out["mask"][:, 1:], mask)
    assert out["mask"][:, 0].all()
    loss, _ = method.objective(Step(progress=PROGRESS), out)
    error = np.abs(np.asarray(out["prediction"] - out["target"], np.float64))
    smooth = np.where(error < 2.0, error**2 / 4.0, error - 1.0).mean(-1)
    np.testing.assert_allclose(loss, smooth[np.asarray(out["mask"])].mean(), rtol=1e-5)
    # Without a class token the patches alone are predicted.
    net = method.net(ENCODER)
    traced = jax.eval_shape(lambda: net.init_with_output(KEY, IMAGES, keep, hidden, train=False))
    assert traced[0][1].shape == (2, 8, 16)


def test_gmml_reconstructs_from_the_mean_of_several_blocks() -> None:
    assert spaced_blocks(12, 4) == (5, 7, 9, 11)
    assert [spaced_blocks(d, 4) for d in (1, 2, 4, 6)] == [(0,), (0, 1), (1, 2, 3), (2, 3, 4, 5)]
    assert spaced_blocks(6, 1) == (5,)
    views = {"image": IMAGES, "original": -IMAGES, "mask": jnp.ones((2, 8), bool)}
    method, encoder = GMML(blocks=2, head_layers=1), ENCODER.clone(depth=2, pool="cls")
    net, params, stats, memory = start(method, views, encoder)
    params = jax.tree.map(lambda x: x + 0.1, params)
    prediction = outputs_of(method, views, net, params, stats, memory)["prediction"]
    run = jax.jit(lambda p: encoder.apply({"params": p}, IMAGES, train=True))
    extras = run(params["encoder"]).extras
    y = np.asarray((extras["block0"] + extras["block1"])[:, 1:] / 2, np.float64)
    y = (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + 1e-6)
    y = y * params["head_norm"]["scale"] + params["head_norm"]["bias"]
    y = y @ params["head0"]["kernel"] + params["head0"]["bias"]
    y = y * ndtr(y)  # GELU
    y = y @ params["head_output"]["kernel"] + params["head_output"]["bias"]
    np.testing.assert_allclose(prediction, y, rtol=2e-4, atol=2e-4)


def test_patchtst_has_a_mask_token_on_request() -> None:
    mask, encoder = {"mask": jnp.ones((1, 2), bool)}, SeriesTransformer(patch=4)
    x = jnp.ones((1, 8, 1))
    for token in (False, True):
        (seen,), options = PatchTST(mask_token=token).corruption(encoder, x, mask)
        assert bool(seen.any()) is token
        assert set(options) == ({"mask"} if token else set())


def test_dbot_has_a_schedule_in_each_stage() -> None:
    method = DBOT(stages=2, warmup_epochs=0.2)
    rates = [
        float(
            method.scale_updates(
                Step(progress=Progress(jnp.int32(step), 20, 10)), {"x": jnp.ones(())}
            )["x"]
        )
        for step in range(20)
    ]
    np.testing.assert_allclose(rates[:10], rates[10:], rtol=1e-6)
    cosine = [0.5 * (1 + np.cos(np.pi * k / 8)) for k in range(8)]
    np.testing.assert_allclose(rates[:10], [0.5, 1.0, *cosine], rtol=1e-5)


def test_droppos_targets_and_weights() -> None:
    keep = jnp.array([[1, 4, 6], [0, 2, 7]])
    dropped = jnp.array([[True, True, False], [False, True, True]])
    views = {"image": IMAGES, "mask": {"keep": keep}, "dropped": {"mask": dropped}}
    method = DropPos(decoder_width=8, decoder_depth=1, decoder_heads=2)
    net, params, stats, memory = start(method, views)
    out = outputs_of(method, views, net, params, stats, memory)
    assert out["logits"].shape == (2, 3, 8)
    np.testing.assert_array_equal(out["weight"] > 0, dropped)
    np.testing.assert_array_equal(np.argmax(out["target"], axis=-1), keep)
    sigma = 0.8  # a fifth of the run is done
    weights = [np.exp(-((i // 2 - 2) ** 2 + (i % 2) ** 2) / sigma**2) for i in range(8)]
    np.testing.assert_allclose(out["target"][0, 1], weights / np.sum(weights), rtol=1e-4)
    plain = dataclasses.replace(method, temperature=0.0)
    equal = outputs_of(plain, views, net, params, stats, memory)["weight"]
    np.testing.assert_array_equal(equal, dropped.astype(jnp.float32))


def test_rotnet_takes_one_or_several_copies() -> None:
    method, encoder = RotNet(), MLP(hidden=(8,), norm="none")
    copies, labels = jnp.stack([IMAGES, -IMAGES], axis=1), jnp.array([[0, 2], [1, 3]])
    several = {"image": {"image": copies, "label": labels}}
    net, params, stats, memory = start(method, several, encoder)
    out = outputs_of(method, several, net, params, stats, memory)
    assert out["logits"].shape == (2, 2, 4)
    single = {"image": {"image": -IMAGES, "label": labels[:, 1]}}
    second = outputs_of(method, single, net, params, stats, memory)
    np.testing.assert_allclose(second["logits"], out["logits"][:, 1], atol=1e-6)


def test_encoders_that_would_make_the_task_void_are_refused() -> None:
    with pytest.raises(UserError, match="positions='none'"):
        MP3().net(ENCODER)
    with pytest.raises(UserError, match="needs an encoder with positions"):
        DropPos().net(ENCODER.clone(positions="none"))
