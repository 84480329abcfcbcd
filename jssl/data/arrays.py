"""A data set from arrays in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jssl.core.ranges import Inside, Ranged, Seed
from jssl.data.checks import finite
from jssl.data.class_labels import encode_labels
from jssl.data.source import (
    ArraySource,
    Source,
    Splits,
    carve_validation,
    labels,
)
from jssl.errors import UserError


@dataclass(frozen=True, eq=False)
class Arrays(Ranged):
    """A data set from arrays.

    Attributes:
      train: key -> array [N, ...]; ``image`` uint8 [N, H, W] or [N, H, W, C] and ``label`` [N],
        whole numbers or texts (`jssl.data.class_labels.encode_labels`), are checked, other keys
        (``factor/<name>``) are carried.
      test: the same keys. None carves ``fraction`` of train for it.
      validation: the same keys. None carves ``fraction`` of train for it.
      name: of the data set.
      classes: names of the classes; None uses the labels as names.
      fraction: the share of train that is held out for a split that is not given.
      seed: of the carving, unrelated to the run's seed.
    """

    train: Mapping[str, Any]
    test: Mapping[str, Any] | None = None
    validation: Mapping[str, Any] | None = None
    name: str = "arrays"
    classes: tuple[str, ...] | None = None
    fraction: Inside = 0.1
    seed: Seed = 0

    def load(self) -> Splits:
        """Checks the arrays and creates missing splits.

        Returns:
          The three splits.

        Raises:
          UserError: on a wrong shape, dtype or length, or splits that do not match each other.
        """
        given = {"train": self.train, "validation": self.validation, "test": self.test}
        parts = {part: arrays for part, arrays in given.items() if arrays is not None}
        sources, classes = labelled_sources(parts, self.classes)
        return finish(
            sources["train"],
            sources.get("validation"),
            sources.get("test"),
            self.name,
            classes,
            fraction=self.fraction,
            seed=self.seed,
        )


def labelled_sources(
    parts: Mapping[str, Mapping[str, Any]], names: Sequence[Any] | None, where: str = ""
) -> tuple[dict[str, ArraySource], tuple[str, ...]]:
    """Sources of the splits of a data set in arrays, with a common numbering of the labels.

    Args:
      parts: split -> key -> array [N, ...]; `image` and `label` are checked, others are carried.
      names: of the classes, or None; see `jssl.data.class_labels.encode_labels`.
      where: the origin of the arrays, such as the file, for messages.

    Returns:
      (split -> source, the names of the classes, none where there are no labels).

    Raises:
      UserError: on a wrong shape, dtype or length, labels that are no classes or have no name, or
        splits that differ in their arrays or the shapes of these.
    """
    kept = {
        part: {key: np.asarray(value) for key, value in arrays.items() if key != "label"}
        for part, arrays in parts.items()
    }
    labels = {part: arrays["label"] for part, arrays in parts.items() if "label" in arrays}
    for part, arrays in parts.items():
        if set(arrays) != set(parts["train"]):
            raise UserError(
                f"train has the arrays {', '.join(sorted(parts['train']))} and {part} has "
                f"{', '.join(sorted(arrays))}; both need the same"
            )
        for key, value in kept[part].items():
            if value.dtype.kind == "f" and key != "image":
                finite(value, f"{part} {key}" if not where else f"{where}: {part} {key}")
        if "image" in arrays:
            kept[part]["image"] = check_images(kept[part]["image"], f"{part} image")
    classes: tuple[str, ...] = ()
    if labels:
        numbers, classes = encode_labels(labels, where, names=names)
        for part, own in numbers.items():
            kept[part]["label"] = own
    elif names is not None and len(names):
        raise UserError(f"there are {len(names)} names of classes and no labels; give both or none")
    sources = {part: ArraySource(arrays) for part, arrays in kept.items()}
    for part, source in sources.items():
        _check_shapes(sources["train"], source, part)
    return sources, classes


def finish(
    train: Source,
    validation: Source | None,
    test: Source | None,
    name: str,
    classes: tuple[str, ...],
    *,
    fraction: float,
    seed: int,
    stratify: bool = True,
) -> Splits:
    """Creates the missing splits of a data set from its training data.

    The test split is drawn first, so that it does not depend on whether a validation set was given.

    Args:
      train: the training data.
      validation: its validation data, or None.
      test: its test data, or None.
      name: of the data set.
      classes: name of each label, none where there are no labels.
      fraction: of ``train``, for each split that is carved; in (0, 1), as each split has examples.
      seed: of the carving.
      stratify: keep the class proportions; False never reads the labels.

    Returns:
      The three splits.

    Raises:
      UserError: a label has no name, or a split would be empty.
    """
    if classes and stratify:
        for part in (train, validation, test):
            check_named(part, classes, name)
    held = round(fraction * len(train))

    whole = len(train)

    def carve(source: Source, salt: int, split: str) -> tuple[Source, Source]:
        if not 0 < held < len(source):
            raise UserError(
                f"{name}: a {split} split is not given, and {held} of {len(source)} training "
                f"examples would be carved for it (fraction is {fraction:g}, of {whole}); each "
                "split needs at least one: give more examples, another fraction in (0, 1), or the "
                "split"
            )
        known = None if stratify else np.zeros(len(source), np.int32)
        try:
            return carve_validation(source, held / len(source), seed + salt, known=known)
        except UserError as error:
            raise UserError(f"{name}: {error}") from None

    if test is None:
        train, test = carve(train, 1, "test")
    if validation is None:
        train, validation = carve(train, 0, "validation")
    return Splits(train, validation, test, name, tuple(classes))


def check_named(source: Source | None, classes: tuple[str, ...], name: str) -> None:
    """Refuses a source with a label that has no name.

    Raises:
      UserError: naming the data set and the label.
    """
    known = None if source is None else labels(source)
    if known is not None and known.size and not 0 <= known.min() <= known.max() < len(classes):
        wrong = known.min() if known.min() < 0 else known.max()
        raise UserError(
            f"{name}: the label {wrong} has no name; there are {len(classes)} names of classes, "
            "for labels from 0 up"
        )


def noise_images(size: int = 32, channels: int = 3, *, count: int = 24) -> Arrays:
    """Random images with two classes, used in tests in place of a data set that is not present.

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


