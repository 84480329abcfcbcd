"""Linear probe on a learned weighted average of all layers (SUPERB)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax

from jssl.core.intervals import binomial_interval
from jssl.core.ranges import Positives, Spread
from jssl.encoders.features import Features
from jssl.evaluation.layer_weighted import layer_weighted_probe
from jssl.evaluation.readouts import layer_means
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.representations import PARTS, Representations
from jssl.evaluation.strengths import BOUNDS, STRENGTHS


def all_layers(features: Features) -> dict[str, jax.Array]:
    """Every layer, averaged over token positions."""
    return {"layers": layer_means(features)}


@dataclass(frozen=True)
class LayerWeighted(Evaluation):
    """Logistic regression on a learned weighted average of all layers.

    Attributes:
      strengths: candidate values of C, the inverse L2 penalty.
      bounds: smallest and largest C that are tried while the best one is at an end of the grid.
    """

    strengths: Positives = STRENGTHS
    bounds: Spread = BOUNDS

    about: ClassVar[str] = "linear head on a learned weighted sum of all layers"
    source: ClassVar[str] = "Yang et al. 2021, SUPERB"

    def measure(self, subject: Representations, row: str) -> Measured | None:
        if subject.rows[row].program is None:
            return None
        parts = [subject.arrays(row, part, all_layers) for part in PARTS]
        parts = [(arrays["layers"], labels) for arrays, labels in parts]
        found = layer_weighted_probe(
            *parts, strengths=self.strengths, bounds=self.bounds, select_on=self.select_on
        )
        return Measured(
            {
                "layers": Score(found.top1, binomial_interval(found.top1, len(parts[2][1]))),
                "validation": Score(found.validation_top1),
            },
            {
                "strength": found.strength,
                "weights": list(found.layers),
                "converged": found.converged,
                "at_edge": found.at_edge,
                "path": [list(pair) for pair in found.path],
            },
        )

    def notes(self) -> tuple[str, ...]:
        return (
            "Layers are standardised and averaged over positions. SUPERB does not standardise; it "
            "projects the sum to 256 dimensions and trains with Adam.",
        )


PROTOCOLS = {"layer_weighted": LayerWeighted()}
