"""PatchTST, self-supervised (Nie et al., 2023), on procedural waves.

Command: jssl train series/patchtst_waves. No published figure.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.mask_rows import row_mask
from jssl.augmentations.series import crop, series_evaluation, standardise
from jssl.data.series import Waves
from jssl.encoders.series import SeriesTransformer
from jssl.experiment import Experiment
from jssl.methods.masked.patchtst import PatchTST
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
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