def check_images(image: np.ndarray, where: str) -> np.ndarray:
    """Brings images to uint8 [N, H, W, C].

    Args:
      image: uint8 [N, H, W, C] or [N, H, W] (one channel is added).
      where: name of the array in messages.

    Returns:
      uint8 [N, H, W, C].

    Raises:
      UserError: naming the shape or dtype found.
    """
    if image.dtype != np.uint8:
        raise UserError(f"{where} must be uint8 images in 0..255, not {_described(image)}")
    if image.ndim == 3 and image.shape[-1] in (1, 3):
        raise UserError(
            f"{where} of shape {list(image.shape)} looks like one image [H, W, C]; give images "
            "[N, H, W] or [N, H, W, C], for a single one image[None]"
        )
    if image.ndim == 3:
        image = image[..., None]
    if image.ndim != 4 or image.shape[-1] not in (1, 3):
        first = image.ndim == 4 and image.shape[1] in (1, 3)
        hint = "; move the channels last with x.transpose(0, 2, 3, 1)" if first else ""
        raise UserError(
            f"{where} must have shape [N, H, W] or [N, H, W, C] with 1 or 3 channels, "
            f"not {list(image.shape)}{hint}"
        )
    if 0 in image.shape:
        raise UserError(f"{where} of shape {list(image.shape)} holds no pixels; give some images")
    return image


def _described(image: np.ndarray) -> str:
    """Describes images of another type than uint8 and how to convert them."""
    if image.dtype.kind not in "biuf":
        return f"{image.dtype}"
    if image.dtype.kind == "f" and image.size and not np.isfinite(image).all():
        bad = np.argwhere(~np.isfinite(image))
        return f"{image.dtype} with {len(bad)} values that are NaN or infinite, first in image " + (
            f"{bad[0][0]}; replace those, and convert the rest to 0..255"
        )
    span = f" from {image.min():g} to {image.max():g}" if image.size else ""
    if image.dtype.kind == "f":
        how = "for values in 0..1 with (255 * x).round().astype('uint8')"
    elif image.dtype.kind == "b":
        how = "with 255 * x.astype('uint8')"
    else:
        how = (
            "for 16 bits with (x / 257).round().astype('uint8'), for 0..255 with x.astype('uint8')"
        )
    return f"{image.dtype}{span}; convert them first, {how}"


def _check_shapes(train: ArraySource, other: ArraySource, part: str) -> None:
    for key, value in train.arrays.items():
        if value.shape[1:] != other.arrays[key].shape[1:]:
            raise UserError(
                f"{key} has shape {list(value.shape[1:])} per example in train and "
                f"{list(other.arrays[key].shape[1:])} in {part}; both need the same"
            )
        if value.dtype != other.arrays[key].dtype:
            raise UserError(
                f"{key} is {value.dtype} in train and {other.arrays[key].dtype} in {part}; both "
                "need the same"
            )
