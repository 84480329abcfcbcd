"""MoCo v2 on procedural shapes (Chen et al., 2020b).

Command: jssl train image/moco_v2_shapes. No published figure.
"""

from jssl.augmentations.recipes_shapes import shapes, shapes_evaluation
from jssl.data import Shapes
from jssl.encoders.resnet import ResNet
from jssl.experiment import Experiment
from jssl.methods.contrastive.moco_v2 import MoCoV2
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MoCoV2(queue=4096, momentum=0.98, momentum_end=0.99, symmetric=True, hidden=(512,)),
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
