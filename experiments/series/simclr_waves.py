"""SimCLR (Chen et al., 2020) on procedural waves, with a dilated TCN.

Command: jssl train series/simclr_waves. No published figure.
"""

from jssl.augmentations.series import series_evaluation, series_views
from jssl.data.series import Waves
from jssl.encoders.series import TCN
from jssl.experiment import Experiment
from jssl.methods.contrastive.simclr import SimCLR
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimCLR(temperature=0.2, hidden=(128,), out=64),
        encoder=TCN(width=64, depth=5),
        data=Waves(),
        views=series_views(96),
        preprocess=series_evaluation(96),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=128,
        epochs=20,
    )
