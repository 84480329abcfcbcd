"""O3N (Fernando et al., 2017) on RadHAR: which of four stretches of radar pictures runs wrongly?

Command: jssl train video/odd_one_out_radhar --set data.path=FILE. No published figure.
"""

from jssl.augmentations.compose import Views
from jssl.augmentations.video import clip_evaluation, odd_view
from jssl.config.experiment import Experiment
from jssl.data.radar_clips import RadHARClips
from jssl.encoders.video import VideoTransformer
from jssl.methods.pretext.odd_one_out import O3N
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=O3N(parts=4, fusion="concatenation", part=64, hidden=128),
        encoder=VideoTransformer(width=64, depth=3, heads=4, tubelet=2, patch=8),
        data=RadHARClips("radhar.npz"),
        views=Views(clip=odd_view(4, 8, invert=0.0)),
        preprocess=clip_evaluation(8),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=8,
    )
