"""Supervised fine-tuning on 10 % of the labels of the procedural shapes (Chen et al., 2020c).

From a random start; SimCLRv2's second stage starts from image/simclr_shapes.
Command: jssl train image/finetune_shapes. No published figure.
"""

from jssl.augmentations.compose import Views, field
from jssl.augmentations.recipes import evaluation, view
from jssl.cli import run_module
from jssl.data import Part, Shapes
from jssl.encoders.resnet import ResNet
from jssl.experiment import Experiment
from jssl.methods.semisupervised.finetune import FineTune
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    one = view(32, scale=(0.35, 1.0), method="bilinear", stats=None)
    return Experiment(
        method=FineTune(classes=10, hidden=()),
        encoder=ResNet(depth=10, stem="cifar", width=0.25),
        data=Part(Shapes(), train=819),
        views=Views(image=one, label=field("label")),
        preprocess=evaluation(stats=None),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=256,
        epochs=40,
    )


if __name__ == "__main__":
    run_module(__spec__)
