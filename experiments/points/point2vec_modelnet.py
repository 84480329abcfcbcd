"""point2vec (Abou Zeid et al., 2023) on ModelNet40.

Command: jssl train points/point2vec_modelnet --set data.folder=DIR/modelnet40_normal_resampled.
The paper trains on ShapeNet, so its figures are none for this run.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.points import (
    normalise,
    patch_mask,
    points_evaluation,
    rescale,
    rotate,
    subsample,
)
from jssl.config.experiment import Experiment
from jssl.data.clouds import ModelNet
from jssl.encoders.points import PointTransformer
from jssl.methods.distillation.point2vec import Point2Vec
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=Point2Vec(),
        encoder=PointTransformer(
            width=384, depth=12, heads=6, centres=64, neighbours=32, points=256, pool="mean_max"
        ),
        data=ModelNet("ModelNet40"),
        views=Views(
            points=pipeline(
                partial(subsample, count=1024),
                partial(rescale, scale=(0.8, 1.2)),
                partial(rotate, axis=1),
                normalise,
                field="points",
            ),
            mask=partial(patch_mask, tokens=64, ratio=0.65),
        ),
        preprocess=points_evaluation(1024),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=10, weight_decay=0.05
        ),
        batch_size=128,
        epochs=300,
    )
