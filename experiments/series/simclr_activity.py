"""SimCLR (Chen et al., 2020) on activity recorded by a smartphone.

Command: jssl train series/simclr_activity --set data.path=DIR/DATA (Matey-Sanz et al., 2023). For
the watch: --set data.device=sw. No published figure.

Series are as measured, in units of gravity and rad/s; views are stretches of them, turned, scaled
and noisy (Um et al., 2017): people carry the phone in many ways, and those of the test in others.
On validation (seed 3) turning makes no difference: 81.6 % turned always, 82.3 % never, 73.5 %
untrained.
"""

from functools import partial

from jssl.augmentations.compose import Views, pipeline, sometimes
from jssl.augmentations.series import crop, jitter, rescale, resize, rotate_sensors
from jssl.config.experiment import Experiment
from jssl.data.activity import PhoneAndWatch
from jssl.encoders.series import TCN
from jssl.methods.contrastive.simclr import SimCLR
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    one = pipeline(
        partial(crop, length=64, scale=(0.5, 1.0)),
        sometimes(rotate_sensors, 0.9),
        partial(rescale, sigma=0.1),
        partial(jitter, sigma=0.05),
        field="series",
    )
    return Experiment(
        method=SimCLR(temperature=0.2, hidden=(128,), out=64),
        encoder=TCN(width=64, depth=4),
        data=PhoneAndWatch("DATA"),
        views=Views(a=one, b=one),
        preprocess=pipeline(partial(resize, length=64), field="series"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=20,
    )
