"""Dense evaluation of patch tokens: segmentation, label propagation and correspondence."""

from __future__ import annotations

import chex
import numpy as np

from jssl.errors import UserError
from jssl.evaluation.arrays import finite, moments
from jssl.evaluation.clustering import contingency, kmeans
from jssl.evaluation.ridge import RidgePath


def mean_iou(predicted: np.ndarray, truth: np.ndarray, classes: int) -> float:
    """Mean IoU: the IoU of each class over all positions, averaged over the classes present.

    Args:
      predicted: class indices, any shape.
      truth: the same shape.
      classes: number of classes.

    Returns:
      In [0, 1].
    """
    chex.assert_equal_shape([predicted, truth])
    scores = []
    for c in range(classes):
        union = np.sum((predicted == c) | (truth == c))
        if union:
            scores.append(np.sum((predicted == c) & (truth == c)) / union)
    return float(np.mean(scores))


def linear_segmentation(
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    *,
    penalties: tuple[float, ...] = (1.0, 1e2, 1e4),
) -> dict[str, float]:
    """Linear token classifier fitted by ridge regression, shared by all positions.

    Args:
      train: tokens float [N, T, D] and the class of each token int [N, T].
      validation: the same; used to select the penalty.
      test: the same.
      penalties: candidate ridge penalties.

    Returns:
      "miou" on test, "validation" and the selected "penalty".

    Raises:
      UserError: invalid arrays, or a single class.
    """
    parts = [checked(*part) for part in (train, validation, test)]
    classes = int(max(masks.max() for _, masks in parts)) + 1
    x, y = parts[0][0].reshape(-1, parts[0][0].shape[2]), parts[0][1].ravel()
    if len(np.unique(y)) < 2:
        raise UserError(
            "all positions of the training split have the same class; segmentation needs two"
        )
    scale = moments(x)[1] + 1e-6
    solver = RidgePath.fit(x / scale, 2.0 * np.eye(classes)[y] - 1.0)

    def score(penalty: float, part: tuple[np.ndarray, np.ndarray]) -> float:
        weights, offset = solver.solve(penalty)
        return mean_iou(((part[0] / scale) @ weights + offset).argmax(axis=-1), part[1], classes)

    best = max(sorted(penalties, reverse=True), key=lambda penalty: score(penalty, parts[1]))
    return {
        "miou": score(best, parts[2]),
        "validation": score(best, parts[1]),
        "penalty": float(best),
    }


def cluster_segmentation(
    tokens: np.ndarray, masks: np.ndarray, *, clusters: int | None = None, seed: int = 0
) -> float:
    """k-means over the tokens of all images; each cluster is assigned its majority class.

    Args:
      tokens: float [N, T, D].
      masks: int [N, T], used to assign classes to clusters and to compute the score.
      clusters: number of clusters; None for the number of classes.
      seed: seed of k-means.

    Returns:
      The mean IoU.
    """
    tokens, masks = checked(tokens, masks)
    classes = int(masks.max()) + 1
    flat = tokens.reshape(-1, tokens.shape[2])
    found = kmeans(flat, clusters or classes, seed=seed).labels
    present, numbers = np.unique(found, return_inverse=True)
    values = np.unique(masks)
    names = values[contingency(numbers, masks.ravel()).argmax(axis=1)]
    assert len(names) == len(present)
    return mean_iou(names[numbers].reshape(masks.shape), masks, classes)


def component_segmentation(tokens: np.ndarray, masks: np.ndarray) -> float:
    """Foreground segmentation by the sign of the first principal component over all images.

    Oquab et al. 2024, "DINOv2", section 7.5, where the sign is chosen by eye; here the sign with
    the higher score is taken.

    Args:
      tokens: float [N, T, D].
      masks: int [N, T], 0 for background and 1 for foreground.

    Returns:
      The mean IoU of foreground and background.
    """
    tokens, masks = checked(tokens, masks)
    flat = tokens.reshape(-1, tokens.shape[2]).astype(np.float64)
    flat = flat - flat.mean(axis=0)
    _, vectors = np.linalg.eigh(flat.T @ flat)
    positive = (flat @ vectors[:, -1] > 0).astype(int).reshape(masks.shape)
    return max(mean_iou(side, masks, 2) for side in (positive, 1 - positive))


