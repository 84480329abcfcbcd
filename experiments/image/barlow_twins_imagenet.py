"""Barlow Twins on ImageNet-1k (Zbontar et al., 2021), ResNet-50 at the paper's settings.

LARS at 0.2 x batch / 256, batch 2048, 1000 epochs, bfloat16; the scale stands for the authors'
separate learning rate of biases; their repository reports 73.5 top-1 (linear).
Command: jssl train image/barlow_twins_imagenet --set data.data_dir=DIR --data-path stream
"""

from jssl.augmentations.recipes import barlow, evaluation
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.redundancy.barlow_twins import BarlowTwins
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=BarlowTwins(scale=0.024, dtype="bfloat16"),
        encoder=ResNet(depth=50, stem="imagenet", zero_init_residual=True, dtype="bfloat16"),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=barlow(224),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer(
            "lars", learning_rate=0.2, warmup_epochs=10, weight_decay=1.5e-6, end=1e-3
        ),
        batch_size=2048,
        epochs=1000,
        expected=(
            ("linear", 0.735, "facebookresearch/barlowtwins, ResNet-50, 1000 epochs"),
            ("linear", 0.7180, "mmselfsup, ResNet-50, 300 epochs"),
        ),
    )
