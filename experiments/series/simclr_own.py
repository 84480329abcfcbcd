"""SimCLR (Chen et al., 2020) on one's own series: `.ts`, `.npz`, or windows of a table.

Command: jssl train series/simclr_own --data FILE. The method that gained most on the project's
series with labels (docs/modalities.md). No published figure.
"""

import dataclasses

from jssl.experiments.series import simclr_ucr

from jssl.config.experiment import Experiment
from jssl.data.series_file import SeriesFile


def get_experiment() -> Experiment:
    base = simclr_ucr.get_experiment()
    return dataclasses.replace(base, data=SeriesFile("series.npz"), epochs=40)
