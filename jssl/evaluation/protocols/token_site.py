"""Linear probe on the tokens at one position, such as the two bases at a splice junction."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from jssl.core.intervals import binomial_interval
from jssl.core.ranges import Positives, Spread, Whole
from jssl.encoders.features import Features
from jssl.errors import UserError
from jssl.evaluation import linear
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.representations import PARTS, Representations
from jssl.evaluation.strengths import BOUNDS, STRENGTHS


@dataclass(frozen=True)
class TokenSite(Evaluation):
    """Logistic regression, trained to convergence, on the concatenated tokens at given positions.

    Attributes:
      indices: token indices; () for the two tokens in the middle.
      strengths: candidate values of C, the inverse L2 penalty.
      bounds: smallest and largest C that are tried while the best one is at an end of the grid.
    """

    indices: tuple[Whole, ...] = dataclasses.field(default=(), metadata={"former": "places"})
    strengths: Positives = STRENGTHS
    bounds: Spread = BOUNDS

    about: ClassVar[str] = (
        "logistic regression on the tokens at one position, by default the middle"
    )

    def measure(self, subject: Representations, row: str) -> Measured | None:
        if subject.rows[row].program is None:
            return None

        def select(features: Features) -> dict[str, jax.Array]:
            if features.tokens is None:
                raise UserError("this encoder has no tokens to probe")
            count = features.tokens.shape[1]
            indices = self.indices or (count // 2 - 1, count // 2)
            if not 0 <= min(indices) <= max(indices) < count:
                raise UserError(f"indices must lie in 0 ... {count - 1}, not {list(indices)}")
            return {"site": jnp.concatenate([features.tokens[:, k] for k in indices], axis=-1)}

        parts = []
        for part in PARTS:
            arrays, labels = subject.arrays(row, part, select)
            parts.append((arrays["site"], labels))
        found = linear.linear_probe(
            *parts, strengths=self.strengths, bounds=self.bounds, select_on=self.select_on
        )
        details = {**dataclasses.asdict(found), "path": list(found.path)}
        score = Score(found.top1, binomial_interval(found.top1, len(parts[2][1])))
        return Measured({"site": score, "validation": Score(found.validation_top1)}, details)


PROTOCOLS = {"site": TokenSite()}
