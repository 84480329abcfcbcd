"""Rules that fit a paper's settings to a run of another length and another batch size.

A paper's settings belong to its number of steps and its batch. A moving average that remembers
3500 of 500000 steps would, in a run of 1000 steps, still be its random start at the end. These
functions are for experiments that are written down; docs/choose_a_recipe.md says when to use them.
"""

from __future__ import annotations

import math

from jssl.errors import UserError


def half_life(momentum: float) -> float:
    """Steps after which a moving average keeps half of what it was: ln(1/2) / ln(momentum).

    Args:
      momentum: fraction of the old average that is kept in each step, in (0, 1).

    Returns:
      Steps, for example 173 for 0.996 and 3465 for 0.9998.

    Raises:
      UserError: momentum is not between 0 and 1.
    """
    if not 0.0 < momentum < 1.0:
        raise UserError(f"momentum is {momentum}; it must be above 0 and below 1")
    return math.log(0.5) / math.log(momentum)


def momentum_of(steps: float) -> float:
    """The momentum of a moving average with a half-life of `steps` steps; inverts `half_life`.

    Args:
      steps: half-life, at least 1.

    Returns:
      0.5 ** (1 / steps), in [0.5, 1).

    Raises:
      UserError: a half-life of less than one step.
    """
    if not steps >= 1.0:
        raise UserError(f"a half-life of {steps} steps is too short; it must be at least 1")
    return 0.5 ** (1.0 / steps)


def fit_momentum(momentum: float, paper_steps: int, steps: int, least: float = 10.0) -> float:
    """The momentum whose half-life is the same share of a run of another length.

    While `least` does not bind this is `momentum ** (paper_steps / steps)`, the scaling rule of
    Busbridge et al., "How to Scale Your EMA", 2023, with the ratio of the steps in place of that of
    the batches. A teacher that follows within a few steps is the student, hence the lower limit.

    Args:
      momentum: the paper's, such as 0.9998 for data2vec; 1 stays 1.
      paper_steps: optimizer steps of the paper's run.
      steps: optimizer steps of this run.
      least: shortest half-life, steps.

    Returns:
      The momentum to four decimals, for example 0.9672 for 0.9998 of 500000 steps in 3000.

    Raises:
      UserError: a momentum outside (0, 1], or a run without steps.
    """
    _require_steps(paper_steps, steps)
    if momentum == 1.0:
        return 1.0
    return round(momentum_of(max(half_life(momentum) * steps / paper_steps, least, 1.0)), 4)


def fit_rate(rate: float, paper_batch: int, batch: int) -> float:
    """Adam's learning rate for another batch size: it grows with the square root of the batch.

    Malladi et al., "On the SDEs and Scaling Rules for Adaptive Gradient Algorithms", 2022.

    Args:
      rate: the paper's peak rate, such as 2e-3 for data2vec.
      paper_batch: the batch size it belongs to.
      batch: the batch size of this run.

    Returns:
      The rate to two digits, for example 0.00071 for 2e-3 of a batch of 2048 at 256.

    Raises:
      UserError: a batch of no examples.
    """
    _require_steps(paper_batch, batch)
    return float(f"{rate * math.sqrt(batch / paper_batch):.1e}")


def warmup_steps(steps: int, beta2: float = 0.999, share: float = 0.1) -> int:
    """Steps of a linear warm-up of Adam: 2 / (1 - beta2), at most a share of the run.

    Ma & Yarats, "On the Adequacy of Untuned Warmup for Adaptive Optimization", 2021. With the
    common beta2 of 0.999 those are 2000 steps, so that the share decides in a short run.

    Args:
      steps: optimizer steps of the run.
      beta2: decay of Adam's second moment.
      share: largest share of the run.

    Returns:
      Steps, at least 1.

    Raises:
      UserError: a run without steps.
    """
    _require_steps(steps, steps)
    return max(1, round(min(2.0 / (1.0 - beta2), share * steps)))


def _require_steps(*counts: int) -> None:
    if min(counts) < 1:
        raise UserError(f"steps and batch sizes must be at least 1, not {min(counts)}")
