"""Imagenette at 128 pixels with ResNet-18: the benchmark of lightly.

kNN on the test set with k=200, the best epoch, batch 256, 800 epochs (docs.lightly.ai). Recipes of
ours are those of the CIFAR-10 experiments with larger crops.
Command: jssl reproduce imagenette --budget full --data-dir DIR
"""

import dataclasses

from jssl.augmentations.recipes import evaluation, simclr
from jssl.config.experiment import Experiment
from jssl.data import TFDS, Part
from jssl.encoders.resnet import ResNet
from jssl.studies.reproduction import Column, PaperRow, PaperTable

LIGHTLY = "lightly, Imagenette benchmark: best epoch on test, 128 pixels, batch 256, 800 epochs"
ROWS = {
    "Barlow Twins": ("barlow_twins", 0.852),
    "BYOL": ("byol", 0.887),
    "MoCo v2": ("moco_v2", 0.874),
    "NNCLR": ("nnclr", 0.884),
    "SimCLR": ("simclr", 0.889),
    "SimSiam": ("simsiam", 0.872),
    "VICReg": ("vicreg", 0.845),
}


def get_table() -> PaperTable:
    return PaperTable(
        title="Imagenette, 128 pixels, ResNet-18",
        columns=(
            Column(
                *("kNN, k=200", "knn", "k=200", ("ks=(200,)", "temperature=0.1")),
                smoke=(("ks=(3,)",), "k=3"),
            ),
        ),
        rows=tuple(
            PaperRow(name, f"image/{file}_cifar10", (("kNN, k=200", value, LIGHTLY),))
            for name, (file, value) in ROWS.items()
        ),
        adapt=_adapt,
        small=_small,
        differs=(
            "Optimizer and objective are those of each method's CIFAR-10 experiment; the published "
            "kNN is the best epoch on the test set, ours the last.",
        ),
    )


def _adapt(experiment: Experiment) -> Experiment:
    return dataclasses.replace(
        experiment,
        encoder=ResNet(depth=18, stem="imagenet"),
        data=TFDS("imagenette/160px-v2", test="validation", size=160),
        views=simclr(128),
        preprocess=evaluation(size=128, share=128 / 160),
        batch_size=256,
        epochs=800,
    )


def _small(experiment: Experiment) -> Experiment:
    return dataclasses.replace(
        experiment,
        encoder=ResNet(depth=10, stem="imagenet", width=0.5),
        data=Part(experiment.data, train=2000, validation=500, test=1000),
        epochs=2,
    )
