"""Carves the splits that a data set of one's own lacks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jssl.data.arrays import check_named
from jssl.data.source import Source, Splits, SubsetSource, labels
from jssl.data.splitting import PARTS, SplitRule
from jssl.data.targets import Targets


def divide(
    sources: dict[str, Source],
    rule: SplitRule,
    what: str,
    *,
    name: str,
    targets: Targets | None = None,
    group: Sequence[str] | None = None,
    time: np.ndarray | None = None,
) -> Splits:
    """The three splits of a data set; those that it lacks are carved from its training data.

    Args:
      sources: "train" and, where the data set has them, "validation" and "test".
      rule: how examples are divided.
      what: the examples and where they are from, for messages, such as "texts of DIR".
      name: of the data set.
      targets: the labels that the sources have, with their names; None where there are none.
      group: of each training example, for a split by group.
      time: of each training example, for a split by time; their order when None.

    Raises:
      UserError: a split would be empty, or there are fewer groups than splits.
    """
    targets = targets or Targets({})
    classes = targets.classes
    train = sources["train"]
    carved = tuple(part for part in PARTS if part == "train" or part not in sources)
    found = dict(sources)
    if carved != ("train",):
        drawn = rule.draw(
            len(train),
            what,
            label=labels(train) if classes else None,
            group=None if group is None else np.asarray(group, dtype=str),
            time=time,
            parts=carved,
        )
        found |= {part: SubsetSource(train, index) for part, index in drawn.items()}
    if classes:
        for source in found.values():
            check_named(source, classes, name)
    return Splits(
        found["train"], found["validation"], found["test"], name, tuple(classes), targets.tags
    )
