"""SimCLR (Chen et al., 2020) on a folder or array of your own images, small enough for two cores.

Command: jssl train image/simclr_own --data DIR
`jssl recommend DIR --minutes N` chooses size, encoder, batch and epochs for the data and the
machine. No published figure.
"""

from jssl.augmentations.recipes import evaluation, simclr
from jssl.config.experiment import Experiment
from jssl.data.file_list import FileList
from jssl.data.image_files import ImageFiles
from jssl.encoders.resnet import ResNet
from jssl.methods.contrastive.simclr import SimCLR
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimCLR(temperature=0.2, hidden=(512,), out=128),
        encoder=ResNet(depth=18, stem="imagenet", width=0.5),
        data=ImageFiles(FileList("images"), size=64),
        views=simclr(64, strength=0.5, scale=(0.2, 1.0), kernel=None),
        preprocess=evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=2, weight_decay=0.01
        ),
        batch_size=128,
        epochs=50,
    )
