"""SSAST (Gong et al., 2022) on spoken digits (FSDD): patches of 16 by 16 of a log-mel spectrogram.

Command: jssl train audio/ssast_digits --set data.folder=DIR. No published figure for
this encoder.
"""

from functools import partial

from jssl.augmentations.audio import audio_evaluation
from jssl.augmentations.compose import Views
from jssl.augmentations.mask_blocks import group_mask
from jssl.config.experiment import Experiment
from jssl.data.audio import SpokenDigits
from jssl.encoders.vit import ViT
from jssl.methods.masked.ssast import SSAST
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SSAST(),
        encoder=ViT("Ti", patch_size=16, width=64, depth=3, heads=4, pool="mean"),
        data=SpokenDigits("recordings"),
        views=Views(
            spectrogram=audio_evaluation(),
            mask=partial(group_mask, grid=(6, 4), ratio=0.6, group=(2, 6), attempts=16),
        ),
        preprocess=audio_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=20,
    )
