"""The read-outs of the judge, which of them a family's papers use, and the margins.

Every read-out is measured for every method whose encoder has it; a method is judged by those of its
family.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from jssl.evaluation.evaluating import TRAINED
from jssl.evaluation.finetuning import Tuning
from jssl.evaluation.protocols import protocol
from jssl.evaluation.record import UNTRAINED, Evaluation, Record

LABELS = 500  # labelled training examples of fine-tuning
# A short recipe: enough steps for a small net to fit 500 images, no mixing, which needs long runs.
TUNING = Tuning(
    epochs=40,
    batch_size=50,
    warmup_epochs=4,
    layer_decay=0.75,
    drop_path=0.0,
    smoothing=0.1,
    mixup=0.0,
    cutmix=0.0,
)
RATES = (0.003, 0.012)  # base rates of fine-tuning, per 256; each row takes its best on validation

# Read-out -> how tables call it.
TITLES = {
    "knn": "kNN",
    "linear": "linear",
    "moments": "linear, mean + deviation",
    "attentive": "attentive",
    "finetune": f"fine-tuned, {LABELS} labels",
    "dense": "dense",
}
# What the papers of a family report.
OF_FAMILY = {
    "contrastive": ("linear", "knn"),
    "clustering": ("linear", "knn"),
    "distillation": ("linear", "knn"),
    "redundancy": ("linear", "knn"),
    "masked": ("finetune", "linear", "attentive"),
    "predictive": ("linear", "moments", "attentive"),
    "pretext": ("linear", "finetune"),
}
# Methods whose papers report segmentation from tokens.
DENSE = ("distillation/ibot", "distillation/dinov2", "predictive/ijepa", "masked/dbot")


def readouts_of(method: str) -> tuple[str, ...]:
    """The read-outs that a method's field uses, by its "family/name"."""
    own = OF_FAMILY[method.split("/")[0]]
    return (*own, "dense") if method in DENSE else own


def evaluations(ground: str, method: str, seed: int) -> dict[str, list[Evaluation]]:
    """The protocols of each read-out; of several, each row takes its best on validation.

    Args:
      ground: its name; silhouettes have masks of figure and ground.
      method: "family/name".
      seed: of the labelled examples and of the training of the probes.
    """
    tuning = [
        dataclasses.replace(
            protocol("finetune"),
            recipe=dataclasses.replace(TUNING, learning_rate=rate),
            labels=LABELS,
            seed=seed,
        )
        for rate in RATES
    ]
    found = {
        "knn": [dataclasses.replace(protocol("knn"), ks=(20,))],
        "linear": [protocol("linear")],
        "moments": [protocol("token_moments")],
        "attentive": [protocol("attentive")],
        "finetune": tuning,
    }
    if ground == "shapes" and method in DENSE:
        found["dense"] = [protocol("segmentation")]
    return found


def scores(records: list[Record]) -> dict[str, dict[str, float]]:
    """Test and validation scores of a read-out for each row, in [0, 1].

    Args:
      records: of one protocol, or of several that differ in a setting; each row takes the one with
        the highest validation score.

    Returns:
      Row -> "test" and, where the protocol has it, "validation" and the "choice" of the record.
    """
    found = {}
    for row in (TRAINED, UNTRAINED):
        own = [record.rows[row] for record in records if row in record.rows]
        if not own:
            continue
        validated = [columns.get("validation", {}).get("value", 0.0) for columns in own]
        best = max(range(len(own)), key=validated.__getitem__)
        found[row] = {"test": next(iter(own[best].values()))["value"]}
        if "validation" in own[best]:
            found[row] |= {"validation": validated[best], "choice": best}
    return found


def margins() -> dict[str, float]:
    """Points that a gain has to reach, by read-out; fixed in a file before the runs."""
    found = json.loads(Path(__file__).with_name("margins.json").read_text())
    return {name: value for name, value in found.items() if name in TITLES}
