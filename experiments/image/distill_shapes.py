"""Distillation on procedural shapes (Chen et al., 2020c), SimCLRv2's third stage.

Teacher and student start from a fine-tuned run; no label is used.
Command: jssl train image/distill_shapes --init-from RUN, a run of image/finetune_shapes
No published figure.
"""

from jssl.augmentations.compose import Views
from jssl.augmentations.recipes_shapes import shapes_alone, shapes_evaluation
from jssl.data import Shapes
from jssl.encoders.resnet import ResNet
from jssl.experiment import Experiment
from jssl.methods.semisupervised.distill import Distill
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=Distill(classes=10, hidden=(512,)),
        encoder=ResNet(depth=10, stem="imagenet", width=0.5),
        data=Shapes(),
        views=Views(image=shapes_alone()),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=256,
        epochs=12,
    )
