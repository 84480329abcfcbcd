"""A random teacher on CIFAR-10 (Sarnthein et al., 2023), ResNet-18, the authors' configuration.

No augmentation, AdamW at 1e-3 (here with a cosine, unverified), 100 epochs at batch 256. The
paper's figures (a linear probe of the student, beside that of its teacher) are not repeated here.
Command: jssl train image/random_teacher_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.compose import Views
from jssl.augmentations.recipes import CIFAR10, evaluation
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.distillation.random_teacher import RandomTeacher
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=RandomTeacher(),
        encoder=ResNet(depth=18, stem="cifar"),
        data=TFDS("cifar10"),
        views=Views(image=evaluation(CIFAR10)),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer("adamw", learning_rate=1e-3, scaling="none"),
        batch_size=256,
        epochs=100,
    )
