"""Finds the first step at which two runs differ, and the first array that differs in it."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from jssl.core.state import TrainState, paths
from jssl.errors import UserError
from jssl.runs.loop import Options
from jssl.runs.replay import STAGES, Rerun, reopen_for_rerun
from jssl.runs.run import Run

_STRIDE = 64


@dataclasses.dataclass(frozen=True)
class Difference:
    """The first difference between two runs.

    Attributes:
      step: the first step whose result differs, from 1; 0 for the state before the first.
      leaf: "stage/path" of the first leaf that differs in it.
      norms: (norm in the first run, norm in the second, norm of the difference).
      others: further leaves of the same stage that differ.
      rounding: the first step at which any bit differs, where that is earlier.
    """

    step: int
    leaf: str
    norms: tuple[float, float, float]
    others: int
    rounding: int | None

    def __str__(self) -> str:
        """Two or three lines of text."""
        a, b, difference = self.norms
        lines = [
            f"first difference: step {self.step}, {self.leaf}"
            + (f" and {self.others} other leaves of that stage" if self.others else ""),
            f"  norms {a:.7g} and {b:.7g}, difference {difference:.3g} "
            f"({difference / max(a, b, 1e-30):.2g} of it)",
        ]
        if self.rounding is not None:
            lines.append(f"  (rounding differs from step {self.rounding} on)")
        return "\n".join(lines)


def bisect(
    first: Run, second: Run, options: Options | None = None, *, tolerance: float = 1e-4
) -> Difference | None:
    """Recomputes two runs side by side until they differ.

    Both start from the last checkpoint at which they agree, or from their seeds, and advance in
    strides that are halved when the results differ.

    Args:
      first: a run.
      second: the other run; its data order and code may differ.
      options: devices to use; None for those of each run.
      tolerance: largest difference, relative to the size of a leaf, at which two leaves count as
        equal, since two programs round differently. 0 compares bit for bit.

    Returns:
      The first difference; None if there is none.

    Raises:
      UserError: if the two states have different leaves and cannot be compared.
    """
    pair = (reopen_for_rerun(first, options), reopen_for_rerun(second, options))
    shapes = [
        {k: (x.shape, x.dtype) for k, x in paths(rerun.program.abstract_state).items()}
        for rerun in pair
    ]
    odd = sorted(k for k in shapes[0].keys() | shapes[1].keys() if shapes[0].get(k) != shapes[1].get(k))  # fmt: skip  # noqa: E501
    if odd:
        raise UserError(
            f"{first.folder} and {second.folder} are of different models: {odd[0]} is "
            f"{_shape(shapes[0].get(odd[0]))} in one and {_shape(shapes[1].get(odd[0]))} in the "
            "other"
        )
    end = min(rerun.program.steps for rerun in pair)
    start = _last_equal_checkpoint(pair, end, tolerance)
    apart = _first_apart(pair, start, end, tolerance)
    if apart is None:
        return None
    rounding = None
    if tolerance and apart > 0:
        exact = _first_apart(pair, _last_equal_checkpoint(pair, end, 0.0), apart, 0.0)
        rounding = exact if exact is not None and exact < apart else None
    if apart == 0:
        leaves = _differing(*(_host(r.program.init(r.root)) for r in pair), tolerance)
        return Difference(0, leaves[0][0], leaves[0][1], len(leaves) - 1, None)
    traces = [rerun.inspect(rerun.state_at(apart - 1)) for rerun in pair]
    # The steps differ in effect, perhaps by little in each cause: look closer, then closer still.
    for limit in (tolerance, tolerance / 30, tolerance / 1000, 0.0):
        for stage in STAGES:
            found = _differing(*(_named(stage, getattr(trace, stage)) for trace in traces), limit)
            if found:
                return Difference(apart, found[0][0], found[0][1], len(found) - 1, rounding)
    states = [_host(rerun.state_at(apart)) for rerun in pair]
    found = _differing(*states, tolerance)
    return Difference(apart, found[0][0], found[0][1], len(found) - 1, rounding)


def _last_equal_checkpoint(pair: tuple[Rerun, Rerun], end: int, tolerance: float) -> int:
    common = sorted(set(pair[0].saved_steps()) & set(pair[1].saved_steps()))
    for step in [s for s in common if s <= end][::-1]:
        states = [_host(rerun.state_at(step)) for rerun in pair]
        if not _differing(*states, tolerance):
            return step
    return 0


def _first_apart(pair: tuple[Rerun, Rerun], start: int, end: int, tolerance: float) -> int | None:
    """The first step in [start, end] after which the states differ."""
    states = [rerun.state_at(start) for rerun in pair]
    if _differing(*map(_host, states), tolerance):
        return start
    good, stride = start, _STRIDE
    while good < end:
        until = min(good + stride, end)
        kept = [jax.tree.map(jnp.copy, state) for state in states]
        ahead = [rerun.advance(s, until) for rerun, s in zip(pair, states, strict=True)]
        if not _differing(*map(_host, ahead), tolerance):
            good, states = until, ahead
        elif until - good == 1:
            return until
        else:
            states, stride = kept, (until - good) // 2
    return None


def _differing(
    a: dict[str, np.ndarray], b: dict[str, np.ndarray], tolerance: float
) -> list[tuple[str, tuple[float, float, float]]]:
    found = []
    for name in a.keys() | b.keys() if a.keys() != b.keys() else a:
        if name not in a or name not in b or a[name].shape != b[name].shape:
            found.append((name, (float("nan"),) * 3))
            continue
        if a[name].tobytes() == b[name].tobytes():
            continue
        x, y = (np.nan_to_num(np.asarray(v, np.float64)) for v in (a[name], b[name]))
        norms = tuple(float(np.linalg.norm(v)) for v in (x, y, x - y))
        if norms[2] > tolerance * max(norms[0], norms[1]) and norms[2] > 1e-7 * tolerance:
            found.append((name, norms))
    return found


def _host(state: TrainState) -> dict[str, np.ndarray]:
    return {name: np.asarray(leaf) for name, leaf in paths(state).items()}


def _named(stage: str, tree: ArrayTree) -> dict[str, np.ndarray]:
    return {f"{stage}/{name}".rstrip("/"): np.asarray(x) for name, x in paths(tree).items()}


def _shape(value: Any) -> str:
    return "missing" if value is None else f"{value[1]} {list(value[0])}"
