"""MAE (He et al., 2022), unchanged, on log-mel spectrograms of spoken digits (FSDD).

Command: jssl train audio/mae_digits --set data.folder=DIR. No published figure
for this encoder.
"""

from functools import partial

from jssl.augmentations.audio import audio_evaluation
from jssl.augmentations.compose import Views
from jssl.augmentations.masks import random_mask
from jssl.config.experiment import Experiment
from jssl.data.audio import SpokenDigits
from jssl.encoders.vit import ViT
from jssl.methods.masked.mae import MAE
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=MAE(decoder_width=64, decoder_depth=1, decoder_heads=4),
        encoder=ViT("Ti", patch_size=16, width=64, depth=3, heads=4, pool="mean"),
        data=SpokenDigits("recordings"),
        views=Views(
            spectrogram=audio_evaluation(),
            mask=partial(random_mask, tokens=24, ratio=0.6),
        ),
        preprocess=audio_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=20,
    )
