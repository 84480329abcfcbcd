"""How examples are divided into train, validation and test: at random, by group or by time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jssl.core.ranges import Inside, Ranged, Seed
from jssl.data.order import random_words
from jssl.data.source import stratified
from jssl.errors import UserError

SPLIT_BY = ("random", "group", "time")
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class SplitRule(Ranged):
    """How the splits that a data set does not bring are made; each example is in exactly one.

    Attributes:
      by: "random" (stratified by class where there are classes), "group" (all examples of a group,
        such as the images of a patient, are in one split), or "time" (the latest examples are the
        test split, those before them validation).
      validation: share of the examples that is set aside for validation.
      test: share that is set aside for the test split.
      seed: of a random draw, of examples or groups.
    """

    by: str = "random"
    validation: Inside = 0.1
    test: Inside = 0.1
    seed: Seed = 0

    def conflict(self) -> str | None:
        """What is wrong with the combination of values, or None."""
        if self.by not in SPLIT_BY:
            return f"a split is by {', '.join(SPLIT_BY)}, not {self.by!r}"
        if self.validation + self.test >= 1:
            return (
                f"validation {self.validation:g} and test {self.test:g} leave nothing to train on; "
                "their sum must be below 1"
            )
        return None

    def draw(
        self,
        count: int,
        what: str,
        *,
        label: np.ndarray | None = None,
        group: np.ndarray | None = None,
        time: np.ndarray | None = None,
        parts: tuple[str, ...] = PARTS,
    ) -> dict[str, np.ndarray]:
        """Divides `count` examples.

        Args:
          count: number of examples, N.
          what: the examples and where they are from, for messages, such as "images of DIR".
          label: integers [N], to keep the proportions of the classes in a random split.
          group: [N] of anything comparable; needed where `by` is "group".
          time: [N] of anything comparable; needed where `by` is "time", which otherwise takes the
            examples in their order.
          parts: the splits to make; those that the data set brings are left out.

        Returns:
          Part -> positions, int64, sorted; disjoint, and together all of them.

        Raises:
          UserError: a split would be empty, or the groups are missing.
        """
        if self.by == "group" and group is None:
            raise UserError(f"a split by group needs the group of each of the {what}")
        held = [part for part in ("test", "validation") if part in parts]
        sizes = {part: max(1, round(getattr(self, part) * count)) for part in held}
        if count <= sum(sizes.values()):
            raise UserError(
                f"{count} {what} are too few: each of {', '.join(parts)} needs at least one"
            )
        if self.by == "time":
            order = np.arange(count) if time is None else np.argsort(time, kind="stable")
            return _runs(order, sizes, count, parts)
        if self.by == "group":
            return self._groups(np.asarray(group), sizes, what, parts)
        rest, found = np.arange(count), {}
        for salt, part in enumerate(held):
            known = np.zeros(len(rest), np.int32) if label is None else np.asarray(label)[rest]
            picked = stratified(known, sizes[part], self.seed + salt)
            found[part] = rest[picked]
            rest = np.delete(rest, picked)
        return {part: found.get(part, rest) for part in parts}

    def _groups(
        self, group: np.ndarray, sizes: dict[str, int], what: str, parts: tuple[str, ...]
    ) -> dict[str, np.ndarray]:
        """Whole groups in random order: each split is filled to its size, none beyond half of it.

        A group that would overfill a split is left to the next one, so that one large group does
        not become the whole validation split; the first group of a split is always taken.
        """
        _, inverse, counts = np.unique(group, return_inverse=True, return_counts=True)
        if len(counts) < len(parts):
            raise UserError(
                f"the {what} are of {len(counts)} groups, and {', '.join(parts)} need one each; "
                "give more groups, or the splits as folders or columns"
            )
        order = np.argsort(random_words(self.seed, "groups", len(counts)), kind="stable")
        # The smallest groups come last in no split: the first group of each is the smallest left.
        left, chosen = list(order), {}
        for part, size in sizes.items():
            taken: list[int] = []
            total = 0
            needed = len(parts) - 1 - len(chosen)  # groups that the other splits still need
            for one in list(left):
                if total >= size or len(left) <= needed:
                    break
                if total + counts[one] <= 1.5 * size:
                    taken.append(one)
                    left.remove(one)
                    total += counts[one]
            if not taken:  # every group is larger than the split
                smallest = min(left, key=lambda one: counts[one])
                taken.append(smallest)
                left.remove(smallest)
            chosen[part] = taken
        if "train" in parts:
            chosen["train"] = left
        else:  # of a data set that brings its training data, the last split takes the rest
            chosen[list(sizes)[-1]] += left
        return {part: np.flatnonzero(np.isin(inverse, chosen[part])) for part in parts}


def _runs(
    order: np.ndarray, sizes: dict[str, int], count: int, parts: tuple[str, ...]
) -> dict[str, np.ndarray]:
    end, found = count, {}
    for part, size in sizes.items():
        found[part] = np.sort(order[end - size : end])
        end -= size
    return {part: found.get(part, np.sort(order[:end])) for part in parts}
