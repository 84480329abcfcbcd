"""Changing one value of an experiment, and writing an experiment down."""

import dataclasses
import functools
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from jssl.augmentations.colour import colour_jitter
from jssl.augmentations.compose import Views, pipeline, repeat, sometimes
from jssl.augmentations.geometry import flip, random_resized_crop
from jssl.config.experiment import Experiment
from jssl.config.overrides import describe, fingerprint, override
from jssl.data import TFDS, Arrays, Digits
from jssl.encoders.mlp import MLP
from jssl.errors import UserError
from jssl.methods.contrastive.simclr import SimCLR
from jssl.training.optim import Optimizer

ROOT = Path(__file__).resolve().parent.parent


@functools.cache
def experiment() -> Experiment:
    view = pipeline(
        partial(random_resized_crop, size=8, scale=(0.5, 1.0)),
        sometimes(partial(colour_jitter, brightness=0.4), 0.8),
        flip,
    )
    return Experiment(
        method=SimCLR(hidden=(16,), out=8),
        encoder=MLP(hidden=(16, 16)),
        data=Digits(),
        views=Views(a=view, b=repeat(view, 2)),
        preprocess=pipeline(),
        optimizer=Optimizer(),
        batch_size=8,
        epochs=2,
        name="own",
    )


def at(node, path: str):
    """The value an override should have changed, found without the code under test."""
    for key in path.split("."):
        if isinstance(node, partial):
            node = node.keywords[key]
        elif key.isdigit():
            node = node[int(key)]
        elif isinstance(node, dict):
            node = node[key]
        else:
            node = getattr(node, key)
    return node


@pytest.mark.parametrize(
    ("assignment", "where", "value"),
    [
        ("batch_size=32", "batch_size", 32),
        ("epochs=3", "epochs", 3.0),
        ("epochs=0.5", "epochs", 0.5),
        ("method.temperature=0.07", "method.temperature", 0.07),
        ("method.temperature=1", "method.temperature", 1.0),
        ("method.hidden=(32,64)", "method.hidden", (32, 64)),
        ("method.hidden=[32]", "method.hidden", (32,)),
        ("method.hidden=()", "method.hidden", ()),
        ("method.hidden.0=5", "method.hidden", (5,)),
        ("method.norm=none", "method.norm", "none"),
        ("method.norm=None", "method.norm", "none"),
        ("method.norm='layer'", "method.norm", "layer"),
        ("encoder.hidden=(4,)", "encoder.hidden", (4,)),
        ("encoder.dtype=bfloat16", "encoder.dtype", "bfloat16"),
        ("optimizer.name=lars", "optimizer.name", "lars"),
        ("optimizer.scaling=none", "optimizer.scaling", "none"),
        ("optimizer.nesterov=true", "optimizer.nesterov", True),
        ("optimizer.learning_rate=1e-3", "optimizer.learning_rate", 1e-3),
        ("data.seed=3", "data.seed", 3),
        (" data.seed = 3 ", "data.seed", 3),
        ("views.a.random_resized_crop.size=6", "views.entries.0.1.ops.0.size", 6),
        ("views.a.random_resized_crop.size=(4, 6)", "views.entries.0.1.ops.0.size", (4, 6)),
        (
            "views.a.random_resized_crop.scale=(0.2, 1)",
            "views.entries.0.1.ops.0.scale",
            (0.2, 1.0),
        ),
        ("views.a.random_resized_crop.scale.0=0.3", "views.entries.0.1.ops.0.scale", (0.3, 1.0)),
        # A default that the experiment does not name, also of a bare function.
        (
            "views.a.random_resized_crop.ratio=(1.0,1.0)",
            "views.entries.0.1.ops.0.ratio",
            (1.0, 1.0),
        ),
        ("views.a.flip.p=0.25", "views.entries.0.1.ops.2.p", 0.25),
        # Through `sometimes` and `repeat`, by the operation's name and by position.
        ("views.a.colour_jitter.brightness=0.1", "views.entries.0.1.ops.1.op.brightness", 0.1),
        ("views.a.colour_jitter.p=0.5", "views.entries.0.1.ops.1.p", 0.5),
        ("views.a.ops.1.op.brightness=0.1", "views.entries.0.1.ops.1.op.brightness", 0.1),
        ("views.b.times=3", "views.entries.1.1.times", 3),
        (
            "views.b.random_resized_crop.size=4",
            "views.entries.1.1.entry.ops.0.size",
            4,
        ),
    ],
)
def test_each_kind_of_node(assignment: str, where: str, value) -> None:
    before = describe(experiment())
    changed = override(experiment(), assignment)
    got = at(changed, where)
    assert got == value
    assert type(got) is type(value)
    assert type(changed) is Experiment
    assert describe(experiment()) == before, "the original must not change"
    assert fingerprint(changed) != fingerprint(experiment())
    # Nothing else changed.
    old, new = flat(before), flat(describe(changed))
    differing = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
    assert len({key.split("/")[0] for key in differing}) == 1
    if where.startswith("views.entries"):
        assert {key.split("/")[2] for key in differing} == {where.split(".")[2]}


