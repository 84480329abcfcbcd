"""SimCLR (Chen et al., 2020) on environmental sounds (ESC-10), fold 5 for test.

Command: jssl train audio/simclr_esc10 --set data.folder=DIR. No published figure
for this encoder.
"""

from jssl.augmentations.audio import audio_evaluation, audio_view
from jssl.augmentations.compose import Views
from jssl.config.experiment import Experiment
from jssl.data.audio import ESC
from jssl.encoders.vit import ViT
from jssl.methods.contrastive.simclr import SimCLR
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    front = {"rate": 16000, "window": 512, "hop": 400, "mels": 64, "frames": 192}
    return Experiment(
        method=SimCLR(temperature=0.2, hidden=(256,), out=64),
        encoder=ViT("Ti", patch_size=16, width=64, depth=3, heads=4, pool="mean"),
        data=ESC("ESC-50"),
        views=Views(a=audio_view(**front), b=audio_view(**front)),
        preprocess=audio_evaluation(**front),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=32,
        epochs=60,
    )
