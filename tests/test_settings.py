"""Every number of every experiment says its range, and what is out of it is refused in a sentence.

Nothing here compiles. A field or argument that comes without a range fails the walk by its name.
"""

import dataclasses
import functools
import inspect
import math

import jax
import numpy as np
import pytest

from jssl.augmentations.compose import Views, pipeline, repeat
from jssl.augmentations.geometry import random_resized_crop
from jssl.augmentations.masks import random_mask
from jssl.config import experiment as registry
from jssl.config.overrides import override
from jssl.core import settings
from jssl.core.ranges import Count, Ranged, problem
from jssl.data import Shapes, Tones
from jssl.encoders.mlp import MLP
from jssl.encoders.resnet import ResNet
from jssl.encoders.vit import ViT
from jssl.encoders.waveform import WaveformTransformer
from jssl.errors import UserError
from jssl.evaluation.protocols import protocol, protocols
from jssl.evaluation.protocols.neighbours import KNN
from jssl.methods.contrastive.moco_v2 import MoCoV2
from jssl.methods.contrastive.simclr import SimCLR
from jssl.methods.masked.mae import MAE
from jssl.studies.batched_runs import grid
from jssl.training.optim import Optimizer

loaded = functools.cache(registry.load)
WRONG = (-1, -0.5, 0, 1e30, 10**12, math.inf, -math.inf, (), (-1,), (0,), (2.0, 1.0))


@functools.cache
def walked() -> dict[tuple[str, str], tuple[str, settings.Setting]]:
    """Every numeric setting, once for each field or argument: (owner, name) -> (experiment, it)."""
    found = {}
    for name in registry.names():
        for setting in settings.settings(loaded(name)):
            if setting.numeric:
                key = (setting.path.rpartition(".")[0], setting.path, str(setting.hint))
                found.setdefault(key[1:], (name, setting))
    return found


def test_every_number_of_every_experiment_says_its_range() -> None:
    silent = {
        f"{name}: {setting.path} ({setting.hint})"
        for name, setting in walked().values()
        if not setting.ranges
    }
    assert not silent, "declare a range (jssl/core/ranges.py) at: " + "; ".join(sorted(silent))
    assert len(walked()) > 400


def allowed(value, setting: settings.Setting) -> bool:
    """Whether what is declared holds a value, by the numbers of the declaration alone."""
    parts = value if isinstance(value, tuple) else (value,)
    if not all(math.isfinite(part) and abs(part) < 3e38 for part in parts):
        return False
    return any(
        len(parts) >= declared.least
        and (not declared.ordered or list(parts) == sorted(parts))
        and all(
            part in declared.options
            if declared.options
            else declared.low <= part <= declared.high
            and not (declared.above and part == declared.low)
            and not (declared.below and part == declared.high)
            for part in parts
        )
        for declared in setting.ranges
    )


def test_values_out_of_range_are_refused_by_set_for_every_setting() -> None:
    """By the path that a user writes; what is accepted lies in the range that is declared."""
    refused = accepted = 0
    by_name: dict[str, list[settings.Setting]] = {}
    for name, setting in walked().values():
        by_name.setdefault(name, []).append(setting)
    for name, found in by_name.items():
        whole = loaded(name)
        for setting in found:
            root, _, path = setting.path.partition(".")
            # One part alone is quicker to walk; its own path is what the message names.
            part, path = (getattr(whole, root), path) if path else (whole, root)
            assert problem(math.nan, setting.hint), "a bare nan is a word on a command line"
            if isinstance(part, tuple | int | float):  # a setting of the experiment itself
                continue  # see the next test
            for value in WRONG:
                try:
                    override(part, f"{path}={value!r}".replace("inf", "1e999"))
                except UserError as error:
                    refused += 1
                    said = str(error)
                    assert path.rpartition(".")[2] in said, (name, setting.path, value, said)
                    assert "\n" not in said and "Traceback" not in said
                else:
                    accepted += 1
                    assert allowed(value, setting), (name, setting.path, value)
    assert refused > 3000
    assert accepted > 300, "some of these values are right somewhere"


