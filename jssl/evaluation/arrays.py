"""Validation of the arrays that evaluators take; each error is reported in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import chex
import numpy as np

from jssl.errors import UserError


class Labelled(NamedTuple):
    """Features with their labels: features float32 [N, D], labels int64 [N]."""

    features: np.ndarray
    labels: np.ndarray


class FeatureSplits(NamedTuple):
    """One representation of a data set: the features of every split under the same encoder."""

    train: Labelled
    validation: Labelled
    test: Labelled


def labelled(features: np.ndarray, labels: np.ndarray, name: str) -> Labelled:
    """Validates features and labels and converts them to their canonical dtypes.

    Args:
      features: real numbers [N, D].
      labels: integers [N].
      name: name of the pair in error messages, such as "the test split".

    Returns:
      The pair as float32 [N, D] and int64 [N].

    Raises:
      UserError: a wrong shape, no examples, labels that are not integers, or a value that is not
        finite.
    """
    features, labels = np.asarray(features), np.asarray(labels)
    if features.ndim != 2 or labels.ndim != 1 or len(features) != len(labels):
        raise UserError(
            f"{name} needs features [N, D] and labels [N], but has {list(features.shape)} and "
            f"{list(labels.shape)}"
        )
    if not features.size:
        raise UserError(f"{name} is empty: its features have shape {list(features.shape)}")
    if not np.issubdtype(labels.dtype, np.integer):
        raise UserError(f"{name} needs integer labels, but they are {labels.dtype}")
    features = finite(features, name).astype(np.float32, copy=False)
    return Labelled(features, labels.astype(np.int64, copy=False))


def moments(x: np.ndarray, axis: int | tuple[int, ...] = 0) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation, accumulated in float64.

    NumPy accumulates float32 rows sequentially in float32, which loses significant digits over
    50 000 rows whose mean is far from zero.

    Args:
      x: float array of any shape.
      axis: axes to reduce.

    Returns:
      (mean, population standard deviation), rounded to the dtype of `x` (float64 for integers).
    """
    dtype = x.dtype if np.issubdtype(x.dtype, np.floating) else np.float64
    mean = np.mean(x, axis=axis, dtype=np.float64)
    return mean.astype(dtype), np.std(x, axis=axis, dtype=np.float64).astype(dtype)


def finite(features: Any, name: str, *, least: int = 1) -> np.ndarray:
    """Validates a feature matrix without labels.

    Args:
      features: real numbers [N, D].
      name: name of the array in error messages.
      least: smallest number of examples allowed.

    Returns:
      The array; float dtypes are kept, others become float32.

    Raises:
      UserError: a wrong shape, too few examples, or a value that is not finite.
    """
    features = np.asarray(features)
    if features.ndim != 2 or not features.shape[1]:
        raise UserError(f"{name} must be [N, D], not {list(features.shape)}")
    if len(features) < least:
        raise UserError(f"{name} has {len(features)} examples, but at least {least} are needed")
    if features.dtype not in (np.float32, np.float64):
        features = features.astype(np.float32)
    broken = int((~np.isfinite(features).all(axis=1)).sum())
    if broken:
        raise UserError(
            f"{name} has {broken} of {len(features)} feature vectors that hold NaN or infinity: "
            "the encoder diverged, so evaluate an earlier checkpoint"
        )
    return features


def class_indices(train: np.ndarray, *others: np.ndarray) -> tuple[np.ndarray, ...]:
    """Maps labels to class indices 0..C-1, in ascending order of the labels.

    Args:
      train: labels [N], which define the classes.
      *others: label arrays of other splits; their classes must occur in train.

    Returns:
      The C sorted labels, then the int32 class indices of every array (train first).

    Raises:
      UserError: train has a single class, or another array has a class that train lacks.
    """
    train, *others = (np.asarray(labels) for labels in (train, *others))
    chex.assert_rank([train, *others], 1)
    classes = np.unique(train)
    if len(classes) < 2:
        raise UserError(
            f"all {len(train)} training labels are {classes[0]}: a classifier needs two classes"
        )
    for labels in others:
        unknown = np.setdiff1d(labels, classes)
        if len(unknown):
            raise UserError(
                f"class {unknown[0]} is to be predicted but has no training example (training has "
                f"{len(classes)} classes): use splits that share their classes"
            )
    return classes, *(np.searchsorted(classes, a).astype(np.int32) for a in (train, *others))


def check_evaluable(
    train: np.ndarray, validation: np.ndarray, test: np.ndarray, *, per_class: int
) -> None:
    """Rejects labels on which no classifier can be fitted and tested.

    Args:
      train: labels [N].
      validation: labels [M].
      test: labels [L].
      per_class: number of labels per class that an evaluation draws from train.

    Raises:
      UserError: there is a single class, a class without a training example, or a class with fewer
        examples than are drawn.
    """
    classes, numbers, _, _ = class_indices(train, validation, test)
    counts = np.bincount(numbers)
    if counts.min() < per_class:
        raise UserError(
            f"class {classes[counts.argmin()]} has {counts.min()} training examples, too few for "
            f"{per_class} labels a class"
        )


def class_splits(train: Any, validation: Any, test: Any, *, who: str = "") -> FeatureSplits:
    """Validates three splits and maps their labels to class indices 0..C-1.

    Args:
      train: features float [N, D] and labels int [N]; its labels define the classes.
      validation: the same.
      test: the same.
      who: name in error messages, such as that of the representation.

    Returns:
      The splits with class indices as labels.

    Raises:
      UserError: invalid arrays, features of different sizes, a single class, or a class that train
        lacks.
    """
    of = f" of {who!r}" if who else ""
    parts = [
        labelled(*split, f"the {name} split{of}")
        for name, split in zip(FeatureSplits._fields, (train, validation, test), strict=True)
    ]
    widths = [part.features.shape[1] for part in parts]
    if len(set(widths)) > 1:
        raise UserError(
            f"features{of} have the sizes {', '.join(map(str, widths))} in train, validation and "
            "test: all three must come from the same encoder"
        )
    _, *numbers = class_indices(*(part.labels for part in parts))
    return FeatureSplits(
        *(
            Labelled(part.features, number.astype(np.int64))
            for part, number in zip(parts, numbers, strict=True)
        )
    )


def same_labels(splits: Mapping[str, FeatureSplits]) -> None:
    """Checks that all representations have the same labels.

    Args:
      splits: validated splits by name; at least one.

    Raises:
      UserError: there are no splits, or the labels differ.
    """
    if not splits:
        raise UserError("there is no representation to evaluate")
    reference, first = next(iter(splits.items()))
    for name, row in splits.items():
        for part, split, other in zip(FeatureSplits._fields, row, first, strict=True):
            if not np.array_equal(split.labels, other.labels):
                raise UserError(
                    f"the {part} labels of {name!r} differ from those of {reference!r}: "
                    "every row must show the same examples in the same order"
                )
