"""SimCLR (Chen et al., 2020) on SST-2, byte by byte: stretches with bytes missing.

Command: jssl train text/simclr_sst2 --set data.train=DIR/train.tsv
data.validation=DIR/dev.tsv data.test=DIR/test.tsv. No published figure.
"""

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.text import crop_symbols, delete_symbols
from jssl.config.experiment import Experiment
from jssl.data.text import Texts
from jssl.encoders.text import SymbolTransformer
from jssl.methods.contrastive.simclr import SimCLR
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    one = pipeline(crop_symbols, delete_symbols, field="text")
    return Experiment(
        method=SimCLR(temperature=0.1, hidden=(128,), out=64),
        encoder=SymbolTransformer(width=64, depth=3, heads=4),
        data=Texts("train.tsv", "dev.tsv", "test.tsv"),
        views=Views(a=one, b=one),
        preprocess=pipeline(field="text"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=5,
    )
