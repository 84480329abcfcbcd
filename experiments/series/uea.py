"""Methods on sets of several channels of the UEA archive as they are stored, `series/FUNCTION`.

Most sets of the UCR archive are stored with mean 0 and variance 1; those of the UEA archive often
are not, and normalising each series would take away what tells classes apart. In JapaneseVowels,
for example, the level of a cepstral coefficient is the speaker's.
"""

from __future__ import annotations

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.mask_rows import row_mask
from jssl.augmentations.series import crop, series_evaluation, series_views
from jssl.config.experiment import Experiment
from jssl.data.series import UCR
from jssl.encoders.series import TCN, SeriesTransformer
from jssl.methods.contrastive.simclr import SimCLR
from jssl.methods.masked.patchtst import PatchTST
from jssl.training.optim import Optimizer

_OPTIMIZER = Optimizer(
    "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
)


def patchtst_uea() -> Experiment:
    """PatchTST, self-supervised (Nie et al., 2023), on a set of the UEA archive as it is stored.

    Command: jssl train series/patchtst_uea --set data.folder=DIR/JapaneseVowels views.mask.rows=12,
    where 12 is the number of channels. No published figure.
    """
    return Experiment(
        method=PatchTST(mask_token=True),
        encoder=SeriesTransformer(width=64, depth=3, heads=4),
        data=UCR("JapaneseVowels"),
        views=Views(
            series=pipeline(partial(crop, length=96), field="series"),
            mask=partial(row_mask, rows=1, columns=8, ratio=0.4),
        ),
        preprocess=series_evaluation(96, normalised=False),
        optimizer=_OPTIMIZER,
        batch_size=32,
        epochs=100,
    )


def simclr_uea() -> Experiment:
    """SimCLR (Chen et al., 2020) on a set of the UEA archive as it is stored.

    Command: jssl train series/simclr_uea --set data.folder=DIR/JapaneseVowels. No published figure.
    """
    return Experiment(
        method=SimCLR(temperature=0.2, hidden=(128,), out=64),
        encoder=TCN(width=64, depth=5),
        data=UCR("JapaneseVowels"),
        views=series_views(96, normalised=False),
        preprocess=series_evaluation(96, normalised=False),
        optimizer=_OPTIMIZER,
        batch_size=32,
        epochs=100,
    )
