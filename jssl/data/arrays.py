"""Arrays already in memory, as a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jssl.data.source import (
    ArraySource,
    Source,
    Splits,
    carve_validation,
    check_images,
    check_labels,
    labels,
)
from jssl.errors import UserError


@dataclass(frozen=True, eq=False)
class Arrays:
    """A data set from arrays.

    Attributes:
      train: key -> array [N, ...]; ``image`` uint8 [N, H, W] or [N, H, W, C] and ``label``
        integers [N] are checked, other keys (``factor/<name>``) are carried.
      test: the same keys. None carves ``fraction`` of train for it.
      validation: the same keys. None carves ``fraction`` of train for it.
      name: of the data set.
      classes: name of each label; None numbers them.
      fraction: the part of train that is carved for a split that is not given.
      seed: of the carving, unrelated to the run's seed.
    """

    train: Mapping[str, Any]
    test: Mapping[str, Any] | None = None
    validation: Mapping[str, Any] | None = None
    name: str = "arrays"
    classes: tuple[str, ...] | None = None
    fraction: float = 0.1
    seed: int = 0

    def load(self) -> Splits:
        """Checks the arrays and carves what is missing.

        Returns:
          The three splits.

        Raises:
          UserError: on a wrong shape, dtype or length, or splits that do not match each other.
        """
        train = _source(self.train, "train")
        test = None if self.test is None else _source(self.test, "test")
        validation = None if self.validation is None else _source(self.validation, "validation")
        for part, other in (("test", test), ("validation", validation)):
            if other is not None:
                _check_match(train, other, part)
        return finish(
            train, validation, test, self.name, self.classes, fraction=self.fraction, seed=self.seed
        )


def finish(
    train: Source,
    validation: Source | None,
    test: Source | None,
    name: str,
    classes: tuple[str, ...] | None,
    *,
    fraction: float,
    seed: int,
    stratify: bool = True,
) -> Splits:
    """Carves the splits that a data set lacks out of its training data: test first, so that it
    does not depend on whether a validation set was given.

    Args:
      train: the training data.
      validation: its validation data, or None.
      test: its test data, or None.
      name: of the data set.
      classes: name of each label, or None to number them.
      fraction: of ``train``, for each split that is carved.
      seed: of the carving.
      stratify: keep class shares; False never reads the labels.

    Returns:
      The three splits.
    """
    held = round(fraction * len(train))

    def carve(source: Source, salt: int) -> tuple[Source, Source]:
        known = None if stratify else np.zeros(len(source), np.int32)
        return carve_validation(source, held / max(len(source), 1), seed + salt, known=known)

    if test is None:
        train, test = carve(train, 1)
    if validation is None:
        train, validation = carve(train, 0)
    if classes is None:
        parts = [labels(part) for part in (train, validation, test)] if stratify else []
        highest = max(
            (int(part.max()) for part in parts if part is not None and part.size), default=-1
        )
        classes = tuple(str(k) for k in range(highest + 1))
    return Splits(train, validation, test, name, tuple(classes))


def noise_images(size: int = 32, channels: int = 3, *, count: int = 24) -> Arrays:
    """Random images with two classes: what a data set that is not here is tested with.

    Args:
      size: height and width in pixels.
      channels: 3 or 1.
      count: training images; validation and test have 8 each.

    Returns:
      A data spec.
    """
    words = np.random.Philox(key=[0, 0])
    parts = []
    for number in (count, 8, 8):
        raw = words.random_raw(number * size * size * channels)
        image = (raw & 255).astype(np.uint8).reshape(number, size, size, channels)
        parts.append({"image": image, "label": np.arange(number, dtype=np.int32) % 2})
    return Arrays(parts[0], test=parts[2], validation=parts[1], name="noise", classes=("0", "1"))


def _source(arrays: Mapping[str, Any], part: str) -> ArraySource:
    checked = {key: np.asarray(value) for key, value in arrays.items()}
    if "image" in checked:
        checked["image"] = check_images(checked["image"], f"{part} image")
    if "label" in checked:
        checked["label"] = check_labels(checked["label"], f"{part} label")
    return ArraySource(checked)


def _check_match(train: ArraySource, other: ArraySource, part: str) -> None:
    if set(train.arrays) != set(other.arrays):
        raise UserError(
            f"train has the arrays {', '.join(sorted(train.arrays))} and {part} has "
            f"{', '.join(sorted(other.arrays))}; both need the same"
        )
    for key, value in train.arrays.items():
        if value.shape[1:] != other.arrays[key].shape[1:]:
            raise UserError(
                f"{key} has shape {list(value.shape[1:])} per example in train and "
                f"{list(other.arrays[key].shape[1:])} in {part}; both need the same"
            )