def test_every_experiments_own_numbers_are_refused_out_of_range() -> None:
    """Its batch size, its epochs and the figures that it is compared with."""
    compared = 0
    for name in registry.names():
        whole = loaded(name)
        for field, values in (
            ("batch_size", ("-1", "0", "2.5", "1e999", "10**12", "nan", "()", "(8,)", "None")),
            ("epochs", ("-1", "0", "-0.5", "1e999", "1e39", "nan", "inf", "()", "None")),
        ):
            for value in values:
                with pytest.raises(UserError, match=f"^{field} ") as refused:
                    override(whole, f"{field}={value}")
                assert "\n" not in str(refused.value)
        assert isinstance(whole.expected, tuple), name
        for figure, value, source in whole.expected:
            compared += 1
            assert figure and source and math.isfinite(value), (name, figure)
            for wrong in ("1e999", "-1e999", "nan", "'high'", "(1.0,)"):
                entry = f"(({figure!r}, {wrong}, {source!r}),)"
                with pytest.raises(UserError, match=r"^expected "):
                    override(whole, f"expected={entry}")
    assert compared > 40


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SimCLR(temperature=-1), "SimCLR.temperature is -1; it must be a positive number"),
        (lambda: SimCLR(temperature=0), "temperature is 0; it must be a positive number"),
        (lambda: SimCLR(temperature=1e-60), "temperature is 1e-60"),  # 0 in float32
        (lambda: SimCLR(temperature=math.nan), "temperature is nan"),
        (lambda: SimCLR(temperature=1e39), "1e.39; .* positive number, one that 32 bits hold"),
        (lambda: SimCLR(out=0), "out is 0; it must be a whole number of at least 1"),
        (lambda: SimCLR(out=2.5), "out is 2.5; it must be a whole number"),
        (lambda: SimCLR(hidden=(64, 0)), r"hidden is \(64, 0\); it must be whole numbers"),
        (lambda: MoCoV2(momentum=1.01), r"momentum is 1.01; it must be in \[0, 1\]"),
        (lambda: MoCoV2(queue=0), "queue is 0"),
        (lambda: MAE(decoder_heads=7), "decoder_heads is 7; it must divide decoder_width"),
        (lambda: MLP(hidden=()), r"MLP.hidden is \(\); it must be one or more whole numbers"),
        (lambda: ResNet(depth=19), "ResNet.depth is 19; it must be one of 10, 18, 34"),
        (lambda: ResNet(width=0), "width is 0"),
        (lambda: ViT(drop_path=1.0), r"drop_path is 1.0; it must be in \[0, 1\)"),
        (lambda: ViT("S", heads=5), "heads is 5; it must divide the width, which is 384"),
        (lambda: ViT("S", patch_size=7, image_size=32), "patch_size is 7; it must divide"),
        (lambda: WaveformTransformer(strides=(2,)), "each layer needs both"),
        (lambda: Optimizer(learning_rate=-1), "learning_rate is -1; it must be a number of at"),
        (lambda: Optimizer(end=2.0), r"end is 2.0; it must be in \[0, 1\]"),
        (lambda: Optimizer(warmup_start=-0.1), "warmup_start is -0.1"),
        (lambda: Optimizer(beta2=1.0), r"beta2 is 1.0; it must be in \[0, 1\)"),
        (lambda: Optimizer(multipliers=(("a", -1.0),)), "multipliers is"),
        (lambda: Shapes(train=0), "Shapes.train is 0"),
        (lambda: Tones(seconds=-1.0), "seconds is -1.0"),
        (lambda: repeat(pipeline(), 0), "times is 0"),
        (
            lambda: pipeline(functools.partial(random_resized_crop, size=8, scale=(1.0, 0.2))),
            r"random_resized_crop.scale is \(1.0, 0.2\); it must be two numbers in \(0, 1\]",
        ),
        (lambda: Views(mask=functools.partial(random_mask, tokens=4, ratio=1.5)), "ratio is 1.5"),
    ],
)
def test_construction_in_python_refuses(make, words: str) -> None:
    with pytest.raises(UserError, match=words):
        make()


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("method.temperature=0", "method.temperature is 0.0; it must be a positive number"),
        ("encoder.depth=20", "encoder.depth is 20; it must be one of"),
        ("optimizer.warmup_epochs=1000", "must be at most epochs, which is 24"),
        ("epochs=1e999", "epochs is inf"),
        ("batch_size=-4", "batch_size is -4"),
        ("data.size=-1", "data.size is -1"),
        (
            "views.a.random_resized_crop.scale=(0.9, 0.1)",
            "views.a.random_resized_crop.scale is",
        ),
    ],
)
def test_set_and_sweeps_refuse_alike(assignment: str, words: str) -> None:
    base = registry.load("image/simclr_shapes")
    with pytest.raises(UserError, match=words):
        override(base, assignment)
    if "(" not in assignment:  # a grid splits its values at commas
        for point in grid([assignment]):
            with pytest.raises(UserError, match=words):
                override(base, *point)