def prompt_segmentation(
    tokens: np.ndarray, masks: np.ndarray, *, thresholds: tuple[float, ...] = (), seed: int = 0
) -> dict[float, float]:
    """Segmentation by thresholding the cosine similarity to one foreground patch, the prompt.

    Wu et al. 2024, "Masked Momentum Contrastive Learning for Zero-shot Semantic Understanding".
    Similarities of an image are scaled to [0, 1] before the threshold is applied.

    Args:
      tokens: float [N, T, D].
      masks: int [N, T], 0 for background and 1 for foreground; images without foreground are
        skipped.
      thresholds: thresholds in (0, 1); none for 0.1 to 0.9.
      seed: seed of the choice of the prompt among the foreground patches.

    Returns:
      Threshold -> IoU of the foreground, averaged over images.

    Raises:
      UserError: no image has foreground.
    """
    tokens, masks = checked(tokens, masks)
    shown = np.flatnonzero((masks == 1).any(axis=1))
    if not len(shown):
        raise UserError("no image has a figure, so there is nothing to prompt with")
    rng = np.random.default_rng(seed)
    unit = tokens / np.maximum(np.linalg.norm(tokens, axis=2, keepdims=True), 1e-12)
    found: dict[float, list[float]] = {
        t: [] for t in thresholds or tuple(round(0.1 * k, 1) for k in range(1, 10))
    }
    for i in shown:
        prompt = rng.choice(np.flatnonzero(masks[i] == 1))
        likeness = unit[i] @ unit[i, prompt]
        low, high = likeness.min(), likeness.max()
        likeness = (likeness - low) / max(high - low, 1e-12)
        for threshold, scores in found.items():
            chosen = likeness > threshold
            union = np.sum(chosen | (masks[i] == 1))
            scores.append(np.sum(chosen & (masks[i] == 1)) / union)
    return {threshold: float(np.mean(scores)) for threshold, scores in found.items()}


def propagate_labels(
    tokens: np.ndarray,
    first: np.ndarray,
    *,
    grid: tuple[int, int],
    context: int = 7,
    neighbours: int = 5,
    radius: int = 12,
    temperature: float = 0.1,
) -> np.ndarray:
    """Propagates the labels of the first frame through a video by token similarity.

    Each token receives the labels of its nearest neighbours in the first frame and the last
    `context` frames, within `radius`, weighted by exp(cosine / temperature). This is the DAVIS
    protocol of Caron et al. 2021, "DINO" (appendix A.1, after Jabri et al. 2020).

    Args:
      tokens: float [F, T, D] of F frames.
      first: int [T], class of each token of the first frame.
      grid: rows and columns, with rows * columns = T.
      context: number of preceding frames used as references, besides the first.
      neighbours: number of nearest tokens that vote.
      radius: largest distance of a neighbour in each direction, in token positions.
      temperature: temperature of the weights.

    Returns:
      int [F, T].

    Raises:
      UserError: inconsistent shapes.
    """
    chex.assert_rank([tokens, first], [3, 1])
    frames, count, _ = tokens.shape
    if grid[0] * grid[1] != count or np.shape(first) != (count,):
        raise UserError(
            f"{count} tokens and {np.size(first)} labels do not fill a grid of {grid[0]} x "
            f"{grid[1]}"
        )
    finite(tokens.reshape(frames, -1), "the video")
    unit = tokens / np.maximum(np.linalg.norm(tokens, axis=2, keepdims=True), 1e-12)
    rows, columns = np.divmod(np.arange(count), grid[1])
    near = (np.abs(rows[:, None] - rows) <= radius) & (np.abs(columns[:, None] - columns) <= radius)
    soft = [np.eye(int(first.max()) + 1)[first]]
    for frame in range(1, frames):
        looked = [0, *range(max(1, frame - context), frame)]
        likeness = np.concatenate(
            [np.where(near, unit[frame] @ unit[other].T, -np.inf) for other in looked], axis=1
        )
        labels = np.concatenate([soft[other] for other in looked])
        kept = min(neighbours, likeness.shape[1])
        best = np.argpartition(-likeness, kept - 1, axis=1)[:, :kept]
        values = np.take_along_axis(likeness, best, axis=1)
        weights = np.exp((values - values.max(axis=1, keepdims=True)) / temperature)
        votes = np.einsum("tk,tkc->tc", weights, labels[best])
        soft.append(votes / votes.sum(axis=1, keepdims=True))
    return np.stack([part.argmax(axis=1) for part in soft])


