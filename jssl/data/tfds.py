"""Any image set of TensorFlow Datasets, read from array_record files without TensorFlow."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jssl.core.ranges import Count, Inside, Ranged, Seed
from jssl.data.arrays import Arrays, finish, noise_images
from jssl.data.class_labels import check_class_numbers
from jssl.data.images import decode
from jssl.data.source import Batch, Splits
from jssl.errors import UserError, nearest

# Labels lie inside the records, so stratifying reads the whole set once: not for large ones.
_STRATIFY_UP_TO = 200_000


class RecordSource:
    """One split of a prepared TFDS data set; opened again in each process that reads it.

    Args:
      name: of the data set, as TFDS writes it.
      data_dir: where it was prepared; None for the default of TFDS.
      split: TFDS split expression.
      image: feature that holds the image.
      label: feature that holds the class, or None.
      size: height and width of the decoded images, or None to keep theirs.
      channels: 3 for RGB, 1 for grey.
      classes: number of classes that the data set declares, or None.
    """

    def __init__(
        self,
        name: str,
        data_dir: str | None,
        split: str,
        image: str,
        label: str | None,
        size: int | None,
        channels: int,
        classes: int | None = None,
    ) -> None:
        self.name, self.data_dir, self.split = name, data_dir, split
        self.image, self.label, self.size, self.channels = image, label, size, channels
        self.classes = classes
        self._records: Any = None
        self._labels: np.ndarray | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_records": None}

    @property
    def records(self) -> Any:
        """The TFDS data source, with images left encoded."""
        if self._records is None:
            import tensorflow_datasets as tfds

            with _quiet(), self._readable():
                self._records = tfds.data_source(
                    self.name,
                    split=self.split,
                    data_dir=self.data_dir,
                    download=False,
                    decoders={self.image: tfds.decode.SkipDecoding()},
                )
        return self._records

    def __len__(self) -> int:
        with self._readable():
            return len(self.records)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Converts the libraries' exceptions for damaged records into a `UserError`.

        Raises:
          UserError: naming the data set and the split.
        """
        try:
            yield
        except UserError:
            raise
        except Exception as error:  # from C++, protobuf and NumPy
            reason = str(error).strip().split("\n")[0][:200]
            raise UserError(
                f"the records of {self.name} ({self.split}) cannot be read ({reason}); prepare the "
                f"data set again: {_command(self.name, self.data_dir)}"
            ) from None

    def __getitem__(self, index: Any) -> Batch:
        if np.ndim(index) == 0:
            with self._readable():
                record = self.records[int(index)]
            return self._example(record, int(index))
        with self._readable():
            raw = self.records.__getitems__([int(i) for i in index])
        examples = [self._example(r, int(i)) for r, i in zip(raw, index, strict=True)]
        try:
            return {key: np.stack([e[key] for e in examples]) for key in examples[0]}
        except ValueError:
            raise UserError(
                f"the images of {self.name} differ in size; set size, for example "
                f"TFDS({self.name!r}, size=224)"
            ) from None

    def labels(self) -> np.ndarray | None:
        """int32 [N] (one pass over the records), or None without a label feature."""
        if self.label is None:
            return None
        if self._labels is None:
            chunks = [range(s, min(s + 1024, len(self))) for s in range(0, len(self), 1024)]
            with self._readable():
                values = [r[self.label] for c in chunks for r in self.records.__getitems__(list(c))]
            where = f"the labels of {self.name} ({self.split})"
            self._labels = check_class_numbers(np.asarray(values), self.classes, where)
        return self._labels

    def fingerprint(self) -> str:
        """A hash of the data set's full name, the split, its length and the decoding."""
        info = self.records.dataset_info
        text = f"{info.full_name} {self.split} {len(self)} {self.size} {self.channels}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _example(self, record: dict[str, Any], index: int) -> Batch:
        where = f"image {index} of {self.name} ({self.split})"
        image = decode(
            record[self.image],
            self.size,
            self.channels,
            where=where,
            advice=f"prepare the data set again: {_command(self.name, self.data_dir)}",
        )
        if self.label is None:
            return {"image": image}
        label = check_class_numbers(np.atleast_1d(record[self.label]), self.classes, where)
        return {"image": image, "label": label[0]}


