"""Methods on procedural solids, named `points/FUNCTION`."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

from jssl.augmentations.compose import Views, pipeline, repeat
from jssl.augmentations.points import (
    normalise,
    patch_mask,
    points_evaluation,
    points_views,
    rotate,
    subsample,
)
from jssl.config.experiment import Experiment
from jssl.data.solids import Solids
from jssl.encoders.points import PointNet, PointTransformer
from jssl.methods.base import Method
from jssl.methods.contrastive.simclr import SimCLR
from jssl.methods.distillation.point2vec import Point2Vec
from jssl.methods.masked.point_cmae import PointCMAE
from jssl.methods.redundancy.vicreg import VICReg
from jssl.training.optim import Optimizer


def _point_transformer_study(method: Method, **changes: Any) -> Experiment:
    """The common settings, with some of them changed."""
    base = Experiment(
        method=method,
        encoder=PointTransformer(
            width=64, depth=3, heads=4, centres=24, neighbours=16, points=64, pool="mean_max"
        ),
        data=Solids(),
        views=Views(
            points=pipeline(
                partial(subsample, count=192),
                rotate,
                normalise,
                field="points",
            ),
            mask=partial(patch_mask, tokens=24, ratio=0.65),
        ),
        preprocess=points_evaluation(192),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=20,
    )
    return dataclasses.replace(base, **changes)


def _point_net_study(method: Method, **changes: Any) -> Experiment:
    """The common settings, with some of them changed."""
    base = Experiment(
        method=method,
        encoder=PointNet(hidden=(64, 64, 128, 256)),
        data=Solids(),
        views=points_views(192),
        preprocess=points_evaluation(192),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=20,
    )
    return dataclasses.replace(base, **changes)


def point2vec_solids() -> Experiment:
    """point2vec (Abou Zeid et al., 2023) on procedural solids.

    Command: jssl train points/point2vec_solids. No published figure.
    """
    return _point_transformer_study(
        Point2Vec(
            momentum=0.99,
            momentum_end=0.999,
            momentum_epochs=0.0,
            top=3,
            decoder_width=64,
            decoder_depth=2,
            decoder_heads=4,
        )
    )


def point_cmae_solids() -> Experiment:
    """Point-CMAE (Ren et al., 2024) on procedural solids.

    Command: jssl train points/point_cmae_solids. No published figure.
    """
    return _point_transformer_study(
        PointCMAE(decoder_width=64, decoder_depth=2, decoder_heads=4),
        views=Views(
            points=pipeline(
                partial(subsample, count=192),
                rotate,
                normalise,
                field="points",
            ),
            mask=repeat(partial(patch_mask, tokens=24, ratio=0.6), 2),
        ),
    )


def simclr_solids() -> Experiment:
    """SimCLR (Chen et al., 2020) on procedural solids.

    Command: jssl train points/simclr_solids. No published figure.
    """
    return _point_net_study(SimCLR(temperature=0.2, hidden=(256,), out=64))


def vicreg_solids() -> Experiment:
    """VICReg (Bardes et al., 2022) on procedural solids.

    Command: jssl train points/vicreg_solids. No published figure.
    """
    return _point_net_study(VICReg(hidden=(256, 256), out=256))
