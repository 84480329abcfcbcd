"""SimCLR (Chen et al., 2020) on one's own sounds: spectrograms and a small ViT.

Command: jssl train audio/simclr_own --data DIR, a folder of WAV, FLAC, OGG or MP3 files. The
method that gained most on the project's sounds (docs/modalities.md). No published figure.
"""

import dataclasses

from jssl.experiments.audio import simclr_esc10

from jssl.config.experiment import Experiment
from jssl.data.sounds import SoundFolder


def get_experiment() -> Experiment:
    base = simclr_esc10.get_experiment()
    return dataclasses.replace(base, data=SoundFolder("sounds"), epochs=30)
