"""Fine-tuning on 10 % of the labels of the procedural shapes (Chen et al., 2020c).

SimCLRv2's second stage: the encoder and the projector's first layer of a SimCLR run.
Command: jssl train image/finetune_shapes --init-from runs/image/simclr_shapes/seed0
Without --init-from it is supervised training from a random start. No published figure.
"""

from jssl.augmentations.compose import Views, field
from jssl.augmentations.recipes_shapes import shapes_alone, shapes_evaluation
from jssl.data import Part, Shapes
from jssl.encoders.resnet import ResNet
from jssl.experiment import Experiment
from jssl.methods.semisupervised.finetune import FineTune
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=FineTune(classes=10, hidden=(512,)),
        encoder=ResNet(depth=10, stem="imagenet", width=0.5),
        data=Part(Shapes(), train=819),
        views=Views(image=shapes_alone(), label=field("label")),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=256,
        epochs=40,
    )
