"""SimCSE (Gao et al., 2021) on procedural phrases, byte by byte.

Command: jssl train text/simcse_phrases. No published figure.
"""

from jssl.augmentations.compose import Views, pipeline
from jssl.data.text import Phrases
from jssl.encoders.text import SymbolTransformer
from jssl.experiment import Experiment
from jssl.methods.contrastive.simcse import SimCSE
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimCSE(),
        encoder=SymbolTransformer(width=64, depth=3, heads=4, dropout=0.1),
        data=Phrases(),
        views=Views(text=pipeline(field="text")),
        preprocess=pipeline(field="text"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=10,
    )
