"""EAT (Chen et al., 2024) on spoken digits (FSDD): 16 by 16 patches of a log-mel spectrogram.

Command: jssl train audio/eat_digits --set data.folder=DIR. No published figure for
this encoder.
"""

from functools import partial

from jssl.augmentations.audio import audio_evaluation
from jssl.augmentations.compose import Views, repeat
from jssl.augmentations.mask_blocks import inverse_block_mask
from jssl.config.experiment import Experiment
from jssl.data.audio import SpokenDigits
from jssl.encoders.vit import ViT
from jssl.methods.distillation.eat import EAT
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    masks = partial(inverse_block_mask, grid=(6, 4), ratio=0.75, smallest=4)
    return Experiment(
        method=EAT(
            momentum=0.99,
            momentum_end=0.999,
            momentum_epochs=0.0,
            top=3,
            decoder_width=32,
            decoder_depth=2,
            decoder_groups=1,
        ),
        encoder=ViT("Ti", patch_size=16, width=64, depth=3, heads=4, pool="mean", class_token=True),
        data=SpokenDigits("recordings"),
        views=Views(spectrogram=audio_evaluation(), mask=repeat(masks, 4)),
        preprocess=audio_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=40,
    )
