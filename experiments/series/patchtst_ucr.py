"""PatchTST, self-supervised (Nie et al., 2023), on a data set of the UCR or UEA archive.

Command: jssl train series/patchtst_ucr --set data.folder=DIR/GunPoint. For a set of C
channels: --set views.mask.rows=C. No published figure.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.mask_rows import row_mask
from jssl.augmentations.series import crop, series_evaluation, standardise
from jssl.config.experiment import Experiment
from jssl.data.series import UCR
from jssl.encoders.series import SeriesTransformer
from jssl.methods.masked.patchtst import PatchTST
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=PatchTST(),
        encoder=SeriesTransformer(width=64, depth=3, heads=4),
        data=UCR("GunPoint"),
        views=Views(
            series=pipeline(partial(crop, length=96), standardise, field="series"),
            mask=partial(row_mask, rows=1, columns=8, ratio=0.4),
        ),
        preprocess=series_evaluation(96),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=32,
        epochs=100,
    )
