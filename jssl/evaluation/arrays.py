"""What every evaluator asks of its arrays, checked once and said in one sentence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jssl.errors import UserError


class Labelled(NamedTuple):
    """Features with their labels: features float32 [N, D], labels int64 [N]."""

    features: np.ndarray
    labels: np.ndarray


class FeatureSplits(NamedTuple):
    """One representation of a data set: every split seen through the same encoder."""

    train: Labelled
    validation: Labelled
    test: Labelled


def labelled(features: np.ndarray, labels: np.ndarray, name: str) -> Labelled:
    """Checks a pair of arrays and gives them their canonical types.

    Args:
      features: real numbers [N, D].
      labels: integers [N].
      name: what the error sentence calls the pair, such as "the test split".

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
    features = features.astype(np.float32, copy=False)
    broken = int((~np.isfinite(features).all(axis=1)).sum())
    if broken:
        raise UserError(
            f"{name} has {broken} of {len(features)} feature vectors that hold NaN or infinity: "
            "the encoder diverged, so evaluate an earlier checkpoint"
        )
    return Labelled(features, labels.astype(np.int64, copy=False))


def class_indices(train: np.ndarray, *others: np.ndarray) -> tuple[np.ndarray, ...]:
    """Numbers the classes 0..C-1 in the order of their labels.

    Args:
      train: labels [N]; they define the classes.
      *others: label arrays of other splits, which may hold no class of their own.

    Returns:
      The C sorted labels, then every array as int32 class numbers (train first).

    Raises:
      UserError: train holds one class only, or another array a class that train lacks.
    """
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
