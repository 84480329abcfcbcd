"""Dense evaluators against plain loops and scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import jaccard_score, r2_score

from jssl.errors import UserError
from jssl.evaluation import dense

RNG = np.random.default_rng(0)
MASKS = RNG.integers(0, 2, (30, 16))
CENTRES = np.array([[3.0, 0, 0, 0, 0], [0, 0, 2.0, 1.0, 0]])
TOKENS = CENTRES[MASKS] + RNG.normal(size=(30, 16, 5)) * 0.3


def test_iou_matches_scikit_learn():
    a, b = RNG.integers(0, 3, (2, 5, 8))
    expected = jaccard_score(b.ravel(), a.ravel(), average="macro")
    assert dense.mean_iou(a, b, 3) == pytest.approx(expected)
    assert dense.mean_iou(a, b, 7) == pytest.approx(expected)  # absent classes do not count


def test_segmentation_finds_what_tokens_hold():
    parts = [(TOKENS[k : k + 10], MASKS[k : k + 10]) for k in (0, 10, 20)]
    found = dense.linear_segmentation(*parts)
    assert found["miou"] > 0.95
    assert dense.cluster_segmentation(TOKENS, MASKS) > 0.95
    assert dense.component_segmentation(TOKENS, MASKS) > 0.95
    prompted = dense.prompt_segmentation(TOKENS, MASKS)
    assert max(prompted.values()) > 0.9
    noise = RNG.normal(size=TOKENS.shape)
    assert dense.linear_segmentation(*((noise[:10], m) for _, m in parts))["miou"] < 0.6
    assert dense.cluster_segmentation(noise, MASKS) < 0.6


def test_prompting_is_a_plain_loop():
    found = dense.prompt_segmentation(TOKENS, MASKS, thresholds=(0.4,), seed=1)
    rng = np.random.default_rng(1)
    scores = []
    for tokens, mask in zip(TOKENS, MASKS, strict=True):
        if not (mask == 1).any():
            continue
        prompt = tokens[rng.choice(np.flatnonzero(mask == 1))]
        cosine = [t @ prompt / np.linalg.norm(t) / np.linalg.norm(prompt) for t in tokens]
        scaled = [(c - min(cosine)) / (max(cosine) - min(cosine)) for c in cosine]
        chosen = np.array([s > 0.4 for s in scaled])
        scores.append(np.sum(chosen & (mask == 1)) / np.sum(chosen | (mask == 1)))
    assert found[0.4] == pytest.approx(np.mean(scores))


def test_labels_follow_a_moving_figure():
    texture = RNG.normal(size=(6, 6, 8))
    frames, truth = [], []
    for shift in range(4):
        mask = np.zeros((6, 6), int)
        mask[2:4, shift : shift + 2] = 1
        tokens = np.roll(texture, shift, axis=1)  # every place moves by one
        frames.append(tokens.reshape(36, 8))
        truth.append(np.roll(mask if shift == 0 else truth[0].reshape(6, 6), shift, axis=1).ravel())
    found = dense.propagate_labels(np.stack(frames), truth[0], grid=(6, 6), neighbours=1)
    assert (found == np.stack(truth)).all()
    near = dense.propagate_labels(
        np.stack(frames), truth[0], grid=(6, 6), neighbours=1, radius=0, context=1
    )
    assert (near == truth[0]).all()  # a place that may look at itself alone keeps its label


def test_propagation_is_a_plain_loop():
    tokens, first = RNG.normal(size=(3, 6, 4)), np.array([0, 1, 2, 0, 1, 2])
    settings = {"context": 2, "neighbours": 3, "radius": 1, "temperature": 0.5}
    found = dense.propagate_labels(tokens, first, grid=(2, 3), **settings)
    soft = [np.eye(3)[first]]
    for frame in (1, 2):
        rows = []
        for i in range(6):
            options = []
            for other in range(frame):
                for j in range(6):
                    if abs(i // 3 - j // 3) > 1 or abs(i % 3 - j % 3) > 1:
                        continue
                    p, q = tokens[frame, i], tokens[other, j]
                    cosine = p @ q / np.linalg.norm(p) / np.linalg.norm(q)
                    options.append((cosine, soft[other][j]))
            options.sort(key=lambda pair: -pair[0])
            votes = sum(np.exp(c / 0.5) * label for c, label in options[:3])
            rows.append(votes / votes.sum())
        soft.append(np.array(rows))
    assert (found == np.stack([part.argmax(axis=1) for part in soft])).all()


def test_correspondence_counts_the_right_places():
    a = RNG.normal(size=(3, 12, 6))
    match = np.arange(12).reshape(3, 4)[:, ::-1].ravel().copy()
    b = a[:, match]
    assert dense.correspondence(a, b, match, grid=(3, 4)) == 1
    wrong = np.roll(match, 1)
    assert dense.correspondence(a, b, wrong, grid=(3, 4)) == 0
    shifted = match.copy()
    shifted[match % 4 < 3] += 1
    shifted[match % 4 == 3] = -1
    assert dense.correspondence(a, b, shifted, grid=(3, 4)) == 0
    assert dense.correspondence(a, b, shifted, grid=(3, 4), reach=1) == 1


def test_r_squared_matches_scikit_learn():
    x, weights = RNG.normal(size=(200, 6)), RNG.normal(size=(6, 2))
    y = x @ weights + RNG.normal(size=(200, 2)) * [0.1, 5.0]
    found = dense.r_squared((x[:120], y[:120]), (x[120:], y[120:]))
    mean, scale = x[:120].mean(axis=0), x[:120].std(axis=0) + 1e-6
    model = Ridge(alpha=1.0).fit((x[:120] - mean) / scale, y[:120])
    predicted = model.predict((x[120:] - mean) / scale)
    np.testing.assert_allclose(found, r2_score(y[120:], predicted, multioutput="raw_values"))
    assert found[0] > 0.98 > 0.6 > found[1]


def test_impossible_questions_are_sentences():
    with pytest.raises(UserError, match="a class for each place"):
        dense.cluster_segmentation(TOKENS, MASKS[:, :3])
    with pytest.raises(UserError, match="have the same class; segmentation needs two"):
        dense.linear_segmentation(*[(TOKENS, np.zeros_like(MASKS))] * 3)
    with pytest.raises(UserError, match="no image has a figure"):
        dense.prompt_segmentation(TOKENS, np.zeros_like(MASKS))
    with pytest.raises(UserError, match="do not fill a grid of 3 x 4"):
        dense.propagate_labels(TOKENS, MASKS[0], grid=(3, 4))
    with pytest.raises(UserError, match="no position in common"):
        dense.correspondence(TOKENS, TOKENS, np.full(16, -1), grid=(4, 4))
    with pytest.raises(UserError, match="targets that vary"):
        dense.r_squared((TOKENS[0], np.ones((16, 1))), (TOKENS[0], np.ones((16, 1))))
    with pytest.raises(UserError, match="tokens has 1 of 30"):
        broken = TOKENS.copy()
        broken[2, 3, 1] = np.nan
        dense.component_segmentation(broken, MASKS)
