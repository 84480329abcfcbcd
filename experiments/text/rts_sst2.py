"""Random token substitution (Di Liello, 2023) on SST-2, byte by byte.

Command: jssl train text/rts_sst2 --set data.train=DIR/train.tsv
data.validation=DIR/dev.tsv data.test=DIR/test.tsv. No published figure.
Replacements are drawn from the letters; for pieces of words set views.mask.first=1 and
views.mask.vocabulary to the number of pieces.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.text import swap_mask
from jssl.config.experiment import Experiment
from jssl.data.text import Texts
from jssl.encoders.text import SymbolTransformer
from jssl.methods.masked.rts import RTS
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=RTS(),
        encoder=SymbolTransformer(width=64, depth=3, heads=4),
        data=Texts("train.tsv", "dev.tsv", "test.tsv"),
        views=Views(
            text=pipeline(field="text"),
            mask=partial(swap_mask, ratio=0.15, first=98, vocabulary=124),
        ),
        preprocess=pipeline(field="text"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=5,
    )
