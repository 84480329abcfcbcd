"""Views and evaluation of sizes that one encoder cannot take are refused before compilation."""

import dataclasses
import functools
from functools import partial

import jax.numpy as jnp
import numpy as np
import pytest

from jssl.augmentations.compose import Pipeline, Views, pipeline
from jssl.augmentations.geometry import random_resized_crop, resize
from jssl.config.experiment import Experiment
from jssl.data import Digits
from jssl.encoders.mlp import MLP
from jssl.encoders.vit import ViT
from jssl.errors import UserError
from jssl.methods.contrastive.simclr import SimCLR
from jssl.methods.siamese import interleave_views
from jssl.training import sharding
from jssl.training.optim import Optimizer
from jssl.training.program import Program, build

EXAMPLE = {"image": np.zeros((16, 16, 3), np.uint8), "label": np.int32(0)}


def crop(size: int) -> Pipeline:
    return pipeline(partial(random_resized_crop, size=size))


def grey(key, image):
    return image[..., :1]


@functools.cache
def base() -> Experiment:
    return Experiment(
        method=SimCLR(hidden=(8,), out=8, norm="none"),
        encoder=MLP((8,), norm="none"),
        data=Digits(),
        views=Views(a=crop(8), b=crop(8)),
        preprocess=pipeline(partial(resize, size=8)),
        optimizer=Optimizer(),
        batch_size=8,
        epochs=1,
    )


def program(**changed) -> Program:
    experiment = dataclasses.replace(base(), **changed)
    return build(experiment, EXAMPLE, 24, sharding.make_mesh(1))


VIT = ViT("Ti", patch_size=4, width=16, depth=1, heads=2)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"preprocess": pipeline()},
            r"MLP inputs of a \[8, 8, 3\], b \[8, 8, 3\] and the evaluation pipeline "
            r"\(preprocess\) gives \[16, 16, 3\], which it cannot take",
        ),
        ({"preprocess": pipeline(partial(resize, size=8), grey)}, r"gives \[8, 8, 1\]"),
        (
            {"views": Views(a=pipeline(grey, partial(resize, size=8)), b=crop(8)), "encoder": VIT},
            r"a \[8, 8, 1\], b \[8, 8, 3\] and .* gives \[8, 8, 3\]",
        ),
        (
            {"preprocess": pipeline(partial(resize, size=10)), "encoder": VIT},
            r"gives \[10, 10, 3\], which it cannot take \(an image of 10x10 pixels",
        ),
        ({"views": Views(a=crop(10), b=crop(10)), "encoder": VIT}, "10x10 pixels cannot be cut"),
    ],
)
def test_other_sizes_are_named(changed: dict, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        program(**changed).abstract_state  # noqa: B018
    assert "\n" not in str(caught.value)


def test_what_fits_is_let_through() -> None:
    assert program().abstract_state.params
    other = pipeline(partial(resize, size=16))
    assert program(preprocess=other, encoder=VIT).abstract_state.params


def test_views_of_two_sizes_are_no_batch() -> None:
    with pytest.raises(UserError, match=r"these have \[8, 8, 3\], \[16, 16, 3\]"):
        interleave_views(jnp.zeros((2, 8, 8, 3)), jnp.zeros((2, 16, 16, 3)))
