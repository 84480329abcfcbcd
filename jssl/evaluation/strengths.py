"""The grids of regularisation that all probes choose from, and the search on validation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jssl.errors import UserError

STRENGTHS = tuple(10.0**power for power in range(-4, 4))
"""Candidate values of C, the inverse L2 penalty, of every classifier on frozen features."""
BOUNDS = (1e-6, 1e5)
"""How far the search for C goes on, by decades, while the best value is at an end."""
PENALTIES = tuple(10.0**power for power in range(-2, 7))
"""Candidate penalties of ridge regressions."""
PENALTY_BOUNDS = (1e-4, 1e8)
"""How far the search for a penalty goes on."""


def described() -> str:
    """The grids in words, for records that hold no settings of protocols."""
    found = []
    grids = (("C", STRENGTHS, BOUNDS), ("ridge penalty", PENALTIES, PENALTY_BOUNDS))
    for name, grid, (low, high) in grids:
        found.append(
            f"{name} from {min(grid):g} to {max(grid):g}, extended to {low:g} and {high:g} while "
            "the best value is at an end"
        )
    return "; ".join(found)


@dataclass(frozen=True)
class Choice:
    """What a search found.

    Attributes:
      value: the selected candidate.
      score: its score on validation.
      at_edge: whether the search stopped at its bound, or at the end of a grid that reaches it,
        while the last candidate was still the best one; a better one may lie beyond. False for a
        grid of one candidate, where nothing is selected.
      scores: the score on validation of each candidate tried, in the order of the attempts.
    """

    value: float
    score: float
    at_edge: bool
    scores: Mapping[float, float] = field(default_factory=dict)


def search(
    score: Callable[[float], float],
    candidates: Iterable[float],
    bounds: tuple[float, float],
    *,
    strong_is_large: bool = False,
) -> Choice:
    """Selects a regularisation strength by its score on validation.

    All candidates are tried, from strong to weak regularisation. While the best one is at an end of
    what was tried, the value ten times beyond it is tried as well, within the bounds. Ties go to
    the candidate that was tried first, the stronger one of the grid, so that a search ends where
    the score no longer changes.

    Args:
      score: the score on validation of a candidate; higher is better.
      candidates: the grid, of positive values. A grid of one value is not extended.
      bounds: smallest and largest value that an extension may try.
      strong_is_large: False for C, whose small values regularise strongly; True for a penalty.

    Returns:
      The choice.

    Raises:
      UserError: there is no candidate, or one is not positive.
    """
    values = [float(value) for value in candidates]
    if not values or not all(0 < value < math.inf for value in values):
        raise UserError(f"a probe needs positive strengths of regularisation, not {values}")
    grid = sorted(set(values), reverse=strong_is_large)
    scores = {value: score(value) for value in grid}
    best = max(grid, key=scores.__getitem__)
    if len(grid) == 1:
        return Choice(best, scores[best], False, scores)
    weaker = 0.1 if strong_is_large else 10.0
    for end, factor in ((grid[-1], weaker), (grid[0], 1 / weaker)):
        while best == end:
            end = float(f"{end * factor:.12g}")
            if not bounds[0] <= end <= bounds[1]:
                break
            scores[end] = score(end)
            if scores[end] > scores[best]:
                best = end
    return Choice(best, scores[best], best in (min(scores), max(scores)), scores)


def edge_notes(details: Mapping[str, Any], name: str) -> list[str]:
    """Says of every result in a record's details whose search stopped at its bound.

    Args:
      details: results of a row: a mapping with "at_edge" and "strength" or "penalty", or a mapping
        of such results by column.
      name: of the row.

    Returns:
      One sentence each.
    """
    found = []
    if details.get("at_edge") is True and details.keys() & {"strength", "penalty"}:
        kind = "C" if "strength" in details else "penalty"
        value = details["strength" if kind == "C" else "penalty"]
        found.append(
            f"The {kind} of {name}, {value:g}, lies at the bound of the search; a better one may "
            "lie beyond."
        )
    for column, inner in details.items():
        if isinstance(inner, Mapping):
            found += edge_notes(inner, f"{name}, {column}")
    return found
