"""Masked language modelling (Devlin et al., 2019) on one's own texts, byte by byte.

Command: jssl train text/mlm_own --data FILE, a `.txt`, `.jsonl`, CSV or Parquet file or a folder of
`.txt` files. The method that gained most on the project's texts (docs/modalities.md). No published
figure.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.text import symbol_mask
from jssl.config.experiment import Experiment
from jssl.data.text_source import TextSource
from jssl.encoders.text import SymbolTransformer
from jssl.methods.masked.mlm import MaskedLM
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MaskedLM(),
        encoder=SymbolTransformer(width=64, depth=3, heads=4),
        data=TextSource("texts.txt"),
        views=Views(text=pipeline(field="text"), mask=partial(symbol_mask, ratio=0.15)),
        preprocess=pipeline(field="text"),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=5,
    )