def correspondence(
    a: np.ndarray, b: np.ndarray, match: np.ndarray, *, grid: tuple[int, int], reach: int = 0
) -> float:
    """Correspondence accuracy: how often the most similar token of b is the true match.

    Args:
      a: tokens float [N, T, D] of N images.
      b: tokens of the same images, transformed.
      match: int [T], the token of b that matches each token of a; -1 where there is none.
      grid: rows and columns.
      reach: tolerance in each direction, in token positions.

    Returns:
      Fraction of correct matches.

    Raises:
      UserError: no token has a match.
    """
    chex.assert_rank([a, b, match], [3, 3, 1])
    chex.assert_equal_shape([a, b])
    chex.assert_axis_dimension(a, 1, len(match))
    shown = np.flatnonzero(match >= 0)
    if not len(shown):
        raise UserError("the two images have no position in common")
    unit_a, unit_b = (
        x / np.maximum(np.linalg.norm(x, axis=2, keepdims=True), 1e-12) for x in (a, b)
    )
    answers = np.stack(
        [(p[shown] @ q.T).argmax(axis=1) for p, q in zip(unit_a, unit_b, strict=True)]
    )
    found, wanted = np.divmod(answers, grid[1]), np.divmod(match[shown], grid[1])
    right = [np.abs(f - w) <= reach for f, w in zip(found, wanted, strict=True)]
    return float((right[0] & right[1]).mean())


def r_squared(
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    *,
    penalty: float = 1.0,
) -> np.ndarray:
    """R^2 of each target under a linear map of the features.

    On pairs of views this is the equivariance measure of Garrido et al. 2023, "Self-supervised
    learning of Split Invariant Equivariant representations".

    Args:
      train: features float [N, D] and targets float [N, K].
      test: the same.
      penalty: penalty of the ridge regression on standardised features.

    Returns:
      float64 [K]; 1 is a perfect fit, 0 is no better than the mean of the test targets.

    Raises:
      UserError: a constant target, or invalid arrays.
    """
    x, held = (finite(part[0], "the feature matrix") for part in (train, test))
    chex.assert_rank([train[1], test[1]], 2)
    chex.assert_equal_shape_prefix([x, train[1]], 1)
    chex.assert_equal_shape_prefix([held, test[1]], 1)
    mean, scale = moments(x)
    scale = scale + 1e-6
    weights, offset = RidgePath.fit((x - mean) / scale, np.asarray(train[1], np.float64)).solve(
        penalty
    )
    truth = np.asarray(test[1], np.float64)
    spread = np.square(truth - truth.mean(axis=0)).sum(axis=0)
    if (spread == 0).any():
        raise UserError("R^2 needs targets that vary on the test split")
    error = np.square(truth - ((held - mean) / scale @ weights + offset)).sum(axis=0)
    return 1.0 - error / spread


def checked(tokens: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Validates tokens float [N, T, D] and masks int [N, T]: consistent shapes, finite values."""
    tokens, masks = np.asarray(tokens), np.asarray(masks)
    if tokens.ndim != 3 or masks.shape != tokens.shape[:2]:
        raise UserError(
            f"segmentation needs tokens [N, T, D] and a class for each place [N, T], not "
            f"{list(tokens.shape)} and {list(masks.shape)}"
        )
    finite(tokens.reshape(len(tokens), -1), "the tokens")
    return tokens, masks.astype(np.int64)
