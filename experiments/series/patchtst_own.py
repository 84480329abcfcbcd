"""PatchTST, self-supervised (Nie et al., 2023), on any table of numbers in order of time.

Command: jssl train series/patchtst_own --data FILE.csv. Windows of a past and a future are trained
on with patches hidden; to forecast, the patches of the future are hidden:

jssl evaluate RUN --protocol forecast_finetune --set recipe.epochs=6 recipe.head_epochs=2
recipe.learning_rate=1e-3

The settings are those of series/patchtst_etth1. No published figure for them.
"""

import dataclasses
from functools import partial

from jssl.experiments.series import patchtst_etth1

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.mask_rows import row_mask
from jssl.augmentations.series import extend, standardise, whole_window
from jssl.config.experiment import Experiment
from jssl.data.long_series import LongSeries


def get_experiment() -> Experiment:
    return dataclasses.replace(
        patchtst_etth1.get_experiment(),
        data=LongSeries("series.csv", length=96, horizon=24),
        views=Views(series=whole_window, mask=partial(row_mask, rows=7, columns=10, ratio=0.4)),
        preprocess=pipeline(standardise, partial(extend, steps=24), field="series"),
        batch_size=32,
        expected=(),
    )
