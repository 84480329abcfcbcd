"""SimCLR (Chen et al., 2020) on one's own series: `.ts`, `.npz`, or windows of a table.

Command: jssl train series/simclr_own --data FILE. The method that gained most on the project's
series with labels (docs/modalities.md). No published figure.
"""

from jssl.augmentations.series import series_evaluation, series_views
from jssl.config.experiment import Experiment
from jssl.data.series_file import SeriesFile
from jssl.encoders.series import TCN
from jssl.methods.contrastive.simclr import SimCLR
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimCLR(temperature=0.2, hidden=(128,), out=64),
        encoder=TCN(width=64, depth=5),
        data=SeriesFile("series.npz"),
        views=series_views(96),
        preprocess=series_evaluation(96),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=32,
        epochs=40,
    )
