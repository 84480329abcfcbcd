"""SimCLR (Chen et al., 2020) on one's own table with corrupted columns (SCARF, Bahri et al., 2022).

Command: jssl train tabular/simclr_own --data FILE, a CSV or Parquet file. No published figure for
this encoder.
"""

import dataclasses

from jssl.experiments.tabular import simclr_adult

from jssl.config.experiment import Experiment
from jssl.data.table_file import TableFile
from jssl.data.tables import Factors


def get_experiment() -> Experiment:
    base = simclr_adult.get_experiment()
    encoder = base.encoder.clone(categories=Factors.CATEGORIES)
    return dataclasses.replace(base, encoder=encoder, data=TableFile("table.csv"))
