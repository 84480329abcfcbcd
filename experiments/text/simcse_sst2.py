"""SimCSE (Gao et al., 2021) on SST-2, byte by byte.

Command: jssl train text/simcse_sst2 --set data.train=DIR/train.tsv
data.validation=DIR/dev.tsv data.test=DIR/test.tsv. No published figure.
"""

from jssl.augmentations.compose import Views, pipeline
from jssl.config.experiment import Experiment
from jssl.data.text import Texts
from jssl.encoders.text import SymbolTransformer
from jssl.methods.contrastive.simcse import SimCSE
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimCSE(),
        encoder=SymbolTransformer(width=64, depth=3, heads=4, dropout=0.1),
        data=Texts("train.tsv", "dev.tsv", "test.tsv"),
        views=Views(text=pipeline(field="text")),
        preprocess=pipeline(field="text"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=5,
    )
