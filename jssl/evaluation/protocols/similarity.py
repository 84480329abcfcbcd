"""Correlation of cosine similarity with human similarity scores (STS-B)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jssl.data.source import ArraySource, read_all
from jssl.encoders.features import Features, block_outputs
from jssl.errors import UserError
from jssl.evaluation.labelfree import unit
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.regression import correlation
from jssl.evaluation.representations import Representations
from jssl.objectives.common import standardize

POOLED, LAYERS = "pooled", "first_last"


@dataclass(frozen=True)
class Similarity(Evaluation):
    """Spearman's correlation between the cosine similarity of two inputs and a reference score.

    Nothing is fitted to the scores and no hyper-parameter is selected. Cosines of features that
    share a large mean hardly differ, so there are also those of features centred and whitened by
    the mean and covariance of the training split's inputs (Su et al., "Whitening Sentence
    Representations for Better Semantics and Faster Retrieval", 2021), and of a transformer's first
    and last layer, averaged, which Su et al. find best for models without a sentence objective.

    Attributes:
      other: key of the second input in an example.
      target: key of the reference score.
      part: the split that is measured.
    """

    other: str = "other"
    target: str = "target"
    part: str = "test"

    about: ClassVar[str] = (
        "Spearman's correlation of cosine similarity with reference scores (STS-B)"
    )
    source: ClassVar[str] = "Cer et al. 2017"
    needs_labels: ClassVar[bool] = False

    def measure(self, subject: Representations, row: str) -> Measured:
        batch = read_all(subject.source(self.part))
        known = read_all(subject.source("train"))
        field = subject.program.experiment.preprocess.field
        missing = [key for key in (field, self.other, self.target) if key not in batch]
        if missing:
            raise UserError(
                f"similarity needs pairs with a score, such as STS-B's; {', '.join(missing)} is "
                "not in the data"
            )

        def features(x: np.ndarray) -> dict[str, np.ndarray]:
            return subject.arrays(row, ArraySource({field: x}), sentence_features)[0]

        a, b = features(batch[field]), features(batch[self.other])
        train = [features(known[key]) for key in (field, self.other)]
        scores = {}
        for name in sorted(a, key=(POOLED, LAYERS).index):
            seen = np.concatenate([part[name] for part in train])
            for change, apply in transforms(seen).items():
                cosine = np.sum(unit(apply(a[name])) * unit(apply(b[name])), axis=1)
                found = correlation(cosine, batch[self.target].astype(np.float64))
                own = (name, change) if name != POOLED else (change,)
                key = "_".join(("spearman", *filter(None, own)))
                half = (found.high - found.low) / 2
                scores[key] = Score(found.rho, half, percent=False)
        return Measured(scores)

    def notes(self) -> tuple[str, ...]:
        return (
            f"Cosines of pooled features of the {self.part} split; no score is fitted to. "
            "centred, whitened: by the mean and covariance of the training split's inputs; "
            "first_last: the mean of the first and the last layer's tokens.",
        )


def sentence_features(features: Features) -> dict[str, jax.Array]:
    """The pooled features and, of a transformer, the mean token of its first and last layer.

    Returns:
      "pooled" [B, D], and "first_last" [B, D] where there are blocks: the first block's output,
      normalised, and the last after the final norm, averaged over both and over real tokens.
    """
    blocks = block_outputs(features)
    if not blocks or features.tokens is None:
        return {POOLED: features.pooled}
    first = standardize(blocks[0][:, -features.tokens.shape[1] :])
    real = features.extras.get("valid", jnp.ones(features.tokens.shape[:2]))[..., None]
    total = jnp.sum(jnp.where(real, (first + features.tokens) / 2, 0.0), axis=1)
    return {POOLED: features.pooled, LAYERS: total / jnp.maximum(jnp.sum(real, axis=1), 1.0)}


def transforms(known: np.ndarray) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Transformations of features [N, D] by name: none, centring and whitening.

    Args:
      known: float [M, D], features whose mean and covariance are used. Directions of less than
        1e-6 of the largest variance are left out of the whitened features.

    Returns:
      "" (as they are), "centred" and "whitened" -> function of features, in float64.
    """
    chex.assert_rank(known, 2)
    known = known.astype(np.float64)
    mean = known.mean(axis=0)
    variances, directions = np.linalg.eigh(np.atleast_2d(np.cov(known - mean, rowvar=False)))
    kept = variances > 1e-6 * variances.max()
    whiten = directions[:, kept] / np.sqrt(variances[kept])
    return {
        "": lambda x: x.astype(np.float64),
        "centred": lambda x: x - mean,
        "whitened": lambda x: (x - mean) @ whiten,
    }


PROTOCOLS = {"similarity": Similarity()}
