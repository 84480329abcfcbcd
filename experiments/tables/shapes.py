"""Four methods on the procedural shapes: a table that any machine can fill.

No published figures: nobody else has these images. Command: jssl reproduce shapes --budget full
"""

import dataclasses

from jssl.config.experiment import Experiment
from jssl.data import Shapes
from jssl.studies.reproduction import Column, PaperRow, PaperTable


def get_table() -> PaperTable:
    methods = {"SimCLR": "simclr", "BYOL": "byol", "VICReg": "vicreg", "MAE": "mae"}
    return PaperTable(
        title="Four methods on procedural shapes",
        columns=(
            Column("kNN, k=20", "knn", "k=20", ("ks=(20,)",), smoke=(("ks=(3,)",), "k=3")),
            Column("ridge", "ridge", "ridge"),
        ),
        rows=tuple(PaperRow(name, f"image/{file}_shapes") for name, file in methods.items()),
        small=_small,
    )


def _small(experiment: Experiment) -> Experiment:
    data = Shapes(train=2048, validation=512, test=1024)
    return dataclasses.replace(experiment, data=data, epochs=2)
