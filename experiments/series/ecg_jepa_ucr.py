"""ECG-JEPA (Weimann & Conrad, 2024) on a data set of the UCR or UEA archive.

Command: jssl train series/ecg_jepa_ucr --set data.folder=DIR/ECG200. No published figure.
The teacher's half-life is ten steps, since such sets are a few hundred steps long.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.mask_blocks import span_mask
from jssl.augmentations.series import crop, series_evaluation, standardise
from jssl.config.experiment import Experiment
from jssl.data.series import UCR
from jssl.encoders.series import JointSeriesTransformer
from jssl.methods.predictive.ecg_jepa import ECGJEPA
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=ECGJEPA(
            momentum=0.933,
            momentum_end=0.933,
            predictor_width=64,
            predictor_depth=2,
            predictor_heads=4,
            kernel_init="xavier",
        ),
        encoder=JointSeriesTransformer(width=64, depth=3, heads=4, patch=8, registers=1),
        data=UCR("ECG200"),
        views=Views(
            series=pipeline(partial(crop, length=96), standardise, field="series"),
            mask=partial(span_mask, tokens=12, ratio=0.5, length=2),
        ),
        preprocess=series_evaluation(96),
        optimizer=Optimizer(
            "adamw",
            learning_rate=1e-3,
            scaling="none",
            warmup_epochs=1,
            weight_decay=0.01,
            weight_decay_end=0.1,
        ),
        batch_size=32,
        epochs=100,
    )
