"""A random teacher on procedural shapes (Sarnthein et al., 2023): no augmentation, no labels.

Command: jssl train image/random_teacher_shapes. No published figure.
"""

from jssl.augmentations.compose import Views
from jssl.augmentations.recipes_shapes import shapes_evaluation
from jssl.data import Shapes
from jssl.encoders.resnet import ResNet
from jssl.experiment import Experiment
from jssl.methods.distillation.random_teacher import RandomTeacher
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=RandomTeacher(hidden=(512,), bottleneck=128, prototypes=1024, kernel_init="lecun"),
        encoder=ResNet(depth=10, stem="imagenet", width=0.5),
        data=Shapes(),
        views=Views(image=shapes_evaluation()),
        preprocess=shapes_evaluation(),
        optimizer=Optimizer("adamw", learning_rate=1e-3, scaling="none"),
        batch_size=256,
        epochs=20,
    )
