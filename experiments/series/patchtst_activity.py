"""PatchTST, self-supervised (Nie et al., 2023), on activity recorded by a smartphone.

Command: jssl train series/patchtst_activity --set data.path=DIR/DATA (Matey-Sanz et al., 2023). For
the watch: --set data.device=sw. No published figure.

Series are as measured, in units of gravity and rad/s: normalised, as in forecasting, they would not
show how the phone is held, by which sitting is told from standing. Zero is then no mean, so a
learned token stands for masked patches.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline, sometimes
from jssl.augmentations.mask_rows import row_mask
from jssl.augmentations.series import crop, resize, rotate_sensors
from jssl.config.experiment import Experiment
from jssl.data.activity import PhoneAndWatch
from jssl.encoders.series import SeriesTransformer
from jssl.methods.masked.patchtst import PatchTST
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=PatchTST(mask_token=True),
        encoder=SeriesTransformer(width=64, depth=3, heads=4, patch=8),
        data=PhoneAndWatch("DATA"),
        views=Views(
            series=pipeline(
                partial(crop, length=64), sometimes(rotate_sensors, 0.9), field="series"
            ),
            mask=partial(row_mask, rows=6, columns=8, ratio=0.4),
        ),
        preprocess=pipeline(partial(resize, length=64), field="series"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=40,
    )
