"""Point-CMAE (Ren et al., 2024) on RadHAR: activity recognition from radar point clouds.

Command: jssl train points/point_cmae_radhar --set data.path=DIR/RadHAR/Data. No published figure
for this method; a supervised net of the data set's authors, given the order in time, has 92.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline, repeat
from jssl.augmentations.points import normalise, patch_mask, points_evaluation, rotate, subsample
from jssl.config.experiment import Experiment
from jssl.data.radar import RadHAR
from jssl.encoders.points import PointTransformer
from jssl.methods.masked.point_cmae import PointCMAE
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=PointCMAE(decoder_width=64, decoder_depth=2, decoder_heads=4),
        encoder=PointTransformer(
            width=64, depth=3, heads=4, centres=24, neighbours=16, points=64, pool="mean_max"
        ),
        data=RadHAR("RadHAR/Data"),
        views=Views(
            points=pipeline(
                partial(subsample, count=256),
                partial(rotate, axis=2),
                partial(normalise, radius="rms"),
                field="points",
            ),
            mask=repeat(partial(patch_mask, tokens=24, ratio=0.6), 2),
        ),
        preprocess=points_evaluation(256, radius="rms"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=20,
    )
