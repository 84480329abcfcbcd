"""OOD detection by rotation prediction (Hendrycks et al., 2019)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import log_softmax

from jssl.core.ranges import Count
from jssl.data.source import Source
from jssl.errors import UserError
from jssl.evaluation.arrays import Labelled
from jssl.evaluation.detection import auroc, rotation_score
from jssl.evaluation.linear import linear_probe
from jssl.evaluation.logistic import fit_standardised
from jssl.evaluation.protocols.ood_and_groups import ood_test
from jssl.evaluation.record import Evaluation, Measured, Score
from jssl.evaluation.representations import Representations

TURNS = 4


@dataclass(frozen=True)
class RotationDetection(Evaluation):
    """Scores inputs by how badly a probe predicts their rotation by 0, 90, 180 or 270 degrees.

    In the paper the network itself is trained to predict rotations. Here the rotation classifier is
    a logistic probe on the frozen features of any encoder, so that the score also measures how well
    the features encode orientation.

    Attributes:
      data: experiment whose data is out of distribution; its images must fit the encoder.
      limit: largest number of training images; at most half as many validation and test images.
    """

    data: str = "image/simclr_shapes"
    limit: Count = dataclasses.field(default=2000, metadata={"former": "most"})

    about: ClassVar[str] = (
        "rotation prediction: accuracy of a probe, and AUROC of OOD detection by it"
    )
    source: ClassVar[str] = "Hendrycks et al. 2019, on frozen features"

    def measure(self, subject: Representations, row: str) -> Measured | None:
        ood = rotated_features(subject, row, ood_test(self.data, subject), self.limit // 2)
        train = rotated_features(subject, row, subject.source("train"), self.limit)
        if ood.features.shape[1] != train.features.shape[1]:
            return None  # raw inputs of a different size
        validation, test = (
            rotated_features(subject, row, subject.source(part), self.limit // 2)
            for part in ("validation", "test")
        )
        probe = linear_probe(train, validation, test, select_on=self.select_on)
        scaler, fit = fit_standardised(train.features, train.labels, probe.strength)

        def score(part: Labelled) -> np.ndarray:
            logits = scaler(part.features) @ fit.weights + fit.bias
            table = log_softmax(logits.astype(np.float64), axis=1)
            return rotation_score(table.reshape(TURNS, -1, TURNS).swapaxes(0, 1))

        return Measured(
            {"rotations": Score(probe.top1), "AUROC": Score(auroc(score(test), score(ood)))},
            {"C": probe.strength},
        )

    def notes(self) -> tuple[str, ...]:
        return (
            f"Top-1 of four rotations (25 is chance) on the test split, and AUROC against the test "
            f"split of {self.data} (50 is chance). {self.limit} training images at most.",
        )


def rotated_features(subject: Representations, row: str, source: Source, limit: int) -> Labelled:
    """Features of images rotated by 0, 90, 180 and 270 degrees.

    Args:
      subject: the representations under evaluation.
      row: name of the representation.
      source: N square images.
      limit: largest number of images, taken from the start of the source.

    Returns:
      Features float32 [4 N, D], grouped by rotation, and the number of quarter turns int [4 N].

    Raises:
      UserError: the images are not square.
    """
    field = subject.program.experiment.preprocess.field
    images = np.asarray(source[np.arange(min(limit, len(source)))][field])
    if images.ndim != 4 or images.shape[1] != images.shape[2]:
        raise UserError(
            f"quarter turns are for square images [N, S, S, C], not {list(images.shape)}"
        )
    parts = [subject.images(row, np.rot90(images, k, axes=(1, 2))) for k in range(TURNS)]
    return Labelled(np.concatenate(parts), np.repeat(np.arange(TURNS), len(images)))


PROTOCOLS = {"rotations": RotationDetection()}