def test_settings_that_belong_together_change_in_any_order() -> None:
    base = registry.load("image/mae_shapes")
    for words in (("width=90", "heads=9"), ("heads=9", "width=90")):
        changed = override(
            base, *(f"method.decoder_{word}" for word in words), "epochs=0.5", "batch_size=4"
        )
        assert (changed.method.decoder_width, changed.method.decoder_heads) == (90, 9)
    with pytest.raises(UserError, match="method: decoder_heads is 7; it must divide"):
        override(base, "method.decoder_heads=7")


def test_a_shorter_run_cuts_its_warm_up_and_a_longer_warm_up_is_refused() -> None:
    base = registry.load("image/mae_shapes")
    assert override(base, "epochs=0.1").epochs == 0.1
    with pytest.raises(UserError, match=r"warmup_epochs is 3\.0; it must be at most epochs"):
        override(base, "epochs=2", "optimizer.warmup_epochs=3")


def test_traced_numbers_are_passed_over_and_concrete_ones_are_not() -> None:
    @jax.jit
    def inside(temperature):
        return dataclasses.replace(SimCLR(), temperature=temperature).temperature

    assert float(inside(-1.0)) == -1.0
    for value in (np.float32(-1), np.array(-1.0), jax.numpy.float32(-1)):
        with pytest.raises(UserError, match="temperature is"):
            SimCLR(temperature=value)
    assert SimCLR(temperature=np.float32(0.5)).temperature == 0.5


def test_fields_without_a_range_need_only_be_finite() -> None:
    @dataclasses.dataclass(frozen=True)
    class Own(SimCLR):
        shift: float = 0.0
        sizes: tuple[float, ...] = ()

    assert Own(shift=-5.0).shift == -5.0
    for changed in ({"shift": math.nan}, {"sizes": (1.0, math.inf)}):
        with pytest.raises(UserError, match="it must be finite"):
            Own(**changed)


def test_unions_and_none() -> None:
    for value in (3, None, (2, 5)):
        assert problem(value, Count | tuple[Count, Count] | None) is None
    assert problem(0, Count | None) == "a whole number of at least 1 or None"
    assert problem((2, 0), tuple[Count, Count]) == "a whole number of at least 1"


def test_every_method_and_encoder_declares_its_numbers() -> None:
    """Also those, and those fields, that no shipped experiment holds."""
    from jssl import data, encoders
    from jssl.core import typecheck

    classes = {*registry.methods().values(), Optimizer}
    for package in (data, encoders):
        classes |= {
            c for c in vars(package).values() if inspect.isclass(c) and issubclass(c, Ranged)
        }
    assert len(classes) > 90
    silent = [
        f"{owner.__name__}.{field.name}"
        for owner in classes
        for field in dataclasses.fields(owner)
        if settings.counts(typecheck.hints(owner).get(field.name))
        and not settings.ranges.ranges(typecheck.hints(owner)[field.name])
    ]
    assert not silent, silent


def test_every_number_of_every_protocol_says_its_range() -> None:
    """And what is out of it is refused, by construction and by `jssl evaluate --set`."""
    known = sorted(protocols())
    assert len(known) > 20
    for name in known:
        found = [s for s in settings.settings(protocol(name)) if s.numeric]
        assert all(setting.ranges for setting in found), (name, [s.path for s in found])
        for setting in found:
            for value, text in (
                (-3, "-3"),
                (1e30, "1e30"),
                (math.inf, "1e999"),
                ((-1.0,), "(-1.0,)"),
            ):
                if not allowed(value, setting):
                    with pytest.raises(UserError, match=setting.path.rpartition(".")[2]):
                        override(protocol(name), f"{setting.path}={text}")
    with pytest.raises(UserError, match=r"KNN.ks is \(\); it must be one or more whole numbers"):
        KNN(ks=())
