"""Mixed Barlow Twins on ImageNet-1k (Bandara et al., 2023), ResNet-50, the authors' settings.

LARS at 0.2 x batch / 256, batch 1024, half the penalty, 300 epochs, bfloat16; the scale stands for
the authors' separate learning rate of biases. No figure verified.
Command: jssl train image/mixed_barlow_twins_imagenet --set data.data_dir=DIR --data-path stream
"""

from jssl.augmentations.batchwise import mix_views
from jssl.augmentations.compose import Views
from jssl.augmentations.recipes import barlow, evaluation
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.resnet import ResNet
from jssl.methods.redundancy.mixed_barlow_twins import MixedBarlowTwins
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MixedBarlowTwins(
            off_diagonal=0.0051,
            penalty=0.5,
            scale=0.024,
            hidden=(8192, 8192),
            out=8192,
            dtype="bfloat16",
        ),
        encoder=ResNet(depth=50, stem="imagenet", zero_init_residual=True, dtype="bfloat16"),
        data=TFDS("imagenet2012", test="validation", size=256),
        views=Views(**dict(barlow(224).entries), batch=(mix_views,)),
        preprocess=evaluation(size=224, share=224 / 256),
        optimizer=Optimizer(
            "lars", learning_rate=0.2, warmup_epochs=10, weight_decay=1e-6, end=1e-3
        ),
        batch_size=1024,
        epochs=300,
    )
