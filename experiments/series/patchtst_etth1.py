"""PatchTST, self-supervised (Nie et al., 2023), on ETTh1: windows of 432 hours, patches of 12.

Command: jssl train series/patchtst_etth1 --set data.path=DIR/ETTh1.csv. What is trained on is 336
hours and the 96 that follow; to forecast, those 96 are hidden, as patches are hidden in training.
Then, to fine-tune encoder and head:

jssl evaluate RUN --protocol forecast_finetune --set recipe.epochs=6 recipe.head_epochs=2
recipe.learning_rate=1e-3

and, frozen, with a linear head on the 8 tokens of the future: --protocol forecast --set last=8.

The paper has a past of 512, width 128, 100 epochs, a head over the past's tokens and 30 epochs of
fine-tuning at 1e-4: 0.366 and 0.397 for the next 96 hours (table 4). On validation (seed 3), 6
epochs of fine-tuning give 0.878 at 1e-4, 0.752 at 3e-4 with more dropout, 0.694 at 1e-3, from
scratch 0.710, and 0.702 at 3e-3.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.mask_rows import row_mask
from jssl.augmentations.series import extend, standardise, whole_window
from jssl.config.experiment import Experiment
from jssl.data.forecasting import ETT
from jssl.encoders.series import SeriesTransformer
from jssl.methods.masked.patchtst import PatchTST
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=PatchTST(),
        encoder=SeriesTransformer(width=32, depth=3, heads=4),
        data=ETT("ETTh1.csv"),
        views=Views(
            series=whole_window,
            mask=partial(row_mask, rows=7, columns=36, ratio=0.4),
        ),
        preprocess=pipeline(standardise, partial(extend, steps=96), field="series"),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=0.2, weight_decay=0.0
        ),
        batch_size=16,
        epochs=8,
        expected=(("MSE, horizon 96", 0.366, "Nie et al. 2023, table 4, fine-tuned, past 512"),),
    )
