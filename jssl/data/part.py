"""A subset of another data set: fewer examples of the same splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jssl.core.ranges import Count, Ranged, Seed
from jssl.data.source import Source, Splits, SubsetSource, labels, stratified
from jssl.errors import UserError


@dataclass(frozen=True)
class Part(Ranged):
    """A stratified subset of each split of a data set.

    Attributes:
      data: the spec of the whole.
      train: training examples to keep; None for all.
      validation: validation examples to keep; None for all.
      test: test examples to keep; None for all.
      seed: of the draw, unrelated to the run's seed.
    """

    data: Any
    train: Count | None = None
    validation: Count | None = None
    test: Count | None = None
    seed: Seed = 0

    def smoke(self) -> Any:
        """The smoke copy of the whole, for tests."""
        return self.data.smoke()

    def load(self) -> Splits:
        """Draws the subsets, keeping the class proportions.

        Returns:
          The splits.

        Raises:
          UserError: if more examples are requested than exist, or as the whole data set raises.
        """
        whole = self.data.load()
        parts = {
            name: self._part(getattr(whole, name), getattr(self, name), name)
            for name in ("train", "validation", "test")
        }
        return Splits(**parts, name=f"part of {whole.name}", classes=whole.classes)

    def _part(self, source: Source, count: int | None, name: str) -> Source:
        if count is None or count == len(source):
            return source
        if not 0 < count <= len(source):
            raise UserError(
                f"data.{name} asks for {count} examples of the {len(source)} in that split"
            )
        label = labels(source)
        known = np.zeros(len(source), np.int32) if label is None else label
        return SubsetSource(source, stratified(known, count, self.seed))
