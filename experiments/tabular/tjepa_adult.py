"""T-JEPA (Thimonier et al., 2025) on Adult.

Command: jssl train tabular/tjepa_adult --set data.train=DIR/adult.data
data.test=DIR/adult.test. The paper probes with deep heads; no published figure for a linear one.
The momentum is the paper's 0.996 of 15000 steps, fitted to 600; targets are normalised, as in
I-JEPA.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.tables import subset_mask
from jssl.config.experiment import Experiment
from jssl.data.tables import Table
from jssl.encoders.table import TableTransformer
from jssl.methods.predictive.tjepa import TJEPA
from jssl.training.optim import Optimizer
from jssl.training.short_runs import fit_momentum

ADULT = (0, 9, 0, 17, 0, 8, 15, 7, 6, 3, 0, 0, 0, 42)  # categories of each column


def get_experiment() -> Experiment:
    return Experiment(
        method=TJEPA(
            momentum=fit_momentum(0.996, 15_000, 600),
            predictor_width=32,
            predictor_depth=1,
            normalize_targets=True,
        ),
        encoder=TableTransformer(width=32, depth=2, heads=4, registers=1, categories=ADULT),
        data=Table("adult.data", "adult.test", header=False, categories=ADULT),
        views=Views(
            row=pipeline(field="row"),
            mask=partial(subset_mask, tokens=14, context=0.4, target=0.3, targets=4),
        ),
        preprocess=pipeline(field="row"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=256,
        epochs=6,
    )
