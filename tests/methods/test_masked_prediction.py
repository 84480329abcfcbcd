"""Masked prediction: policy, corruption, target and decoder can be exchanged one by one."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.encoders.text import SymbolTransformer
from jssl.encoders.vit import ViT
from jssl.methods.base import Spec
from jssl.methods.masked_parts import (
    Blank,
    InViews,
    LinearDecoder,
    Patches,
    Substitute,
    ViewMask,
    counted,
)
from jssl.methods.masked_prediction import MaskedPrediction
from jssl.methods.step import Step
from jssl.objectives.masked import masked_l1

KEY = jax.random.key(0)
ENCODER = ViT(width=8, depth=1, heads=2, patch_size=2, pool="mean")
X = jax.random.normal(KEY, (2, 4, 4, 1))  # 2 x 2 tokens
MASK = jnp.array([[True, False, False, True], [False, True, False, False]])


def varied(step, views):
    """A policy that needs no view: the patch of largest variance is masked."""
    variance = jnp.var(step.net.encoder.patches(views["image"]), axis=-1)
    return {"mask": variance == jnp.max(variance, axis=1, keepdims=True)}


@dataclasses.dataclass(frozen=True)
class Tiny(MaskedPrediction):
    views = Spec.single()
    policy = staticmethod(varied)
    corruption = Blank()
    target = Patches(normalize=True)
    error = staticmethod(masked_l1)


def run(method, views):
    def whole(views):
        net = method.net(ENCODER)
        params = method.init(net, KEY, views)["params"]
        step = Step(net, params, key=KEY)
        outputs = method.forward(step, views)
        return outputs, method.objective(step, outputs)[0], method.reconstruct(step, views)

    return jax.jit(whole)(views)


def test_a_method_of_five_lines_runs() -> None:
    outputs, loss, shown = run(Tiny(), {"image": X})
    mask = np.asarray(outputs["mask"])
    patches = np.asarray(ENCODER.patches(X))
    assert mask.sum(axis=1).tolist() == [1, 1]
    assert (patches.var(axis=-1)[mask] == patches.var(axis=-1).max(axis=1)).all()
    assert outputs["embedding"].shape == (2, 8)
    error = np.abs(outputs["prediction"] - outputs["target"]).mean(axis=-1)[mask]
    np.testing.assert_allclose(loss, error.mean(), rtol=1e-5)
    # The input is shown as the network sees it; visible patches are the original's.
    np.testing.assert_array_equal(ENCODER.patches(shown["input"])[mask], 0.0)
    made = np.asarray(ENCODER.patches(shown["reconstruction"]))
    np.testing.assert_array_equal(made[~mask], patches[~mask])
    scaled = outputs["prediction"] * patches.std(-1, ddof=1)[..., None]
    expected = scaled + patches.mean(-1)[..., None]
    np.testing.assert_allclose(made[mask], np.asarray(expected)[mask], atol=1e-5)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("policy", ViewMask()),
        ("corruption", InViews()),
        ("target", Patches()),
        ("decoder", LinearDecoder(3)),
    ],
)
def test_each_part_is_exchanged_alone(name: str, part: object) -> None:
    error = lambda self, prediction, target, mask: jnp.mean(prediction, axis=(1, 2))  # noqa: E731
    kind = type("Other", (Tiny,), {name: part, "error": error})
    views = {"image": X, "mask": {"mask": MASK}}

    def forward(method):
        net = method.net(ENCODER)
        params = jax.eval_shape(lambda: method.init(net, KEY, views))["params"]
        traced = jax.make_jaxpr(lambda p: method.forward(Step(net, p, key=KEY), views))(params)
        return str(traced)

    assert forward(kind()) != forward(Tiny())


def test_what_the_corruptions_give_the_network() -> None:
    (blanked,), _ = Blank()(ENCODER, X, {"mask": MASK})
    patches = ENCODER.patches(X)
    np.testing.assert_array_equal(ENCODER.patches(blanked), np.where(MASK[..., None], 0.0, patches))
    symbols = jnp.array([[1, 2, 3, 4], [5, 6, 7, 8]])
    mask = {"mask": MASK, "symbols": jnp.full((2, 4), 9)}
    (mixed,), options = Substitute()(ENCODER, symbols, mask)
    assert mixed.tolist() == [[9, 2, 3, 9], [5, 9, 7, 8]]
    assert options == {}


def test_padding_is_never_predicted() -> None:
    encoder = SymbolTransformer(width=8, depth=1, heads=2, vocabulary=9)
    symbols = jnp.array([[0, 2, 3, 0], [5, 6, 7, 8]])
    assert counted(encoder, symbols, MASK).tolist() == [[False] * 4, [False, True, False, False]]
    np.testing.assert_array_equal(counted(ENCODER, X, MASK), MASK)
