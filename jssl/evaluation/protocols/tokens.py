"""Attentive probe on patch tokens."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from jssl.core.intervals import binomial_interval
from jssl.core.ranges import Count, Positives
from jssl.encoders.features import Features
from jssl.evaluation.attentive import Attentive, attentive_probe
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.representations import PARTS, Representations


def tokens(features: Features) -> dict:
    """The tokens, or an empty dictionary if the encoder has none."""
    return {} if features.tokens is None else {"tokens": features.tokens}


@dataclass(frozen=True)
class AttentiveProbe(Evaluation):
    """Linear classifier on tokens pooled by attention with a learned query.

    Attributes:
      learning_rates: candidate learning rates, trained at once; the best on validation is reported.
      heads: number of attention heads.
      epochs: passes over the training split.
      limit: largest number of examples per split, which bounds the memory for tokens.
    """

    learning_rates: Positives = (3e-4, 1e-3, 3e-3)
    heads: Count = 4
    epochs: Count = 20
    limit: Count = dataclasses.field(default=10000, metadata={"former": "most"})

    about: ClassVar[str] = "attentive probe on cached tokens"
    source: ClassVar[str] = "Chen et al. 2023, Context Autoencoder"

    def measure(self, subject: Representations, row: str) -> Measured | None:
        parts = []
        for part in PARTS:
            arrays, labels = subject.arrays(row, part, tokens, limit=self.limit)
            if "tokens" not in arrays:
                return None
            parts.append((arrays["tokens"], labels))
        names = {field.name for field in dataclasses.fields(Attentive)}
        settings = Attentive(**{k: v for k, v in vars(self).items() if k in names})
        found = attentive_probe(*parts, settings)
        return Measured(
            {
                "attentive": Score(found.top1, binomial_interval(found.top1, len(parts[2][1]))),
                "validation": Score(found.validation_top1),
            },
            {"learning_rate": found.learning_rate, "path": [list(pair) for pair in found.path]},
        )


PROTOCOLS = {"attentive": AttentiveProbe()}
