"""VideoMAE (Tong et al., 2022) on RadHAR radar frames: MAE with tube masks.

Command: jssl train video/mae_radhar --set data.path=FILE. No published figure.
Pixels are predicted as they are: half of the tubes are blank, and normalised they would be noise.
"""

from functools import partial

from jssl.augmentations.compose import Views
from jssl.augmentations.mask_blocks import tube_mask
from jssl.augmentations.video import clip_alone, clip_evaluation
from jssl.config.experiment import Experiment
from jssl.data.radar_clips import RadHARClips
from jssl.encoders.video import VideoTransformer
from jssl.methods.masked.mae import MAE
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MAE(decoder_width=48, decoder_depth=1, decoder_heads=4, normalize_target=False),
        encoder=VideoTransformer(width=64, depth=3, heads=4, tubelet=4, patch=4),
        data=RadHARClips("radhar.npz"),
        views=Views(
            clip=clip_alone(8, invert=0.0),
            mask=partial(tube_mask, frames=2, tokens=64, ratio=0.75),
        ),
        preprocess=clip_evaluation(8),
        optimizer=Optimizer(
            "adamw",
            learning_rate=2e-3,
            scaling="none",
            warmup_epochs=1,
            weight_decay=0.01,
            beta2=0.95,
        ),
        batch_size=64,
        epochs=8,
    )
