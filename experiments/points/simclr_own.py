"""SimCLR (Chen et al., 2020) on one's own point clouds: meshes, scans or arrays.

Command: jssl train points/simclr_own --data DIR, a folder of OFF, PLY, OBJ or STL files or of scans
(`.bin`), or an `.npz`. The method that gained most on the project's clouds (docs/modalities.md). No
published figure.
"""

import dataclasses

from jssl.experiments.points import simclr_radhar

from jssl.augmentations.points import points_evaluation, points_views
from jssl.config.experiment import Experiment
from jssl.data.cloud_source import CloudSource


def get_experiment() -> Experiment:
    return dataclasses.replace(
        simclr_radhar.get_experiment(),
        data=CloudSource("clouds"),
        views=points_views(192),
        preprocess=points_evaluation(192),
        epochs=40,
    )
