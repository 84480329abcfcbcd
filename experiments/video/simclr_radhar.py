"""SimCLR (Chen et al., 2020), unchanged, on two stretches of a clip of RadHAR.

Command: jssl train video/simclr_radhar --set data.path=FILE. No published figure.
"""

from jssl.augmentations.video import clip_evaluation, clip_views
from jssl.config.experiment import Experiment
from jssl.data.radar_clips import RadHARClips
from jssl.encoders.video import VideoTransformer
from jssl.methods.contrastive.simclr import SimCLR
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimCLR(temperature=0.2, hidden=(256,), out=64),
        encoder=VideoTransformer(width=64, depth=3, heads=4, tubelet=4, patch=8, pool="mean_max"),
        data=RadHARClips("radhar.npz"),
        views=clip_views(8, 32, invert=0.0),
        preprocess=clip_evaluation(8),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=10,
    )
