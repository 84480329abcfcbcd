"""EAT (Chen et al., 2024) on environmental sounds (ESC-10), fold 5 for test.

Command: jssl train audio/eat_esc10 --set data.folder=DIR. No published figure
for this encoder.
"""

from functools import partial

from jssl.augmentations.audio import audio_evaluation
from jssl.augmentations.compose import Views, repeat
from jssl.augmentations.mask_blocks import inverse_block_mask
from jssl.config.experiment import Experiment
from jssl.data.audio import ESC
from jssl.encoders.vit import ViT
from jssl.methods.distillation.eat import EAT
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    front = {"rate": 16000, "window": 512, "hop": 400, "mels": 64, "frames": 192}
    masks = partial(inverse_block_mask, grid=(12, 4), ratio=0.8, smallest=4)
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
        data=ESC("ESC-50"),
        views=Views(spectrogram=audio_evaluation(**front), mask=repeat(masks, 4)),
        preprocess=audio_evaluation(**front),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=32,
        epochs=60,
    )
