"""Methods on procedural series, named `series/FUNCTION`."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.frames import frame_views
from jssl.augmentations.mask_blocks import span_mask
from jssl.augmentations.mask_rows import row_mask
from jssl.augmentations.series import crop, series_evaluation, series_views, standardise
from jssl.config.experiment import Experiment
from jssl.data.series import Waves
from jssl.encoders.series import TCN, JointSeriesTransformer, SeriesTransformer
from jssl.methods.base import Method
from jssl.methods.contrastive.frame_projections import FrameProjections
from jssl.methods.contrastive.simclr import SimCLR
from jssl.methods.masked.patchtst import PatchTST
from jssl.methods.predictive.ecg_jepa import ECGJEPA
from jssl.methods.redundancy.vicreg import VICReg
from jssl.training.optim import Optimizer
from jssl.training.short_runs import fit_momentum


def _tcn_study(method: Method, **changes: Any) -> Experiment:
    """The common settings, with some of them changed."""
    base = Experiment(
        method=method,
        encoder=TCN(width=64, depth=5),
        data=Waves(),
        views=series_views(96),
        preprocess=series_evaluation(96),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=128,
        epochs=20,
    )
    return dataclasses.replace(base, **changes)


def ecg_jepa_waves() -> Experiment:
    """ECG-JEPA (Weimann & Conrad, 2024) on procedural waves in three channels.

    Command: jssl train series/ecg_jepa_waves. No published figure.

    The momentum is the paper's 0.998 of 100000 steps, fitted to 640.
    """
    momentum = fit_momentum(0.998, 100_000, 640)
    return Experiment(
        method=ECGJEPA(
            momentum=momentum,
            momentum_end=momentum,
            predictor_width=64,
            predictor_depth=2,
            predictor_heads=4,
            kernel_init="xavier",
        ),
        encoder=JointSeriesTransformer(width=64, depth=3, heads=4, patch=8, registers=1),
        data=Waves(channels=3),
        views=Views(
            series=pipeline(partial(crop, length=96), standardise, field="series"),
            mask=partial(span_mask, tokens=12, ratio=0.5, length=2),
        ),
        preprocess=series_evaluation(96),
        optimizer=Optimizer(
            "adamw",
            learning_rate=1e-3,
            scaling="none",
            warmup_epochs=1,
            weight_decay=0.01,
            weight_decay_end=0.1,
        ),
        batch_size=128,
        epochs=40,
    )


def frame_projections_waves() -> Experiment:
    """Frame Projections (Demirel & Holz, 2025) on procedural waves.

    Command: jssl train series/frame_projections_waves. No published figure.
    """
    encoder = TCN(width=64, depth=4)
    return Experiment(
        method=FrameProjections(basis=encoder, frame=encoder),
        encoder=encoder,
        data=Waves(),
        views=frame_views(96),
        preprocess=series_evaluation(96),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=1e-6
        ),
        batch_size=128,
        epochs=20,
    )


def patchtst_waves() -> Experiment:
    """PatchTST, self-supervised (Nie et al., 2023), on procedural waves.

    Command: jssl train series/patchtst_waves. No published figure.
    """
    return Experiment(
        method=PatchTST(),
        encoder=SeriesTransformer(width=64, depth=3, heads=4),
        data=Waves(),
        views=Views(
            series=pipeline(partial(crop, length=96), standardise, field="series"),
            mask=partial(row_mask, rows=1, columns=8, ratio=0.4),
        ),
        preprocess=series_evaluation(96),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=128,
        epochs=20,
    )


def simclr_waves() -> Experiment:
    """SimCLR (Chen et al., 2020) on procedural waves, with a dilated TCN.

    Command: jssl train series/simclr_waves. No published figure.
    """
    return _tcn_study(SimCLR(temperature=0.2, hidden=(128,), out=64))


def vicreg_waves() -> Experiment:
    """VICReg (Bardes et al., 2022) on procedural waves, with a dilated TCN.

    Command: jssl train series/vicreg_waves. No published figure.
    """
    return _tcn_study(VICReg(hidden=(256,), out=256))
