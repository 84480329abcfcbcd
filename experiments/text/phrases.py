"""Methods on procedural sentences, named `text/FUNCTION`."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.text import crop_symbols, delete_symbols, swap_mask, symbol_mask
from jssl.config.experiment import Experiment
from jssl.data.text import Phrases
from jssl.encoders.text import SymbolTransformer
from jssl.methods.base import Method
from jssl.methods.contrastive.simclr import SimCLR
from jssl.methods.contrastive.simcse import SimCSE
from jssl.methods.masked.mlm import MaskedLM
from jssl.methods.masked.rts import RTS
from jssl.methods.masked.slm import SwappedLM
from jssl.training.optim import Optimizer


def _study(method: Method, **changes: Any) -> Experiment:
    """The common settings, with some of them changed."""
    base = Experiment(
        method=method,
        encoder=SymbolTransformer(width=64, depth=3, heads=4),
        data=Phrases(),
        views=Views(text=pipeline(field="text"), mask=partial(swap_mask, ratio=0.15)),
        preprocess=pipeline(field="text"),
        optimizer=Optimizer(
            "adamw", learning_rate=1e-3, scaling="none", warmup_epochs=1, weight_decay=0.01
        ),
        batch_size=64,
        epochs=10,
    )
    return dataclasses.replace(base, **changes)


def mlm_phrases() -> Experiment:
    """Masked language modelling (Devlin et al., 2019) on procedural phrases, byte by byte.

    Command: jssl train text/mlm_phrases. No published figure.
    """
    return _study(
        MaskedLM(), views=Views(text=pipeline(field="text"), mask=partial(symbol_mask, ratio=0.15))
    )


def rts_phrases() -> Experiment:
    """Random token substitution (Di Liello, 2023) on procedural phrases, byte by byte.

    Command: jssl train text/rts_phrases. No published figure.
    Replacements are drawn from the letters "a" to "z", which the bytes of the phrases are.
    """
    mask = partial(swap_mask, ratio=0.15, first=98, vocabulary=124)
    return _study(RTS(), views=Views(text=pipeline(field="text"), mask=mask))


def simclr_phrases() -> Experiment:
    """SimCLR (Chen et al., 2020) on procedural phrases: stretches with bytes missing.

    Command: jssl train text/simclr_phrases. No published figure.
    """
    one = pipeline(crop_symbols, delete_symbols, field="text")
    return _study(
        SimCLR(temperature=0.1, hidden=(128,), out=64), views=Views(a=one, b=one), epochs=5
    )


def simcse_phrases() -> Experiment:
    """SimCSE (Gao et al., 2021) on procedural phrases, byte by byte.

    Command: jssl train text/simcse_phrases. No published figure.
    """
    return _study(
        SimCSE(),
        encoder=SymbolTransformer(width=64, depth=3, heads=4, dropout=0.1),
        views=Views(text=pipeline(field="text")),
    )


def slm_phrases() -> Experiment:
    """Swapped language modelling (Di Liello, 2023) on procedural phrases, byte by byte.

    Command: jssl train text/slm_phrases. No published figure.
    """
    return _study(SwappedLM())
