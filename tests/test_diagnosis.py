"""A loss that is not finite: the data are looked at first, and the fault is named."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.augmentations.compose import Views, pipeline
from jssl.config import experiment as registry
from jssl.data import Arrays
from jssl.data.order import batch_indices
from jssl.errors import UserError
from jssl.runs.diagnosis import first_cause
from jssl.runs.loop import Options, fit
from jssl.runs.run import Run
from jssl.testing import small
from jssl.testing.runs import program_of


def images(count: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(1, 255, (count, 8, 8, 1)).astype(np.uint8)


def experiment_of(array: np.ndarray, views: Any = None) -> registry.Experiment:
    data = Arrays({"image": array, "label": np.arange(len(array), dtype=np.int32) % 2})
    plain = pipeline(lambda key, image: image + 0.01 * jax.random.normal(key, image.shape))
    case = small(registry.load("image/simclr_digits"))
    views = views or Views(a=plain, b=plain)
    return dataclasses.replace(case, data=data, views=views, batch_size=8, epochs=2)


def cause(experiment: registry.Experiment, step: int, params: Any = None) -> str:
    program = program_of(experiment)
    source = experiment.data.load().train
    return first_cause(program, source, 0, program.root_key(0), step, params)


def put_in(array: np.ndarray, row: int, value: float) -> np.ndarray:
    array = array.astype(np.float32)
    array[row, 3, 3] = value
    return array


def blank_of(experiment: registry.Experiment) -> tuple[int, int]:
    """The place of the blank image in the training split, and the split's length."""
    train = experiment.data.load().train
    return next(i for i in range(len(train)) if not train[i]["image"].any()), len(train)


class Fed:
    """Data that arrive as they are, past every check of a loader."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: Any) -> dict[str, np.ndarray]:
        return {"image": self.array[index], "label": np.asarray(index, np.int32) % 2}


@pytest.mark.parametrize(
    ("value", "says"),
    [(np.nan, "NaN"), (-np.inf, "an infinite number"), (3e38, "a number as large as 3e+38")],
)
def test_the_batch_is_looked_at_first(value: float, says: str) -> None:
    program = program_of(experiment_of(images()))
    order = batch_indices(0, 1, 32, 8)
    array = put_in(images(), order[5], value)
    found = first_cause(program, Fed(array), 0, program.root_key(0), 2)
    assert found == f"the data are at fault: 'image' holds {says} in training example {order[5]}"
    assert first_cause(program, Fed(array), 0, program.root_key(0), 1) == ""  # another batch
    array = put_in(array, order[6], value)
    assert "(and 1 more of the 8 in the batch)" in first_cause(
        program, Fed(array), 0, program.root_key(0), 2
    )


def test_views_come_second_and_parameters_third() -> None:
    array = images()
    array[7] = 0
    whiten = pipeline(lambda key, image: image / jnp.mean(image))  # 0 / 0 of a blank image
    plain = pipeline(lambda key, image: image)
    experiment = experiment_of(array, Views(a=plain, b=whiten))
    blank, length = blank_of(experiment)
    step = next(s for s in range(9) if blank in batch_indices(0, s, length, 8)) + 1
    found = cause(experiment, step)
    assert f"augmentation is at fault: view 'b' holds NaN in training example {blank}" in found
    sound = experiment_of(images())
    bad = {"encoder": {"dense0": {"kernel": np.asarray([1.0, np.inf])}}}
    found = cause(sound, 1, lambda: bad)
    assert found.endswith("encoder/dense0/kernel holds an infinite number")
    assert cause(sound, 1, lambda: {"kernel": np.ones(3)}) == ""


def test_a_run_says_what_it_found(tmp_path: Path) -> None:
    array = images()
    array[7] = 0
    plain = pipeline(lambda key, image: image)
    whiten = pipeline(lambda key, image: image / jnp.mean(image))
    experiment = experiment_of(array, Views(a=plain, b=whiten))
    run = Run(experiment, 0, tmp_path / "run")
    with pytest.raises(UserError) as raised:
        fit(run, Options(devices=1, probe_every=0), log=lambda line: None)
    said = str(raised.value)
    assert "stopped being finite at step" in said
    assert f"view 'b' holds NaN in training example {blank_of(experiment)[0]}" in said
    assert "learning rate" not in said
