"""Simple baselines of texts, captions and biological sequences: counts of words and of k-mers."""

from __future__ import annotations

from typing import Any

import modality_baselines as simple
import numpy as np

from jssl.data.source import Splits, read_all
from jssl.data.text import to_text
from jssl.evaluation.cross_modal import cross_retrieval, zero_shot
from jssl.evaluation.regression import correlation, regression_probe
from jssl.evaluation.ridge import RidgePath
from jssl.evaluation.strengths import BOUNDS, STRENGTHS, search

Scores = dict[str, float]

WIDTH = 64  # of the encoders of symbols
SQUEEZED = f"projected at random to {WIDTH} numbers"


def squeeze(x: np.ndarray) -> np.ndarray:
    """What is left of features in as few numbers as an untrained encoder has: [N, D], D any."""
    draw = np.random.default_rng(0)
    return x @ draw.normal(size=(x.shape[1], WIDTH)).astype(np.float32)


def counts(sequences: np.ndarray, k: int) -> np.ndarray:
    """How often each k-mer of any sequence is in each: symbols int [N, L] -> float32 [N, kinds]."""
    windows = np.lib.stride_tricks.sliding_window_view(sequences, k, axis=1)
    base = int(sequences.max()) + 1
    numbers = (windows.astype(np.int64) * base ** np.arange(k)).sum(-1)
    numbers[(windows == 0).any(-1)] = -1  # padding
    kinds = np.unique(numbers[numbers >= 0])
    out = np.zeros((len(sequences), len(kinds)), np.float32)
    rows, places = np.nonzero(numbers >= 0)
    np.add.at(out, (rows, np.searchsorted(kinds, numbers[rows, places])), 1.0)
    return out


def hot(sequences: np.ndarray) -> np.ndarray:
    """One-hot symbols by place: float32 [N, columns]."""
    columns = sequences[..., None] == np.unique(sequences)
    return columns.reshape(len(sequences), -1).astype(np.float32)


def _bags(splits: Splits, ks: tuple[int, ...]) -> dict[str, list[np.ndarray]]:
    """Each kind of features for train, validation and test; what train lacks is left out."""
    parts = [
        np.asarray(read_all(part)["sequence"])
        for part in (splits.train, splits.validation, splits.test)
    ]
    ends = np.cumsum([len(part) for part in parts])[:-1]
    whole = np.concatenate(parts)
    made = {f"{k}-mers": counts(whole, k) for k in ks}
    made["one-hot letters"] = hot(whole)
    varying = {name: x[:, np.ptp(x[: ends[0]], axis=0) > 0] for name, x in made.items()}
    varying[f"one-hot letters, {SQUEEZED}"] = squeeze(varying["one-hot letters"])
    return {name: np.split(x, ends) for name, x in varying.items()}


def sequence_classes(splits: Splits) -> dict[str, Scores]:
    """Linear probes on bags of k-mers and on one-hot letters."""
    labels = [read_all(part)["label"] for part in (splits.train, splits.validation, splits.test)]
    return {
        f"linear on {name}": _both(simple.linear(list(zip(parts, labels, strict=True))))
        for name, parts in _bags(splits, (1, 3, 4)).items()
    }


def _both(accuracy: float) -> Scores:
    """A probe of a baseline is neither of pooled features nor of a site: it stands for both."""
    return {"linear": accuracy, "site": accuracy}


def sequence_numbers(splits: Splits) -> dict[str, Scores]:
    """Ridge regression on bags of k-mers and on one-hot letters."""
    targets = [read_all(part)["target"] for part in (splits.train, splits.validation, splits.test)]
    found = {}
    for name, parts in _bags(splits, (1, 3)).items():
        result = regression_probe(*zip(parts, targets, strict=True))
        found[f"ridge on {name}"] = {"spearman": result.test.rho, "mse": result.mse}
    return found


def texts(splits: Splits) -> dict[str, Scores]:
    """Logistic regression on TF-IDF of words, and of characters; C is chosen on validation."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    parts = []
    for part in (splits.train, splits.validation, splits.test):
        batch = read_all(part)
        parts.append(([to_text(row) for row in batch["text"]], batch["label"]))
    kinds = {
        "words": TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\S+"),
        "characters": TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
    }
    found = {}
    for name, words in kinds.items():
        train = words.fit_transform(parts[0][0])
        validation, test = (words.transform(part[0]) for part in parts[1:])
        score = regression([(train, parts[0][1]), (validation, parts[1][1]), (test, parts[2][1])])
        found[f"logistic regression on TF-IDF of {name}"] = {"linear": score}
        if name == "words":
            few = [squeeze(words.transform(part[0])) for part in parts]
            labels = [part[1] for part in parts]
            score = simple.linear(list(zip(few, labels, strict=True)))
            found[f"linear on TF-IDF of {name}, {SQUEEZED}"] = {"linear": score}
    return found


def regression(parts: list[tuple[Any, np.ndarray]]) -> float:
    """Test accuracy of logistic regression on sparse features, C chosen on validation."""
    from sklearn.linear_model import LogisticRegression

    models: dict[float, LogisticRegression] = {}

    def score(strength: float) -> float:
        models[strength] = LogisticRegression(C=strength, max_iter=1000).fit(*parts[0])
        return float(models[strength].score(*parts[1]))

    return float(models[search(score, STRENGTHS, BOUNDS).value].score(*parts[2]))


def pairs(splits: Splits) -> dict[str, Scores]:
    """Cosine of TF-IDF of the words of both sentences, weights from the training sentences."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    train, test = read_all(splits.train), read_all(splits.test)
    sentences = [to_text(row) for key in ("text", "other") for row in train[key]]
    found = {}
    for name, options in (
        ("words", {"token_pattern": r"\w+"}),
        ("characters", {"analyzer": "char_wb", "ngram_range": (2, 4)}),
    ):
        words = TfidfVectorizer(**options).fit(sentences)
        a, b = (words.transform([to_text(row) for row in test[key]]) for key in ("text", "other"))
        cosine = np.asarray(a.multiply(b).sum(axis=1)).ravel()
        rho = correlation(cosine, test["target"].astype(np.float64)).rho
        found[f"cosine of TF-IDF of {name}"] = {"spearman": rho}
    return found


def captioned(splits: Splits, side: int = 8, penalty: float = 100.0) -> dict[str, Scores]:
    """A linear map from small images to TF-IDF of their captions' words, by ridge regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    def pixels(image: np.ndarray) -> np.ndarray:
        count, size = image.shape[:2]
        cells = image.reshape(count, side, size // side, side, size // side, 3)
        return cells.mean(axis=(2, 4)).reshape(count, -1) / 255.0

    train, test = read_all(splits.train), read_all(splits.test)
    said = [" ".join(to_text(row) for row in rows) for rows in train["captions"]]
    words = TfidfVectorizer().fit(said)
    weights, offset = RidgePath.fit(pixels(train["image"]), words.transform(said).toarray()).solve(
        penalty
    )
    a = pixels(test["image"]) @ weights + offset
    owner, place = np.nonzero(test["captions"].any(axis=-1))
    b = words.transform([to_text(row) for row in test["captions"][owner, place]]).toarray()
    mean = a.mean(axis=0)  # what all images have in common says nothing of one
    found = cross_retrieval(a - mean, b - mean, owner, ks=(1, 5))
    if splits.classes:
        prompts = words.transform([name.replace("_", " ") for name in splits.classes]).toarray()
        found["zero-shot"] = zero_shot(a - mean, prompts[:, None], test["label"])
    return {"ridge from pixels to TF-IDF": found}
