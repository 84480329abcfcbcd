"""NNCLR on procedural shapes (Dwibedi et al., 2021).

Command: jssl train image/nnclr_shapes. No published figure.
"""

from jssl.augmentations.compose import Views
from jssl.augmentations.recipes import evaluation, view
from jssl.cli import run_module
from jssl.data import Shapes
from jssl.encoders.resnet import ResNet
from jssl.experiment import Experiment
from jssl.methods.contrastive.nnclr import NNCLR
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    # Hue over the whole circle: in this set a colour says nothing of the shape.
    one = view(32, scale=(0.35, 1.0), method="bilinear", jitter=(0.4, 0.4, 0.4, 0.5), stats=None)
    return Experiment(
        method=NNCLR(temperature=0.2, queue=4096, hidden=(512,), out=128, predictor=512),
        encoder=ResNet(depth=10, stem="cifar", width=0.25),
        data=Shapes(),
        views=Views(a=one, b=one),
        preprocess=evaluation(stats=None),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=256,
        epochs=12,
    )


if __name__ == "__main__":
    run_module(__spec__)
