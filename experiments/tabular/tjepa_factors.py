"""T-JEPA (Thimonier et al., 2025) on procedural rows.

Command: jssl train tabular/tjepa_factors. No published figure.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.tables import subset_mask
from jssl.data.tables import Factors
from jssl.encoders.table import TableTransformer
from jssl.experiment import Experiment
from jssl.methods.predictive.tjepa import TJEPA
from jssl.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=TJEPA(predictor_width=32, predictor_depth=1),
        encoder=TableTransformer(
            width=32, depth=2, heads=4, registers=1, categories=Factors.CATEGORIES
        ),
        data=Factors(),
        views=Views(
            row=pipeline(field="row"),
            mask=partial(subset_mask, tokens=12, context=0.4, target=0.3, targets=4),
        ),
        preprocess=pipeline(field="row"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=128,
        epochs=20,
    )
