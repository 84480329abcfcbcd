"""Distillation on procedural shapes (Chen et al., 2020c), SimCLRv2's third stage.

The teacher is the student's own start until a fine-tuned one is put into the memory.
Command: jssl train image/distill_shapes. No published figure.
"""

from jssl.augmentations.compose import Views
from jssl.augmentations.recipes import evaluation, view
from jssl.cli import run_module
from jssl.data import Shapes
from jssl.encoders.resnet import ResNet
from jssl.experiment import Experiment
from jssl.methods.semisupervised.distill import Distill
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    one = view(32, scale=(0.35, 1.0), method="bilinear", stats=None)
    return Experiment(
        method=Distill(classes=10, hidden=()),
        encoder=ResNet(depth=10, stem="cifar", width=0.25),
        data=Shapes(),
        views=Views(image=one),
        preprocess=evaluation(stats=None),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=256,
        epochs=12,
    )


if __name__ == "__main__":
    run_module(__spec__)