@dataclass(frozen=True)
class TFDS(Ranged):
    """An image classification set of TensorFlow Datasets.

    Attributes:
      name: as TFDS writes it: ``cifar10``, ``imagenet2012:5.1.0``, ``imagenette/320px-v2``.
      data_dir: where it was prepared; None reads ``$TFDS_DATA_DIR`` or ``~/tensorflow_datasets``.
      size: height and width that images are brought to; None keeps theirs, which must be equal.
      train: TFDS split expression of the training data.
      test: of the test data.
      validation: of the validation data; None carves ``fraction`` of train, each class in its
        share up to 200 000 images and uniformly beyond.
      image: feature that holds the image.
      label: feature that holds the class; None for a set without labels.
      fraction: the part of train that is carved.
      seed: of the carving.
    """

    name: str
    data_dir: str | None = None
    size: Count | None = None
    train: str = "train"
    test: str = "test"
    validation: str | None = None
    image: str = "image"
    label: str | None = "label"
    fraction: Inside = 0.1
    seed: Seed = 0

    def smoke(self) -> Arrays:
        """Random images of the same size in its place, for tests."""
        return noise_images(self.size or 32)

    def load(self) -> Splits:
        """Opens the prepared files; nothing is downloaded.

        Returns:
          The three splits, decoded as they are read.

        Raises:
          UserError: when the package, the data set, a split or a feature is missing, or when the
            data was prepared in a format without random access.
        """
        for package in ("tensorflow_datasets", "array_record"):
            if importlib.util.find_spec(package) is None:
                raise UserError(f"TFDS data needs {package}: pip install {package}")
        directory = None if self.data_dir is None else os.path.expanduser(self.data_dir)
        info = self._info(directory)
        asked = [s for s in (self.train, self.test, self.validation) if s is not None]
        for split in asked:
            for base in split.split("+"):
                if base.split("[")[0] not in info.splits:
                    raise UserError(
                        f"{self.name} has no split {base!r}: {nearest(base, info.splits)}"
                    )
        for feature in (f for f in (self.image, self.label) if f is not None):
            if feature not in info.features:
                raise UserError(
                    f"{self.name} has no feature {feature!r}: {nearest(feature, info.features)}"
                )
        shape = info.features[self.image].shape
        channels = 1 if shape is not None and len(shape) == 3 and shape[-1] == 1 else 3

        names = None if self.label is None else getattr(info.features[self.label], "names", None)

        def source(split: str) -> RecordSource:
            return RecordSource(
                self.name,
                directory,
                split,
                self.image,
                self.label,
                self.size,
                channels,
                len(names) if names else None,
            )

        train = source(self.train)
        return finish(
            train,
            None if self.validation is None else source(self.validation),
            source(self.test),
            self.name,
            tuple(names or ()),
            fraction=self.fraction,
            seed=self.seed,
            stratify=self.label is not None and len(train) <= _STRATIFY_UP_TO,
        )

    def _info(self, directory: str | None) -> Any:
        import tensorflow_datasets as tfds

        command = _command(self.name, directory)
        place = directory or os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
        missing = UserError(
            f"{self.name} is not prepared as array_record in {place}; fetch it once, where "
            f"TensorFlow is installed: {command}"
        )
        if directory is not None and not Path(directory).is_dir():
            raise missing
        try:
            with _quiet():
                builder = tfds.builder(self.name, data_dir=directory)
        except tfds.core.registered.DatasetNotFoundError:
            base = self.name.split("/")[0].split(":")[0]
            raise UserError(
                f"TFDS knows no data set {base!r}, and none of that name is in {place}; the names "
                "it knows are listed by python -c 'import tensorflow_datasets as t; "
                "print(*t.list_builders())'"
            ) from None
        except Exception as error:  # damaged files raise anything, protobuf's errors included
            reason = str(error).strip().split("\n")[0][:200]
            raise UserError(f"TFDS cannot open {self.name} ({reason}); {missing}") from None
        if not builder.info.splits:
            raise missing
        formats = {form.value for form in builder.info.available_file_formats()}
        if "array_record" not in formats:
            raise UserError(
                f"{self.name} in {place} was prepared as {', '.join(sorted(formats))}, which has "
                f"no random access; prepare it again, in another folder: {command}"
            )
        return builder.info


def _command(name: str, directory: str | None) -> str:
    where = f" --data_dir={directory}" if directory else ""
    return f"tfds build {name} --file_format=array_record{where}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences TFDS's log messages about folders, since our own error message is more specific."""
    logger = logging.getLogger("absl")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
