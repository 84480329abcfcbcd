"""ImageNet, linear probe on frozen features: each method's own published figure.

Sources are in the experiments' files (`expected`). Days on many accelerators a row.
Command: jssl reproduce imagenet_linear --budget full --rows DINO --data-dir DIR
"""

import dataclasses

from jssl.config import experiment as registry
from jssl.config.experiment import Experiment
from jssl.data import Part
from jssl.studies.reproduction import Column, PaperRow, PaperTable

ROWS = {
    "Barlow Twins": "barlow_twins",
    "DeepCluster v2": "deepcluster_v2",
    "DINO": "dino",
    "iBOT": "ibot",
    "I-JEPA": "ijepa",
    "MAE": "mae",
    "MoCo v2": "moco_v2",
    "MoCo v3": "moco_v3",
    "MSN": "msn",
    "NNCLR": "nnclr",
    "SimCLR": "simclr",
    "SimSiam": "simsiam",
    "VICReg": "vicreg",
}


def get_table() -> PaperTable:
    rows = []
    for name, file in ROWS.items():
        experiment = registry.load(f"image/{file}_imagenet")
        published = [item for item in experiment.expected if item[0] == "linear"]
        rows.append(PaperRow(name, experiment.name, tuple(published)))
    return PaperTable(
        title="ImageNet, linear probe",
        columns=(
            Column(
                *("linear", "sweep", "linear", ('norms=("standardise","none")',)),
                smoke=(("epochs=2", "learning_rates=(0.1,)", "weight_decays=(0.0,)"), "linear"),
            ),
        ),
        rows=tuple(rows),
        small=_small,
        differs=(
            "Ours is a probe on cached features over layers, rates and decays, chosen on "
            "validation; the published probes see crops and flips and are mostly chosen on the "
            "ImageNet validation split that is also reported.",
        ),
    )


def _small(experiment: Experiment) -> Experiment:
    data = Part(experiment.data, train=20000, validation=2000, test=5000)
    return dataclasses.replace(experiment, data=data, batch_size=256, epochs=2)
