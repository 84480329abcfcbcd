"""NNCLR on procedural shapes (Dwibedi et al., 2021).

Command: jssl train image/nnclr_shapes. No published figure.
"""

from jssl.augmentations.recipes_shapes import shapes, shapes_evaluation
from jssl.data import Shapes
from jssl.encoders.resnet import ResNet
from jssl.experiment import Experiment
from jssl.methods.contrastive.nnclr import NNCLR
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=NNCLR(temperature=0.2, queue=4096, hidden=(512,), out=128, predictor=512),
        encoder=ResNet(depth=10, stem="imagenet", width=0.5),
        data=Shapes(),
        views=shapes(),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=256,
        epochs=12,
    )
