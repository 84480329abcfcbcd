"""wav2vec 2.0 (Baevski et al., 2020) on spoken digits (FSDD): samples in, no spectrogram.

Command: jssl train audio/wav2vec2_digits --set data.folder=DIR. No published figure for
this encoder.
"""

from functools import partial

from jssl.augmentations.audio import wave_evaluation
from jssl.augmentations.compose import Views
from jssl.augmentations.mask_blocks import span_mask
from jssl.config.experiment import Experiment
from jssl.data.audio import SpokenDigits
from jssl.encoders.waveform import small_waveform
from jssl.methods.contrastive.wav2vec2 import Wav2Vec2
from jssl.training.optim import Optimizer


def get_experiment() -> Experiment:
    return Experiment(
        method=Wav2Vec2(entries=32, negatives=20, code_width=64, out=64),
        encoder=small_waveform(),
        data=SpokenDigits("recordings"),
        views=Views(
            wave=wave_evaluation(),
            mask=partial(span_mask, tokens=48, ratio=0.5, length=5),
        ),
        preprocess=wave_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=2, weight_decay=0.01
        ),
        batch_size=32,
        epochs=20,
    )
