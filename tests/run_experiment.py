"""An experiment small enough to be killed and resumed many times; used by path, not imported."""

from functools import partial

from jssl.augmentations.colour import colour_jitter
from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.geometry import random_resized_crop
from jssl.augmentations.recipes import evaluation
from jssl.config.experiment import Experiment
from jssl.data import Digits
from jssl.encoders.mlp import MLP
from jssl.methods.distillation.byol import BYOL
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    view = pipeline(
        partial(random_resized_crop, size=8, scale=(0.5, 1.0)),
        partial(colour_jitter, brightness=0.4, contrast=0.4),
    )
    return Experiment(
        method=BYOL(momentum=0.9, hidden=32, out=16),
        encoder=MLP(hidden=(32,)),
        data=Digits(),
        views=Views(a=view, b=view),
        preprocess=evaluation(stats=None),
        optimizer=Optimizer("adamw", learning_rate=1e-3, scaling="none", weight_decay=0.01),
        batch_size=32,
        epochs=12,
    )
