"""MAE on a part of CIFAR-10 (He et al., 2022) with an encoder for two CPU cores.

Command: jssl train image/mae_cifar10_small --set data.data.path=cifar10.npz
About five minutes. No published figure.
"""

from jssl.augmentations.recipes import CIFAR10, evaluation, mae
from jssl.config.experiment import Experiment
from jssl.data import Npz, Part
from jssl.encoders.vit import ViT
from jssl.methods.masked.mae import MAE
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MAE(decoder_width=64, decoder_depth=2, decoder_heads=4),
        encoder=ViT("Ti", patch_size=4, width=128, depth=6, heads=4, pool="mean"),
        data=Part(Npz("cifar10.npz"), train=20000, validation=2500, test=5000),
        views=mae(32, tokens=64, ratio=0.75, stats=CIFAR10),
        preprocess=evaluation(CIFAR10),
        optimizer=Optimizer(
            "adamw",
            learning_rate=1.5e-3,
            scaling="none",
            warmup_epochs=2,
            weight_decay=0.05,
            beta2=0.95,
        ),
        batch_size=256,
        epochs=12,
    )
