"""Methods on procedural tables, named `tabular/FUNCTION`."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

from jssl.augmentations.compose import Views, pipeline, repeat
from jssl.augmentations.tables import corrupt_columns, partition_columns, subset_mask
from jssl.config.experiment import Experiment
from jssl.data.cells import Described
from jssl.data.tables import Factors
from jssl.encoders.cells import CellTransformer
from jssl.encoders.table import TableTransformer
from jssl.methods.base import Method
from jssl.methods.contrastive.simclr import SimCLR
from jssl.methods.contrastive.transtab import TransTab
from jssl.methods.predictive.tjepa import TJEPA
from jssl.methods.redundancy.vicreg import VICReg
from jssl.training.optim import Optimizer
from jssl.training.short_runs import fit_momentum


def _table_transformer_study(method: Method, **changes: Any) -> Experiment:
    """The common settings, with some of them changed."""
    base = Experiment(
        method=method,
        encoder=TableTransformer(width=32, depth=2, heads=4, categories=Factors.CATEGORIES),
        data=Factors(),
        views=Views(
            a=pipeline(field="row"),
            b=pipeline(field="row"),
            batch=(partial(corrupt_columns, names=("b",), rate=0.6),),
        ),
        preprocess=pipeline(field="row"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=128,
        epochs=20,
    )
    return dataclasses.replace(base, **changes)


def simclr_factors() -> Experiment:
    """SimCLR (Chen et al., 2020) on procedural rows with corrupted columns (SCARF).

    Command: jssl train tabular/simclr_factors. No published figure.
    """
    return _table_transformer_study(SimCLR(temperature=1.0, hidden=(128,), out=64))


def tjepa_factors() -> Experiment:
    """T-JEPA (Thimonier et al., 2025) on procedural rows.

    Command: jssl train tabular/tjepa_factors. No published figure.

    The momentum is the paper's 0.996 of 15000 steps, fitted to 320; targets are normalised as in
    I-JEPA.
    """
    momentum = fit_momentum(0.996, 15_000, 320)
    return _table_transformer_study(
        TJEPA(momentum=momentum, predictor_width=32, predictor_depth=1, normalize_targets=True),
        encoder=TableTransformer(
            width=32, depth=2, heads=4, registers=1, categories=Factors.CATEGORIES
        ),
        views=Views(
            row=pipeline(field="row"),
            mask=partial(subset_mask, tokens=12, context=0.4, target=0.3, targets=4),
        ),
    )


def transtab_factors() -> Experiment:
    """TransTab's self-supervised partitions (Wang & Sun, 2022) on procedural rows.

    Command: jssl train tabular/transtab_factors. No published figure.
    """
    return Experiment(
        method=TransTab(temperature=0.1, out=64),
        encoder=CellTransformer(width=32, depth=2, heads=4, mlp_ratio=2.0, pool="mean"),
        data=Described(Factors()),
        views=Views(
            views=repeat(pipeline(field="cells"), 3),
            batch=(partial(partition_columns, columns=12, overlap=0.5),),
        ),
        preprocess=pipeline(field="cells"),
        optimizer=Optimizer(
            "adamw", learning_rate=3e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=128,
        epochs=20,
    )


def vicreg_factors() -> Experiment:
    """VICReg (Bardes et al., 2022) on procedural rows with corrupted columns (SCARF).

    Command: jssl train tabular/vicreg_factors. No published figure.
    """
    return _table_transformer_study(VICReg(hidden=(256,), out=256))
