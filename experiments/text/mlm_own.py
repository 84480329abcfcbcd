"""Masked language modelling (Devlin et al., 2019) on one's own texts, byte by byte.

Command: jssl train text/mlm_own --data FILE, a `.txt`, `.jsonl`, CSV or Parquet file or a folder of
`.txt` files. The method that gained most on the project's texts (docs/modalities.md). No published
figure.
"""

import dataclasses

from jssl.experiments.text import mlm_sst2

from jssl.config.experiment import Experiment
from jssl.data.text_source import TextSource


def get_experiment() -> Experiment:
    base = mlm_sst2.get_experiment()
    optimizer = dataclasses.replace(base.optimizer, learning_rate=2e-3)
    return dataclasses.replace(base, data=TextSource("texts.txt"), optimizer=optimizer)
