"""PatchTST, self-supervised (Nie et al., 2023), on ETTh1: a past of 336 hours, patches of 12.

Command: jssl train series/patchtst_etth1 --set data.path=DIR/ETTh1.csv. Then: jssl
evaluate RUN --protocol forecast (a linear head on the frozen encoder). The paper has a past of 512
and 100 epochs; fine-tuned as a whole it reports 0.366 and 0.397 for the next 96 hours (table 4).
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.mask_rows import row_mask
from jssl.augmentations.series import standardise
from jssl.cli import run_module
from jssl.data.forecasting import ETT
from jssl.encoders.series import SeriesTransformer
from jssl.experiment import Experiment
from jssl.methods.masked.patchtst import PatchTST
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=PatchTST(),
        encoder=SeriesTransformer(width=16, depth=3, heads=4),
        data=ETT("ETTh1.csv"),
        views=Views(
            series=pipeline(standardise, field="series"),
            mask=partial(row_mask, rows=7, columns=28, ratio=0.4),
        ),
        preprocess=pipeline(standardise, field="series"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.0
        ),
        batch_size=64,
        epochs=10,
        expected=(("MSE, horizon 96", 0.366, "Nie et al. 2023, table 4, fine-tuned, past 512"),),
    )


if __name__ == "__main__":
    run_module(__spec__)
