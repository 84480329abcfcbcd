"""The failures that the collapse alarm detects: values read, condition and likely cause.

Two kinds of rule. A hard one (all embeddings equal to the last digit, identical views, a constant
input) can never be right and holds from the start. A soft one (a loss at its trivial value, an
effective rank near one) is also met by healthy runs early on: it waits until the learning-rate
warm-up and a grace period are over, requires more consecutive records the longer the run is, and
stays silent while the value is improving.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

PATIENCE = 3  # records in a row that must agree
# Updates over parameters (norms): of a step so short, 10^5 that all agree make a tenth. The steps
# of healthy runs are a hundred times as long and more, but for the ends of their schedule.
STILL = 1e-6
_HARD, _SOFT = True, False


@dataclasses.dataclass(frozen=True)
class Rule:
    """One failure: the values it reads, its condition, and when it is reported.

    `holds` gets the values of `reads`; `falling` says which way the first of them improves, and
    `excused` whether an improvement keeps a soft rule silent; `records` in a row must agree.
    """

    name: str
    reads: tuple[str, ...]
    holds: Callable[..., bool]
    hard: bool
    cause: str
    falling: bool = False
    excused: bool = True
    records: int = PATIENCE
    hides: tuple[str, ...] = ()


_STILL, _HELD = "parameters do not move", "the encoder does not move"
_COLLAPSED = ("dimensional collapse", "views indistinct")

# In order of severity. "*" stands for whatever the method calls the thing it monitors.
RULES = (
    Rule(
        "constant input",
        ("input/spread",),
        lambda spread: spread == 0,
        _HARD,
        "every example of the data is the same; check how it was read",
        hides=("few distinct examples", "constant view", "complete collapse", *_COLLAPSED),
    ),
    Rule(
        "few distinct examples",
        ("distinct", "copies"),
        lambda distinct, copies: distinct < 128 and copies >= 10,
        _HARD,
        "the data are copies of a few examples, under other names or not; check how they were "
        "read, repeated or split",
    ),
    Rule(
        "constant view",
        ("view/*/spread",),
        lambda spread: spread == 0,
        _HARD,
        "this view is the same for every example; check its augmentation",
        hides=("complete collapse", *_COLLAPSED),
    ),
    Rule(
        "identical views",
        ("input/difference",),
        lambda difference: difference == 0,
        _HARD,
        "no augmentation, or one key for both views: the task is solved by the identity",
    ),
    Rule(
        "divergence",
        ("parameter_norm", "start/parameter_norm"),
        lambda norm, first: norm > 1e5 * first > 0,
        _HARD,
        "learning rate far too high, or no warm-up",
        records=1,
    ),
    Rule(
        "divergence",
        ("parameter_norm", "start/parameter_norm"),
        lambda norm, first: norm > 100 * first > 0,
        _HARD,
        "learning rate far too high, or no warm-up",
    ),
    Rule(
        "decayed weights",
        ("parameters/matrices", "start/parameters/matrices"),
        lambda norm, first: norm < 0.02 * first,
        _HARD,
        "weight decay far too strong for this learning rate",
    ),
    Rule(
        "complete collapse",
        ("*/spread", "*/cosine"),
        lambda spread, cosine: spread < 1e-4,
        _HARD,
        "no stop-gradient, no predictor, a dead head, or a learning rate too high",
        hides=_COLLAPSED,
    ),
    Rule(
        "complete collapse",
        ("*/spread", "*/cosine"),
        lambda spread, cosine: spread < 0.1,
        _SOFT,
        "no stop-gradient, no predictor, a dead head, or a learning rate too high",
        hides=_COLLAPSED,
    ),
    Rule(
        "complete collapse",
        ("*/feature_spread", "*/cosine"),
        lambda spread, cosine: spread < 1e-4,
        _HARD,
        "a dead layer, or a learning rate too high",
        hides=_COLLAPSED,
    ),
    Rule(
        "complete collapse",
        ("*/feature_spread", "start/*/feature_spread"),
        lambda spread, first: spread < 0.01 * first,
        _SOFT,
        "a learning rate too high, or a task that needs no features",
        hides=_COLLAPSED,
    ),
    Rule(
        "dimensional collapse",
        ("*/rank", "*/full_rank"),
        lambda rank, full: full >= 8 and rank < max(1.5, 0.025 * full),
        _SOFT,
        "too weak a force against correlated dimensions, or too strong an augmentation",
    ),
    Rule(
        "views indistinct",
        ("*/margin", "*/alignment"),
        lambda margin, alignment: margin < 0.01,
        _SOFT,
        "the encoder cannot tell examples apart: augmentation too strong, a broken loss or "
        "learning rate",
    ),
    Rule(
        "teacher equals student",
        ("*/distance",),
        lambda distance: distance == 0,
        _HARD,
        "teacher momentum 0, or one set of parameters used for both",
    ),
    Rule(
        "uniform teacher",
        ("*/entropy", "*/usage"),
        lambda entropy, usage: entropy > 0.99,
        _SOFT,
        "teacher temperature too high, or centring without sharpening",
        falling=True,
    ),
    Rule(
        "one prototype takes all",
        ("*/largest", "*/usage"),
        lambda largest, usage: largest > 0.9,
        _SOFT,
        "no centring or balancing of the assignments",
        falling=True,
    ),
    Rule(
        "nothing is masked",
        ("*/hidden",),
        lambda hidden: hidden < 0.05,
        _HARD,
        "mask ratio near 0: there is nothing to predict",
    ),
    Rule(
        "no better than the mean patch",
        ("*/unexplained", "*/hidden"),
        lambda unexplained, hidden: unexplained > 0.97 and hidden >= 0.05,
        _SOFT,
        "a dead decoder, a learning rate too high or too low, or targets that cannot be predicted",
        falling=True,
    ),
    Rule(
        "loss stuck at its trivial value",
        ("loss", "trivial_loss", "lowest_loss"),
        # Both are 0 where there is one thing to choose from, as in a batch of one example.
        lambda loss, trivial, lowest: (
            0.98 * (trivial - lowest) < loss - lowest <= 1.1 * (trivial - lowest)
        ),
        _SOFT,
        "temperature too high, no gradient, or embeddings that say nothing of the example",
        falling=True,
    ),
    Rule(
        "loss above its trivial value",
        ("loss", "trivial_loss"),
        lambda loss, trivial: loss > 1.1 * trivial,
        _SOFT,
        "temperature too low, or learning rate too high: worse than telling nothing apart",
        falling=True,
    ),
    Rule(
        "loss above its trivial value",
        ("loss", "trivial_loss"),
        lambda loss, trivial: loss > 3 * trivial,
        _SOFT,
        "temperature too low, or learning rate too high: worse than telling nothing apart",
        excused=False,
    ),
    Rule(
        "no gradient",
        ("gradient_norm",),
        lambda norm: norm < 1e-12,
        _HARD,
        "the loss does not depend on the parameters: a stop-gradient too many, or a dead layer",
        hides=(_STILL, _HELD),
    ),
    Rule(
        "no gradient in the encoder",
        ("encoder/gradient", "gradient_norm"),
        lambda encoder, whole: encoder < 1e-12 <= whole,
        _HARD,
        "the loss does not depend on the encoder: a stop-gradient too many, or a dead layer",
        hides=(_HELD,),
    ),
    Rule(
        _STILL,
        ("most/parameters/step", "most/learning_rate"),
        lambda step, rate: step == 0 and rate == 0,
        _HARD,
        "the learning rate is 0: check optimizer.learning_rate and its schedule",
    ),
    Rule(
        _STILL,
        ("most/parameters/step", "most/learning_rate"),
        lambda step, rate: step == 0 < rate,
        _HARD,
        "the net is frozen: a factor of 0 in optimizer.multipliers, or a method that holds its "
        "updates back",
    ),
    Rule(
        _STILL,
        ("most/parameters/step", "most/learning_rate"),
        lambda step, rate: 0 < step < STILL,
        _SOFT,
        "a learning rate far too small: check optimizer.learning_rate, its scaling and its "
        "multipliers",
        excused=False,
    ),
    Rule(
        _STILL,
        ("still", "learning_rate", "most/learning_rate"),
        lambda still, rate, most: still > 0.125 and rate < 1e-3 * most,
        _HARD,
        "the learning-rate schedule ends long before the run does",
    ),
    Rule(
        _STILL,
        ("still", "learning_rate", "most/learning_rate"),
        lambda still, rate, most: still > 0.125 and rate >= 1e-3 * most,
        _HARD,
        "gradients that have vanished, or a method that holds its updates back",
    ),
    Rule(
        _HELD,
        ("most/encoder/step", "most/parameters/step"),
        lambda encoder, whole: encoder == 0 and whole >= STILL,
        _HARD,
        "the encoder is frozen while the rest learns: a factor of 0 in optimizer.multipliers, or a "
        "method that holds its updates back without saying so (Monitored.frozen)",
    ),
    Rule(
        _HELD,
        ("most/encoder/step", "most/parameters/step"),
        lambda encoder, whole: 0 < encoder < STILL <= whole,
        _SOFT,
        "a learning rate far too small for the encoder: check optimizer.multipliers",
        excused=False,
    ),
)
