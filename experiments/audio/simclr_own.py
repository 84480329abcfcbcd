"""SimCLR (Chen et al., 2020) on one's own sounds: spectrograms and a small ViT.

Command: jssl train audio/simclr_own --data DIR, a folder of WAV, FLAC, OGG or MP3 files. The
method that gained most on the project's sounds (docs/modalities.md). No published figure.
"""

from jssl.augmentations.audio import audio_evaluation, audio_view
from jssl.augmentations.compose import Views
from jssl.config.experiment import Experiment
from jssl.data.sounds import SoundFolder
from jssl.encoders.vit import ViT
from jssl.methods.contrastive.simclr import SimCLR
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    front = {"rate": 16000, "window": 512, "hop": 400, "mels": 64, "frames": 192}
    return Experiment(
        method=SimCLR(temperature=0.2, hidden=(256,), out=64),
        encoder=ViT("Ti", patch_size=16, width=64, depth=3, heads=4, pool="mean"),
        data=SoundFolder("sounds"),
        views=Views(a=audio_view(**front), b=audio_view(**front)),
        preprocess=audio_evaluation(**front),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=32,
        epochs=30,
    )
