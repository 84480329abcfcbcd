"""Handwritten digits, embedded in scikit-learn: real images without a download."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from jssl.core.ranges import Count, Ranged, Seed
from jssl.data.source import ArraySource, Splits, stratified
from jssl.errors import UserError


@dataclass(frozen=True)
class Digits(Ranged):
    """1797 handwritten digits, 8x8 grey, 10 classes (Alpaydin and Kaynak, 1998, UCI).

    Pixel counts 0..16 are scaled to 0..255. Every split keeps the class shares.

    Attributes:
      validation: number of validation images.
      test: number of test images; the rest, 1197 by default, is train.
      seed: of the split, unrelated to the run's seed.
    """

    validation: Count = 300
    test: Count = 300
    seed: Seed = 0

    def load(self) -> Splits:
        """Splits the images.

        Returns:
          Splits with ``image`` uint8 [8, 8, 1] and ``label`` int32.

        Raises:
          UserError: when the splits ask for more images than there are.
        """
        source = _digits()
        total = len(source)
        if min(self.validation, self.test) < 1 or self.validation + self.test >= total:
            raise UserError(
                f"digits has {total} images, so validation {self.validation} and test {self.test} "
                "must be at least 1 each and leave some for train"
            )
        label = source.arrays["label"]
        test = stratified(label, self.test, self.seed + 1)
        rest = np.setdiff1d(np.arange(total), test)
        validation = rest[stratified(label[rest], self.validation, self.seed)]
        train = np.setdiff1d(rest, validation)
        return Splits(
            *(ArraySource(source[part]) for part in (train, validation, test)),
            name="digits",
            classes=tuple(str(k) for k in range(10)),
        )


@functools.lru_cache(maxsize=1)
def _digits() -> ArraySource:
    from sklearn.datasets import load_digits

    raw = load_digits()
    image = np.round(raw.images * (255 / 16)).astype(np.uint8)[..., None]
    return ArraySource({"image": image, "label": raw.target.astype(np.int32)})
