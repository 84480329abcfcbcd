"""SimMIM on CIFAR-10 (Xie et al., 2022), a ViT-Ti with patches of 4 pixels.

The paper's masks (squares of two tokens, 60 %) with a learning rate for small batches (unverified);
no published figure is known.
Command: jssl train image/simmim_cifar10 --set data.data_dir=DIR
"""

from jssl.augmentations.recipes import CIFAR10, evaluation, simmim
from jssl.config.experiment import Experiment
from jssl.data import TFDS
from jssl.encoders.vit import ViT
from jssl.methods.masked.simmim import SimMIM
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimMIM(),
        encoder=ViT("Ti", patch_size=4, pool="mean"),
        data=TFDS("cifar10"),
        views=simmim(32, grid=(8, 8), stats=CIFAR10),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=40, weight_decay=0.05
        ),
        batch_size=512,
        epochs=800,
    )
