"""Robustness of a probe trained on clean images to the common corruptions of ImageNet-C."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jssl.core.ranges import Count, Severity
from jssl.data.source import SubsetSource
from jssl.errors import UserError
from jssl.evaluation.arrays import class_splits
from jssl.evaluation.corruptions import CORRUPTIONS, SEVERITIES, corruption
from jssl.evaluation.linear import linear_probe
from jssl.evaluation.logistic import fit_standardised
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.representations import Representations


@dataclass(frozen=True)
class Corrupted(Evaluation):
    """Accuracy of a logistic probe, fitted on clean training features, on corrupted test images.

    Attributes:
      names: names of corruptions; () for all fifteen.
      severities: severities, from 1 to 5.
      limit: largest number of test images.
    """

    names: tuple[str, ...] = ()
    severities: tuple[Severity, ...] = SEVERITIES
    limit: Count = dataclasses.field(default=1000, metadata={"former": "most"})

    about: ClassVar[str] = "linear probe under 15 corruptions at 5 severities"
    source: ClassVar[str] = "Hendrycks and Dietterich 2019"

    def measure(self, subject: Representations, row: str) -> Measured:
        chosen = list(self.names or CORRUPTIONS)
        for name in chosen:
            corruption(name)
        if not set(self.severities) <= set(SEVERITIES) or not self.severities:
            raise UserError(f"severities go from 1 to 5, not {list(self.severities)}")
        field = subject.program.experiment.preprocess.field
        source = subject.splits.test
        source = SubsetSource(source, np.arange(min(self.limit, len(source))))
        images = np.asarray(source[np.arange(len(source))][field])
        if images.ndim != 4 or images.shape[-1] not in (1, 3):
            raise UserError(f"corruptions are for images [N, H, W, C], not {list(images.shape)}")
        train, validation, test = class_splits(*subject.features(row))
        probe = linear_probe(train, validation, test, select_on=self.select_on)
        scaler, fit = fit_standardised(train.features, train.labels, probe.strength)
        labels = test.labels[: len(images)]
        found = {}
        for name in chosen:
            found[name] = {}
            for severity in self.severities:
                features = subject.images(row, damaged(name, images, severity, self.seed))
                found[name][str(severity)] = fit.accuracy(scaler(features), labels)
        means = {name: float(np.mean(list(each.values()))) for name, each in found.items()}
        clean = fit.accuracy(scaler(test.features[: len(images)]), labels)
        overall = float(np.mean(list(means.values())))
        return Measured(
            {
                "clean": Score(clean),
                "corrupted": Score(overall),
                "lost": Score(clean - overall),
                **{name.replace("_", " "): Score(mean) for name, mean in means.items()},
            },
            {"by severity": found, "C": probe.strength},
        )

    def notes(self) -> tuple[str, ...]:
        return (
            f"{self.limit} test images at most; each corruption is the mean over severities "
            f"{', '.join(map(str, self.severities))}. Frost, fog and glass differ from the "
            "published code (see jssl/evaluation/corruptions).",
        )


def damaged(
    name: str, images: np.ndarray, severity: int, seed: int, block: int = 256
) -> np.ndarray:
    """Applies a corruption to images and rounds the result to uint8.

    Args:
      name: name of the corruption.
      images: uint8 [N, H, W, C].
      severity: 1 to 5.
      seed: seed of the corruption; all representations see the same corrupted images.
      block: images per device call.

    Returns:
      uint8 [N, H, W, C].
    """
    chex.assert_rank(images, 4)
    keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), severity), len(images))
    short = -len(images) % block if len(images) > block else 0  # pad to one shape: compile once
    keys = jnp.concatenate([keys, keys[:short]])
    wide = np.concatenate([images, images[:short]])
    size = min(block, len(wide))
    parts = [
        np.asarray(_corruptor(name)(keys[i : i + size], wide[i : i + size], severity))
        for i in range(0, len(wide), size)
    ]
    return np.concatenate(parts)[: len(images)]


@functools.cache
def _corruptor(name: str) -> Callable[..., jax.Array]:
    corrupt = jax.vmap(corruption(name), in_axes=(0, 0, None))
    return jax.jit(lambda *given: jnp.round(255 * corrupt(*given)).astype(jnp.uint8))


PROTOCOLS = {"corruptions": Corrupted()}
