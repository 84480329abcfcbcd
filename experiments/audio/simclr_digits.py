"""SimCLR (Chen et al., 2020) on spoken digits (FSDD): log-mel spectrograms and a small ViT.

Command: jssl train audio/simclr_digits --set data.folder=DIR. No published figure for
this encoder.
"""

from jssl.augmentations.audio import audio_evaluation, audio_view
from jssl.augmentations.compose import Views
from jssl.config.experiment import Experiment
from jssl.data.audio import SpokenDigits
from jssl.encoders.vit import ViT
from jssl.methods.contrastive.simclr import SimCLR
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=SimCLR(temperature=0.2, hidden=(256,), out=64),
        encoder=ViT("Ti", patch_size=16, width=64, depth=3, heads=4, pool="mean"),
        data=SpokenDigits("recordings"),
        views=Views(a=audio_view(), b=audio_view()),
        preprocess=audio_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=10,
    )