def flat(value, prefix: str = "") -> dict:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found = {}
    for key, part in items:
        name = f"{prefix}/{key}" if prefix else str(key)
        found |= flat(part, name) if isinstance(part, dict | list) else {name: part}
    return found


def test_assignments_add_up_from_left_to_right() -> None:
    changed = override(experiment(), "epochs=3", "batch_size=16", "epochs=4")
    assert (changed.epochs, changed.batch_size) == (4.0, 16)


def test_the_changed_views_are_what_runs() -> None:
    changed = override(experiment(), "views.a.random_resized_crop.size=6")
    batch = {"image": jnp.zeros((2, 8, 8, 1), jnp.uint8), "index": jnp.arange(2)}
    import jax

    shapes = jax.eval_shape(changed.views, jax.random.key(0), batch)
    assert shapes["a"].shape == (2, 6, 6, 1)
    assert shapes["b"].shape == (2, 2, 8, 8, 1)


@pytest.mark.parametrize(
    ("assignment", "sentences"),
    [
        ("method.temprature=1", ["'temprature'", "did you mean 'temperature'"]),
        ("metod.temperature=1", ["'metod'", "did you mean 'method'"]),
        ("views.c.ops=1", ["'c'", "(there are: a, b, batch, entries)"]),
        ("views.a.random_crop.size=1", ["did you mean 'random_resized_crop'"]),
        ("views.a.random_resized_crop.sice=1", ["did you mean 'size'"]),
        ("optimizer.lr=1", ["'lr'", "learning_rate"]),
        ("encoder.widths=1", ["(there are:", "hidden"]),
        ("batch_size.x=1", ["unknown key 'x'"]),
        ("name=other", ["unknown key 'name'"]),
        ("method.temperature=hot", ["method.temperature takes float", "'hot' of type str"]),
        ("method.temperature=None", ["takes float", "NoneType"]),
        ("method.temperature=(1,)", ["takes float", "tuple"]),
        (
            "method.temperature=nan",
            ["temperature is nan; it must be a finite number (float"],
        ),
        ("method.temperature=-Inf", ["temperature is -Inf; it must be a finite number"]),
        ("method.out=inf", ["method.out is inf; it must be a finite number (int"]),
        ("method.hidden=(4, nan)", ["hidden is (4, nan); it must hold finite numbers"]),
        ("method.temperature=info", ["method.temperature takes float", "'info' of type str"]),
        ("method.out=1.5", ["method.out takes int", "1.5 of type float"]),
        ("method.out=True", ["takes int", "bool"]),
        ("method.hidden=3", ["takes tuple[int, ...]", "got 3"]),
        ("method.hidden=(3,'a')", ["takes tuple[int, ...]"]),
        ("method.norm=3", ["method.norm takes str", "3 of type int"]),
        ("optimizer.nesterov=1", ["takes bool"]),
        ("optimizer.name=adamww", ["'adamw'", "'adamww'"]),
        ("views.a.random_resized_crop.scale=(1,2,3)", ["takes tuple[float, float]"]),
        ("views.a.colour_jitter.brightness=much", ["takes", "'much'"]),
        ("method=3", ["'method' is a whole SimCLR", "temperature"]),
        ("views.a.random_resized_crop=3", ["is a whole partial", "size"]),
        ("views.a.flip=3", ["is a whole function", "p"]),
        ("epochs", ["key=value", "'epochs'"]),
        ("=3", ["key=value"]),
        ("epochs=-1", ["epochs is -1.0; it must be a positive number"]),
        ("epochs=1e999", ["epochs is inf"]),
        ("batch_size=0", ["batch_size is 0"]),
        ("method.temperature={[]: 1}", ["takes float"]),
    ],
)
def test_mistakes_are_explained(assignment: str, sentences: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        override(experiment(), assignment)
    for sentence in sentences:
        assert sentence in str(caught.value)


def test_optional_values_take_none_and_back() -> None:
    @dataclasses.dataclass(frozen=True)
    class Node:
        limit: int | None = None
        span: tuple[float, float] | None = None

    changed = override(Node(), "limit=3", "span=(0, 1)")
    assert changed == Node(3, (0.0, 1.0))
    assert type(changed.span[0]) is float
    assert override(changed, "limit=none", "span=None") == Node()
    with pytest.raises(UserError, match="limit takes int or None"):
        override(Node(), "limit=1.5")


def test_checks_of_a_dataclass_run_again() -> None:
    @dataclasses.dataclass(frozen=True)
    class Node:
        size: int = 1

        def __post_init__(self) -> None:
            if self.size < 1:
                raise UserError(f"size is {self.size}")

        @functools.cached_property
        def double(self) -> int:
            return 2 * self.size

    node = Node(2)
    assert node.double == 4
    assert override(node, "size=3").double == 6
    with pytest.raises(UserError, match="size is 0"):
        override(node, "size=0")


def test_description_is_json_and_names_everything() -> None:
    described = json.loads(json.dumps(describe(experiment()), allow_nan=False))
    values = flat(described)
    assert values["optimizer/name"] == "sgd"
    assert values["encoder/hidden/0"] == 16
    assert values["views/entries/0/1/ops/0/scale/0"] == 0.5
    assert values["views/entries/0/1/ops/2"].endswith("flip")
    assert not any("0x" in str(value) for value in values.values())


def test_fingerprint_sees_each_value_and_nothing_else() -> None:
    base = fingerprint(experiment())
    assert len(base) == 12
    assert base == fingerprint(dataclasses.replace(experiment(), epochs=2.0))
    changed = [
        "epochs=3",
        "optimizer.name=adamw",
        "optimizer.beta2=0.95",
        "encoder.hidden=(16,17)",
        "data.seed=1",
        "views.b.times=3",
        "views.a.random_resized_crop.scale=(0.5,0.9)",
        "method.norm=layer",
    ]
    prints = {fingerprint(override(experiment(), assignment)) for assignment in changed}
    assert len(prints | {base}) == len(changed) + 1
    assert fingerprint(TFDS("cifar10")) != fingerprint(TFDS("cifar100"))


def test_fingerprint_sees_the_inside_of_large_arrays() -> None:
    image = np.zeros((100, 8, 8, 1), np.uint8)
    other = image.copy()
    other[50, 4, 4] = 1
    label = np.zeros(100, np.int32)
    specs = [Arrays({"image": x, "label": label}) for x in (image, other, image.copy())]
    prints = [fingerprint(spec) for spec in specs]
    assert prints[0] == prints[2] != prints[1]


def test_objects_without_a_repr_are_described_by_their_values() -> None:
    class Thing:
        def __init__(self, size: int) -> None:
            self.size = size

    assert fingerprint(Thing(1)) == fingerprint(Thing(1)) != fingerprint(Thing(2))
    assert "0x" not in json.dumps(describe(Thing(1)))


def test_fingerprint_is_the_same_in_another_process() -> None:
    script = (
        "from jssl.config.experiment import load\nfrom jssl.config.overrides import fingerprint\n"
        "print(fingerprint(load('image/simclr_digits')), fingerprint({3, 'a', 'b'}))"
    )
    from jssl.config.experiment import load

    expected = f"{fingerprint(load('image/simclr_digits'))} {fingerprint({'b', 'a', 3})}"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONHASHSEED": "7"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.strip() == expected
