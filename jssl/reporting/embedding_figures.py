"""Figures of a run's features: a map of the test split and nearest neighbours."""

from __future__ import annotations

import numpy as np

from jssl.core.state import TrainState
from jssl.data.source import Source, Splits, SubsetSource
from jssl.errors import UserError
from jssl.evaluation.clustering import kmeans
from jssl.evaluation.features import features
from jssl.evaluation.knn import neighbours
from jssl.reporting import figures
from jssl.reporting.embedding_map import EmbeddingMap, texts_of, thumbnails
from jssl.reporting.page import Drawing, Figure
from jssl.reporting.visible import shown_as, visible
from jssl.training.program import Program

_MAPPED = 1000
_CLUSTERS = 8
_QUERIES, _NEAREST = 6, 5
_ENOUGH = 100  # test examples without labels; of fewer the training split is mapped
_FEWEST = 8  # points of which a map says anything


def is_image(source: Source, field: str) -> bool:
    """Whether a field of a source holds images [H, W, C]."""
    value = source[0].get(field, ())
    return np.ndim(value) == 3 and getattr(value, "dtype", None) in (np.uint8, np.float32)


def embedding_figures(program: Program, state: TrainState, splits: Splits) -> dict[str, Drawing]:
    """A map of the test features, and images with their neighbours.

    With labels the map is coloured by class and neighbours are framed by whether theirs agrees;
    without, the map is coloured by k-means clusters of the features, and the training split takes
    the place of a test split of under 100 examples.

    Args:
      program: the compiled experiment.
      state: whose encoder is used.
      splits: the data.

    Returns:
      Heading -> figure; none for fewer than 8 examples, for features that are not finite, or where
      an example has a label for each of its parts, such as nodes.
    """
    known = "label" in splits.test[0]
    if known and np.ndim(splits.test[0]["label"]):
        return {}  # labels of parts, such as a graph's nodes
    part = "test" if known or len(splits.test) >= _ENOUGH else "training"
    source = splits.test if part == "test" else splits.train
    test = SubsetSource(source, np.arange(min(len(source), _MAPPED)))
    if len(test) < _FEWEST:
        return {}
    embedded, labels = features(program, state, test, label="label" if known else None)
    if not np.isfinite(embedded).all():
        return {}  # the losses and the alarms say so
    points = figures.embed_2d(embedded)
    if known:
        classes, how = splits.classes, "coloured by class (the method never saw a class)"
        title = f"in {len(classes)} classes"
    else:
        count = min(_CLUSTERS, len(embedded) // 2)
        try:
            labels = np.asarray(kmeans(embedded, count, seed=0).labels)
        except UserError:  # equal features have no clusters
            labels, count = np.zeros(len(embedded), np.int32), 1
        classes = tuple(f"cluster {k + 1}" for k in range(count))
        why = "an example has several labels" if splits.tags else "there are no labels"
        how = f"coloured by k-means clusters of the features, since {why}"
        title = f"in {count} clusters"
    field = program.experiment.preprocess.field
    stored = test[np.arange(len(test))][field] if is_image(test, field) else None
    pictures: dict[str, Drawing] = {
        "Embedding map": EmbeddingMap(
            points,
            labels,
            classes,
            texts_of(test, field, splits.tags),
            f"{part.capitalize()} features by t-SNE, {how}. Point at one to see the example.",
            f"Scatter of {len(points)} {part} features {title}.",
            *(() if stored is None else thumbnails(stored)),
        )
    }
    if stored is not None:
        seen = labels if known else None
        pictures |= _neighbours(stored, embedded, seen, splits.classes, part)
    return pictures


def _neighbours(
    stored: np.ndarray,
    embedded: np.ndarray,
    labels: np.ndarray | None,
    classes: tuple[str, ...],
    part: str,
) -> dict[str, Figure]:
    queries = np.arange(min(_QUERIES, len(embedded) - 1))
    rest = np.arange(len(queries), len(embedded))
    nearest = _NEAREST if labels is not None else min(_NEAREST, len(rest))
    if not len(queries) or len(rest) < nearest:
        return {}
    _, found = neighbours(embedded[rest], embedded[queries], nearest)
    found = rest[np.asarray(found)]
    known = (None, None) if labels is None else (labels[queries], labels[found])
    framed = ", framed by whether the class agrees" if labels is not None else ""
    return {
        "Nearest neighbours": Figure(
            figures.neighbour_grid(
                visible(stored[queries]), visible(stored[found]), *known, classes
            ),
            caption=f"{part.capitalize()} images and their nearest neighbours in the {part} split."
            + shown_as(stored.shape[-1]),
            alt=f"Rows of a query and its {nearest} neighbours{framed}.",
        )
    }
