"""CIFAR-10 with ResNet-18: the benchmarks of lightly and of solo-learn.

lightly: kNN with k=200, the best epoch on the test set, batch 512, 200 epochs
(docs.lightly.ai, CIFAR-10 benchmark). solo-learn: an online linear probe trained beside the method
for 1000 epochs (README of vturrisi/solo-learn).
Command: jssl reproduce cifar10_resnet18 --budget full --seeds 3 --data-dir DIR
"""

import dataclasses

from jssl.config.experiment import Experiment
from jssl.data import Part
from jssl.encoders.resnet import ResNet
from jssl.studies.reproduction import Column, PaperRow, PaperTable

LIGHTLY = "lightly, CIFAR-10 benchmark: best epoch on test, k=200, batch 512, 200 epochs, one seed"
SOLO = "solo-learn, CIFAR-10: online linear probe, 1000 epochs, one seed"

# name: file, kNN of lightly, linear of solo-learn
ROWS = {
    "Barlow Twins": ("barlow_twins", 0.819, 0.9210),
    "BYOL": ("byol", 0.868, 0.9258),
    "DeepCluster v2": ("deepcluster_v2", None, 0.8885),
    "DINO": ("dino", 0.813, 0.8952),
    "MoCo v2": ("moco_v2", 0.847, 0.9294),
    "MoCo v3": ("moco_v3", None, 0.9310),
    "NNCLR": ("nnclr", 0.815, 0.9188),
    "SimCLR": ("simclr", 0.848, 0.9074),
    "SimSiam": ("simsiam", 0.764, 0.9051),
    "SwAV": ("swav", 0.842, 0.8917),
    "VICReg": ("vicreg", None, 0.9207),
    "W-MSE": ("w_mse", None, 0.8867),
}


def get_table() -> PaperTable:
    rows = []
    for name, (file, knn, linear) in ROWS.items():
        published = [("linear", linear, SOLO)]
        if knn is not None:
            published.append(("kNN, k=200", knn, LIGHTLY))
        rows.append(PaperRow(name, f"image/{file}_cifar10", tuple(published)))
    return PaperTable(
        title="CIFAR-10, ResNet-18",
        columns=(
            Column(
                *("kNN, k=200", "knn", "k=200", ("ks=(200,)", "temperature=0.1")),
                smoke=(("ks=(3,)",), "k=3"),
            ),
            Column("linear", "linear", "linear"),
        ),
        rows=tuple(rows),
        small=_small,
        differs=(
            "Ours trains as the experiment of each row says (see its file), which is the recipe of "
            "one of the two benchmarks or of the paper; the published kNN is the best epoch on the "
            "test set, ours the last. Moco in lightly's table stands beside MoCo v2.",
        ),
    )


def _small(experiment: Experiment) -> Experiment:
    """A fifth of the images, a small encoder, two epochs."""
    return dataclasses.replace(
        experiment,
        encoder=ResNet(depth=10, stem="imagenet", width=0.5),
        data=Part(experiment.data, train=10000, validation=1000, test=2000),
        batch_size=256,
        epochs=2,
    )
