"""Methods on procedural sounds, named `audio/FUNCTION`."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

from jssl.augmentations.audio import audio_evaluation, audio_view
from jssl.augmentations.compose import Views, repeat
from jssl.augmentations.mask_blocks import group_mask, inverse_block_mask
from jssl.config.experiment import Experiment
from jssl.data.audio import Tones
from jssl.encoders.vit import ViT
from jssl.methods.base import Method
from jssl.methods.contrastive.simclr import SimCLR
from jssl.methods.distillation.eat import EAT
from jssl.methods.masked.ssast import SSAST
from jssl.training.optim import Optimizer


def _study(method: Method, **changes: Any) -> Experiment:
    """The common settings, with some of them changed."""
    base = Experiment(
        method=method,
        encoder=ViT("Ti", patch_size=16, width=64, depth=3, heads=4, pool="mean"),
        data=Tones(),
        views=Views(a=audio_view(), b=audio_view()),
        preprocess=audio_evaluation(),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=20,
    )
    return dataclasses.replace(base, **changes)


def eat_tones() -> Experiment:
    """EAT (Chen et al., 2024) on procedural tones: 16 by 16 patches of a log-mel spectrogram.

    Command: jssl train audio/eat_tones. No published figure.
    """
    masks = partial(inverse_block_mask, grid=(6, 4), ratio=0.75, smallest=4)
    return _study(
        EAT(
            momentum=0.99,
            momentum_end=0.999,
            momentum_epochs=0.0,
            top=3,
            decoder_width=32,
            decoder_depth=2,
            decoder_groups=1,
        ),
        encoder=ViT("Ti", patch_size=16, width=64, depth=3, heads=4, pool="mean", class_token=True),
        views=Views(spectrogram=audio_evaluation(), mask=repeat(masks, 4)),
        optimizer=Optimizer(
            "adamw", learning_rate=2e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
    )


def simclr_tones() -> Experiment:
    """SimCLR (Chen et al., 2020) on procedural tones: log-mel spectrograms and a small ViT.

    Command: jssl train audio/simclr_tones. No published figure.
    """
    return _study(SimCLR(temperature=0.2, hidden=(256,), out=64), epochs=10)


def ssast_tones() -> Experiment:
    """SSAST (Gong et al., 2022) on procedural tones: patches of 16 by 16 of a log-mel spectrogram.

    Command: jssl train audio/ssast_tones. No published figure.
    """
    return _study(
        SSAST(),
        views=Views(
            spectrogram=audio_evaluation(),
            mask=partial(group_mask, grid=(6, 4), ratio=0.6, group=(2, 6), attempts=16),
        ),
    )
