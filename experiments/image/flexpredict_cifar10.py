"""FlexPredict on CIFAR-10 (Bar et al., 2023), a ViT-Ti with patches of 4 pixels.

The paper's blocks and noise; predictor and learning rate for a small encoder are unverified, no
published figure is known.
Command: jssl train image/flexpredict_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.recipes import CIFAR10, evaluation, ijepa
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.predictive.flexpredict import FlexPredict
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=FlexPredict(predictor_width=96, predictor_heads=3),
        encoder=ViT("Ti", patch_size=4, pool="mean"),
        data=TFDS("cifar10"),
        views=ijepa(32, grid=(8, 8), stats=CIFAR10),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=40, weight_decay=0.05
        ),
        batch_size=512,
        epochs=600,
    )
