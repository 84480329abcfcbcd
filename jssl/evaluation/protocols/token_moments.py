"""Linear probe on the mean and the deviation of an encoder's tokens."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from jssl.core.intervals import binomial_interval
from jssl.core.ranges import Positives, Spread
from jssl.encoders.features import Features
from jssl.evaluation.linear import linear_probe
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.representations import PARTS, Representations
from jssl.evaluation.strengths import BOUNDS, STRENGTHS


def moments(features: Features) -> dict[str, jax.Array]:
    """Mean and standard deviation of the tokens over positions, float32 [B, 2 D]; {} without."""
    if features.tokens is None:
        return {}
    tokens = features.tokens.astype(jnp.float32)
    return {"moments": jnp.concatenate([tokens.mean(axis=1), tokens.std(axis=1)], axis=-1)}


@dataclass(frozen=True)
class TokenMoments(Evaluation):
    """Logistic regression on the concatenated mean and standard deviation of the tokens.

    The mean alone hides what differs between positions, which is most of what tokens of a masked or
    predictive method hold.

    Attributes:
      strengths: candidate values of C, the inverse L2 penalty.
      bounds: smallest and largest C that are tried while the best one is at an end of the grid.
    """

    strengths: Positives = STRENGTHS
    bounds: Spread = BOUNDS

    about: ClassVar[str] = "logistic regression on mean and deviation of the tokens"
    source: ClassVar[str] = "Snyder et al. 2018, X-vectors (statistics pooling)"

    def measure(self, subject: Representations, row: str) -> Measured | None:
        if subject.rows[row].program is None:
            return None
        parts = []
        for part in PARTS:
            arrays, labels = subject.arrays(row, part, moments)
            if "moments" not in arrays:
                return None
            parts.append((arrays["moments"], labels))
        found = linear_probe(
            *parts, strengths=self.strengths, bounds=self.bounds, select_on=self.select_on
        )
        interval = binomial_interval(found.top1, len(parts[2][1]))
        scores = {
            "moments": Score(found.top1, interval, converged=found.converged),
            "validation": Score(found.validation_top1),
        }
        return Measured(scores, {**dataclasses.asdict(found), "path": list(found.path)})


PROTOCOLS = {"token_moments": TokenMoments()}
