"""Faulty and healthy runs on which the alarm is evaluated.

Each case trains for a few seconds on scikit-learn's digits. Faults of further families of methods
belong here; `benchmarks/alarm_faults.py` writes the table, `tests/test_alarm.py` checks the
diagnoses.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jssl.augmentations.colour import colour_jitter
from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.geometry import random_resized_crop
from jssl.augmentations.labelled import after, rotate_all
from jssl.augmentations.mask_multiblock import multi_block_mask
from jssl.augmentations.masks import random_mask
from jssl.augmentations.recipes import evaluation
from jssl.config.experiment import Experiment
from jssl.data import Arrays, Digits
from jssl.encoders.mlp import MLP
from jssl.encoders.vit import ViT
from jssl.health.monitor import Diagnosis, HealthMonitor, grace_of
from jssl.methods.clustering.swav import SwAV
from jssl.methods.contrastive.simclr import SimCLR
from jssl.methods.distillation.byol import BYOL
from jssl.methods.distillation.dino import DINO
from jssl.methods.masked.mae import MAE
from jssl.methods.predictive.ijepa import IJEPA
from jssl.methods.pretext.rotnet import RotNet
from jssl.methods.redundancy.lejepa import LeJEPA
from jssl.methods.redundancy.vicreg import VICReg
from jssl.testing.broken import (
    DeadDecoder,
    Detached,
    NoPredictor,
    NoStopGradient,
    OneDimension,
    WrongPairs,
    ZeroProjector,
)
from jssl.testing.clusters import Clusters
from jssl.testing.faults_still import still_cases
from jssl.testing.runs import program_of
from jssl.training.batches import make_step_runner
from jssl.training.optim import Optimizer


class Case(NamedTuple):
    """A run and its expected diagnosis.

    Attributes:
      name: name of the fault, or "healthy".
      experiment: the experiment.
      diagnosis: name of the expected diagnosis; "" for none.
      within: number of steps within which it is expected.
    """

    name: str
    experiment: Experiment
    diagnosis: str
    within: int


class Outcome(NamedTuple):
    """The diagnoses of a run.

    Attributes:
      diagnoses: diagnoses in the order they were given.
      steps: number of steps that were run.
      rows: the alarm's records.
    """

    diagnoses: list[Diagnosis]
    steps: int
    rows: list[dict[str, float]]


def watch(experiment: Experiment, *, steps: int = 300, every: int = 10, seed: int = 0) -> Outcome:
    """Trains an experiment under the alarm; ends early if a metric is not finite.

    Args:
      experiment: the experiment.
      steps: largest number of steps, at most the length of the experiment.
      every: steps between the alarm's records.
      seed: seed of the run.

    Returns:
      The distinct diagnoses. A loss that is not finite counts as "not finite", since the training
      loop would stop.
    """
    program = program_of(experiment, alarm_every=every)
    root = program.root_key(seed)
    source = experiment.data.load().train
    state, steps = program.init(root), min(steps, program.steps)
    options = {"path": "device", "workers": 0, "chunk": every}
    runner = make_step_runner(program, source, seed=seed, root=root, start=0, **options)
    warmup = round(experiment.optimizer.warmup_epochs * program.steps_per_epoch)
    monitor, said = HealthMonitor(grace_of(program.steps, warmup), steps=program.steps), []
    for step in range(0, steps, every):
        count = min(every, steps - step)
        state, records = runner.advance(state, step, count)
        for i in range(count):
            done = step + i + 1
            row = {"step": done} | {name: float(v[i]) for name, v in records().items()}
            if not np.isfinite(list(row.values())).all():
                said.append(Diagnosis("not finite", "", done, {"loss": row["loss"]}, "divergence"))
                return Outcome(said, done, monitor.rows)
            if program.alarm_due(done - 1):
                said += monitor.see(row)
    return Outcome(said, steps, monitor.rows)


def optimizer(**changes: Any) -> Optimizer:
    """AdamW with learning rate 2e-3 and five epochs of warm-up."""
    values = {"name": "adamw", "learning_rate": 2e-3, "scaling": "none", "warmup_epochs": 5}
    return Optimizer(**{**values, "weight_decay": 0.01, **changes})


def _views(**changes: Any) -> Views:
    one = pipeline(
        partial(random_resized_crop, size=8, scale=(0.5, 1.0)),
        partial(colour_jitter, brightness=0.4, contrast=0.4),
    )
    return Views(**{"a": one, "b": one, **changes})


def _siamese(method: Any, **changes: Any) -> Experiment:
    values = {"data": Digits(), "views": _views(), "encoder": MLP(hidden=(128, 128))}
    values |= {"optimizer": optimizer(), "preprocess": evaluation(stats=None)}
    return Experiment(**{"method": method, "batch_size": 256, "epochs": 60, **values, **changes})


def _masked(method: MAE, *, ratio: float = 0.5, patch: int = 2, **changes: Any) -> Experiment:
    tokens = (8 // patch) ** 2
    views = Views(image=pipeline(), mask=partial(random_mask, tokens=tokens, ratio=ratio))
    encoder = ViT("Ti", patch_size=patch, width=32, depth=2, heads=2, pool="mean")
    return _siamese(method, **{"views": views, "encoder": encoder, **changes})


def _constant() -> Arrays:
    image = np.asarray(Digits().load().train[0]["image"])
    images = np.repeat(image[None], 1024, axis=0)
    return Arrays({"image": images, "label": np.arange(1024, dtype=np.int32) % 2})


def cases() -> list[Case]:
    """All faulty and healthy runs, as new objects in each call."""
    simclr = partial(SimCLR, temperature=0.2, hidden=(128,), out=64)
    byol = partial(BYOL, momentum=0.98, hidden=128, out=64)
    mae = partial(MAE, decoder_width=32, decoder_depth=1, decoder_heads=2, normalize_target=False)
    fixed = pipeline(lambda key, image: 0.0 * image)
    same = Views(a=pipeline(), b=pipeline())
    healthy = [_siamese(simclr()), _siamese(byol()), _masked(mae()), _siamese(Clusters())]
    projector = {"temperature": 0.2, "hidden": (128,), "out": 64}
    head = {"momentum": 0.98, "hidden": 128, "out": 64}
    decoder = {"decoder_width": 32, "decoder_depth": 1, "decoder_heads": 2}
    hot = optimizer(name="sgd", learning_rate=1e3, warmup_epochs=0)
    barely = {"ratio": 1 / 64, "patch": 1, "batch_size": 64}
    fast = optimizer(learning_rate=1e-2, warmup_epochs=1)
    bare = MLP(hidden=(128, 128), norm="none")
    soon, later, late = 20, 150, 200
    stuck, above = "loss stuck at its trivial value", "loss above its trivial value"
    return [
        *(Case("healthy", e, "", 300) for e in healthy),
        Case("temperature 1000", _siamese(simclr(temperature=1e3)), stuck, later),
        Case("temperature 0.0001", _siamese(simclr(temperature=1e-4)), above, later),
        Case("projector zeroed", _siamese(ZeroProjector(**projector)), "complete collapse", soon),
        Case("one dimension", _siamese(OneDimension(**projector)), "dimensional collapse", later),
        Case("positives shuffled", _siamese(WrongPairs(**projector)), stuck, later),
        Case("loss detached", _siamese(Detached(**projector)), "no gradient", soon),
        Case("no augmentation", _siamese(simclr(), views=same), "identical views", soon),
        Case("constant input", _siamese(simclr(), data=_constant()), "constant input", soon),
        Case("constant view", _siamese(simclr(), views=_views(b=fixed)), "constant view", soon),
        Case(
            "weight decay 200",
            _siamese(
                simclr(norm="none"),
                encoder=bare,
                optimizer=optimizer(weight_decay=200.0),
            ),
            "decayed weights",
            later,
        ),
        Case("SGD at 1000", _siamese(simclr(), optimizer=hot), "divergence", soon),
        Case(
            "stop-gradient removed",
            _siamese(NoStopGradient(**head), optimizer=fast),
            "complete collapse",
            late,
        ),
        Case(
            "predictor removed",
            _siamese(NoPredictor(**head | {"norm": "none"}), encoder=bare, optimizer=fast),
            "complete collapse",
            late,
        ),
        Case(
            "teacher momentum 0",
            _siamese(byol(momentum=0.0, momentum_end=0.0)),
            "teacher equals student",
            soon,
        ),
        Case("no augmentation", _siamese(byol(), views=same), "identical views", soon),
        Case("constant input", _siamese(byol(), data=_constant()), "constant input", soon),
        Case("SGD at 1000", _siamese(byol(), optimizer=hot), "divergence", soon),
        Case("mask ratio 1/64", _masked(mae(), **barely), "nothing is masked", soon),
        Case(
            "decoder dead",
            _masked(DeadDecoder(**decoder, normalize_target=False)),
            "no better than the mean patch",
            later,
        ),
        Case(
            "learning rate x1000",
            _masked(mae(), optimizer=optimizer(learning_rate=2.0)),
            "no better than the mean patch",
            240,
        ),
        Case("constant input", _masked(mae(), data=_constant()), "constant input", soon),
        Case(
            "no centring",
            _siamese(Clusters(centre_momentum=1.0)),
            "one prototype takes all",
            late,
        ),
        Case(
            "teacher temperature 10",
            _siamese(Clusters(teacher_temperature=10.0)),
            "uniform teacher",
            later,
        ),
        *_other_families(),
        *(Case(*parts) for parts in still_cases(_siamese, _masked, optimizer)),
    ]


def _other_families() -> list[Case]:
    twins = {"hidden": (128,), "out": 64, "norm": "none"}
    heads = {"hidden": (128,), "bottleneck": 32, "prototypes": 32, "kernel_init": "lecun"}
    dino = partial(DINO, momentum=0.98, freeze_epochs=0.0, **heads)
    swav = partial(SwAV, prototypes=32, hidden=(128,), out=32, freeze_epochs=0.0)
    sizes = {"predictor_width": 32, "predictor_depth": 1, "predictor_heads": 2}
    ijepa = partial(IJEPA, momentum=0.98, kernel_init="xavier", **sizes)
    bare = {"encoder": MLP(hidden=(128, 128), norm="none")}
    fast = {**bare, "optimizer": optimizer(learning_rate=1e-2, warmup_epochs=1)}
    blocks = partial(multi_block_mask, grid=(4, 4), targets=2)
    tokens = {
        "views": Views(image=pipeline(), mask=blocks),
        "encoder": ViT("Ti", patch_size=2, width=32, depth=2, heads=2, pool="mean"),
    }
    turned = {"views": Views(image=after(pipeline(), rotate_all))}
    unturned = {"views": Views(image=after(pipeline(), _unturned))}
    collapse, stuck = "complete collapse", "loss stuck at its trivial value"
    still = {"momentum": 0.0, "momentum_end": 0.0}
    return [
        Case("healthy", _siamese(VICReg(**twins), **bare), "", 300),
        Case("variance weight 0", _siamese(VICReg(variance=0.0, **twins), **fast), collapse, 200),
        Case("healthy", _siamese(LeJEPA(slices=64, **twins), **bare), "", 300),
        Case(
            "lambda 0",
            _siamese(LeJEPA(weight=0.0, slices=64, **twins), **fast),
            collapse,
            200,
        ),
        Case("healthy", _siamese(dino(temperature=0.05)), "", 300),
        Case(
            "no centring",
            _siamese(dino(temperature=0.05, centre_momentum=1.0), **fast),
            "one prototype takes all",
            200,
        ),
        Case("teacher temperature 10", _siamese(dino(temperature=10.0)), "uniform teacher", 150),
        Case("healthy", _siamese(swav()), "", 300),
        Case("temperature 1000", _siamese(swav(temperature=1e3)), stuck, 150),
        Case("healthy", _siamese(ijepa(), **tokens), "", 300),
        Case(
            "teacher momentum 0",
            _siamese(ijepa(**still), **tokens),
            "teacher equals student",
            20,
        ),
        Case("healthy", _siamese(RotNet(), **turned), "", 300),
        Case("rotation forgotten", _siamese(RotNet(), **unturned), stuck, 150),
    ]


def _unturned(key: Any, image: Any) -> dict[str, Any]:
    turned = rotate_all(key, image)
    return {**turned, "image": jnp.stack([image] * 4)}
