"""How encoders of each modality are judged: from a trained program to numbers."""

from __future__ import annotations

from collections.abc import Callable

import modality_baselines as simple
import numpy as np

from jssl.core.state import TrainState
from jssl.data.source import Splits
from jssl.evaluation.features import features
from jssl.evaluation.few_shot import FewShot, few_shot
from jssl.evaluation.forecast_tuning import ForecastRecipe
from jssl.evaluation.protocols.cross_modal import CrossRetrieval, ZeroShot
from jssl.evaluation.protocols.finetune import ForecastFineTuning
from jssl.evaluation.protocols.forecast import Forecast
from jssl.evaluation.protocols.neighbours import KNN
from jssl.evaluation.protocols.nodes import Nodes
from jssl.evaluation.protocols.probes import Linear
from jssl.evaluation.protocols.regression import Regression
from jssl.evaluation.protocols.similarity import Similarity
from jssl.evaluation.protocols.svm import SVM
from jssl.evaluation.protocols.token_site import TokenSite
from jssl.evaluation.representations import Representations, Row
from jssl.runs.loop import Finished
from jssl.runs.run import Run
from jssl.training.program import Program

Scores = dict[str, float]


def probes(
    k: int = 5, most: int = 8000, auc: bool = False
) -> Callable[[Program, TrainState, Splits], Scores]:
    """Linear probe and kNN accuracy on pooled features; with `auc` that of the probe as well."""

    def score(program: Program, state: TrainState, splits: Splits) -> Scores:
        parts = [features(program, state, simple.front(part, most)) for part in three(splits)]
        return classify(parts, k, auc)

    return score


def classify(parts: list[tuple[np.ndarray, np.ndarray]], k: int, auc: bool = False) -> Scores:
    """Test accuracies of the linear probe, chosen on validation, and of kNN."""
    subject = Representations.of_features({"row": parts})
    protocols = (KNN(ks=(min(k, len(parts[0][0])),)), Linear())
    knn, linear = (one.measure(subject, "row") for one in protocols)
    (accuracy,) = knn.scores.values()
    scores = {"linear": linear.scores["linear"].value, "knn": accuracy.value}
    return {**scores, "auc": linear.details["auc"]} if auc else scores


def forecast(program: Program, state: TrainState, splits: Splits) -> Scores:
    """Squared errors of linear forecasts from frozen tokens: all, and the hidden future's alone."""
    subject = Representations({"row": Row(program, state)}, splits, program)
    errors = {
        "mse, frozen": Forecast(every=3),
        "mse, frozen, future's tokens": Forecast(every=3, last=8),
    }
    return {name: f.measure(subject, "row").scores["mse"].value for name, f in errors.items()}


def tuned_forecast(run: Run, done: Finished, row: str) -> Scores:
    """Errors of a forecast by encoder and head, fine-tuned from the run or trained from scratch."""
    subject = Representations({row: Row(done.program, done.state)}, done.splits, done.program, run)
    recipe = ForecastRecipe(epochs=6, head_epochs=2, learning_rate=1e-3)
    scores = ForecastFineTuning(recipe=recipe, seed=run.seed).measure(subject, row).scores
    return {name: scores[name].value for name in ("mse", "mae")}


def clouds(ways: int) -> Callable[[Program, TrainState, Splits], Scores]:
    """A linear support-vector machine, kNN, and ten labelled examples a class."""

    def score(program: Program, state: TrainState, splits: Splits) -> Scores:
        parts = [features(program, state, part) for part in three(splits)]
        train, _, test = parts
        subject = Representations.of_features({"row": parts})
        few = FewShot(ways=ways, shots=10, queries=20, episodes=200)
        return {
            "svm": SVM().measure(subject, "row").scores["svm"].value,
            "knn": KNN(ks=(20,)).measure(subject, "row").scores["k=20"].value,
            f"{ways}-way 10-shot": few_shot(*test, few, centre=train[0].mean(axis=0)).mean,
        }

    return score


def nodes(program: Program, state: TrainState, splits: Splits) -> Scores:
    """Linear probe on the nodes of one graph."""
    subject = Representations({"row": Row(program, state)}, splits, program)
    return {"linear": Nodes().measure(subject, "row").scores["nodes"].value}


def similarity(program: Program, state: TrainState, splits: Splits) -> Scores:
    """Rank correlation of cosines of pairs with their scores."""
    subject = Representations({"row": Row(program, state)}, splits, program)
    return {"spearman": Similarity().measure(subject, "row").scores["spearman"].value}


def paired(program: Program, state: TrainState, splits: Splits) -> Scores:
    """Classes from their names, where there are classes, and retrieval in both directions."""
    subject = Representations({"row": Row(program, state)}, splits, program)
    found = ZeroShot().measure(subject, "row").scores if splits.classes else {}
    found = {**found, **CrossRetrieval(ks=(1, 5)).measure(subject, "row").scores}
    return {name: score.value for name, score in found.items()}


def site(program: Program, state: TrainState, splits: Splits) -> Scores:
    """Linear probe on the two tokens in the middle, and what `probes` gives."""
    subject = Representations({"row": Row(program, state)}, splits, program)
    found = TokenSite().measure(subject, "row").scores["site"].value
    return {"site": found, **probes(k=20)(program, state, splits)}


def regression(program: Program, state: TrainState, splits: Splits) -> Scores:
    """Ridge regression of the number that examples carry."""
    subject = Representations({"row": Row(program, state)}, splits, program)
    scores = Regression().measure(subject, "row").scores
    return {name: scores[name].value for name in ("spearman", "mse")}


def ten_fold(program: Program, state: TrainState, splits: Splits) -> Scores:
    """Ten-fold cross-validation of a support-vector machine on the features of all graphs."""
    parts = [features(program, state, part) for part in three(splits)]
    return {"linear": simple.svm(*(np.concatenate(x) for x in zip(*parts, strict=True)))}


def three(splits: Splits) -> tuple:
    """Train, validation and test."""
    return splits.train, splits.validation, splits.test
