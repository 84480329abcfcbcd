"""Every evaluator refuses an array of a wrong rank, with a message that names its shape."""

import inspect

import jax.numpy as jnp
import numpy as np
import pytest
from wrong_ranks import accepted, arrays, functions

import jssl.evaluation
from jssl.evaluation.few_shot import FewShot
from jssl.evaluation.forecasting import Windows, forecast_probe
from jssl.evaluation.probe_sweep import Sweep
from jssl.evaluation.protocols.clips import Propagation
from jssl.evaluation.representations import Representations

SPLITS = "train:BD,B validation:BD,B test:BD,B"
TOKENS = "train:BTD,B validation:BTD,B test:BTD,B"
DRAW = {"seed": 0, "draw": 0}
GRID = {"grid": (2, 2)}
SEGMENTED = "tokens:BTD masks:BT"
CALLS = {
    "arrays.check_evaluable": ("train:B validation:B test:B", {"per_class": 1}),
    "arrays.class_indices": ("train:B", {}),
    "arrays.labelled": ("features:BD labels:B", {"name": "x"}),
    "attentive.apply_probe": ("tokens:BTD", {"params": {}, "heads": 2}),
    "attentive.attentive_probe": (TOKENS, {}),
    "clustering.agglomerative": ("features:BD", {"clusters": 2}),
    "clustering.agreement": ("clusters:B labels:B", {}),
    "clustering.cluster_features": ("features:BD labels:B", {}),
    "clustering.contingency": ("clusters:B labels:B", {}),
    "clustering.hungarian_accuracy": ("clusters:B labels:B", {}),
    "clustering.kmeans": ("features:BD", {"clusters": 2}),
    "clustering.reduce": ("features:BD", {"dimensions": 2}),
    "clustering.silhouette": ("features:BD labels:B", {}),
    "collapse.collapse_statistics": ("features:BD", {}),
    "collapse.effective_rank": ("features:BD", {}),
    "collapse.feature_std": ("features:BD", {}),
    "collapse.mean_cosine": ("features:BD", {}),
    "correlation.ranks": ("values:B", {}),
    "cross_modal.cross_retrieval": ("a:BD b:MD owner:M", {"ks": (1,)}),
    "cross_modal.zero_shot": ("a:BD prompts:KTD labels:B", {}),
    "dense.checked": (SEGMENTED, {}),
    "dense.cluster_segmentation": (SEGMENTED, {}),
    "dense.component_segmentation": (SEGMENTED, {}),
    "dense.correspondence": ("a:BTD b:BTD match:T", GRID),
    "dense.linear_segmentation": ("train:BTD,BT validation:BTD,BT test:BTD,BT", {}),
    "dense.mean_iou": ("predicted:BT truth:BT", {"classes": 2}),
    "dense.prompt_segmentation": (SEGMENTED, {}),
    "dense.propagate_labels": ("tokens:BTD first:T", GRID),
    "dense.r_squared": ("train:BD,BK test:BD,BK", {}),
    "detection.auroc": ("known:B ood:M", {}),
    "detection.group_gaps": ("correct:B groups:B", {}),
    "detection.knn_score": ("bank:BD queries:MD", {"k": 2}),
    "detection.mahalanobis_score": ("train:BD queries:MD labels:B", {}),
    "detection.rotation_score": ("log_probabilities:B44", {}),
    "few_label.few_label_probe": (SPLITS, {"per_class": (1,), "draws": 1}),
    "few_label.fraction_probe": (SPLITS, {"fractions": (0.5,), "draws": 1}),
    "few_label.fraction_subset": ("labels:B", {"fraction": 0.5, **DRAW}),
    "few_label.stratified_subset": ("labels:B", {"per_class": 1, **DRAW}),
    "few_shot.choose_weight": ("features:BD labels:B centre:D", {"settings": FewShot()}),
    "few_shot.draw_episodes": ("labels:B", {"settings": FewShot()}),
    "few_shot.few_shot": ("features:BD labels:B centre:D", {}),
    "few_shot.squares": ("a:BD b:MD", {}),
    "few_shot.transduce": (
        "support:KTD queries:BD",
        {"weight": 1.0, "neighbours": 2, "iterations": 1, "moving": False},
    ),
    "knn.knn_accuracy": ("bank:BD bank_labels:B queries:MD query_labels:M", {"ks": (2,)}),
    "knn.knn_predict": ("bank:BD bank_labels:B queries:MD", {"ks": (2,)}),
    "knn.neighbours": ("bank:BD queries:MD", {"k": 2}),
    "labelfree.alignment": ("a:BD b:BD", {}),
    "labelfree.alpha_req": ("features:BD", {}),
    "labelfree.augmentation_radius": ("views:BTD labels:B", {}),
    "labelfree.cluster_learnability": ("features:BD", {"clusters": 2}),
    "labelfree.eigenvalues": ("features:BD", {}),
    "labelfree.intrinsic_dimension": ("features:BD", {}),
    "labelfree.lidar": ("views:BTD", {}),
    "labelfree.nesum": ("features:BD", {}),
    "labelfree.stable_rank": ("features:BD", {}),
    "labelfree.two_nearest": ("x:BD", {}),
    "labelfree.uniformity": ("features:BD", {}),
    "labelfree.unit": ("x:BD", {}),
    "layer_weighted.average": ("layers:BTD scores:T", {}),
    "layer_weighted.layer_solver": ("layers:BTD labels:B", {}),
    "layer_weighted.layer_weighted_probe": (TOKENS, {}),
    "layer_weighted.softmax": ("scores:T", {}),
    "linear.linear_probe": (SPLITS, {}),
    "logistic.fit_path": (
        "features:BD labels:B",
        {"strengths": (1.0,), "max_iterations": 1, "tolerance": 1.0},
    ),
    "logistic.fit_standardised": ("features:BD labels:B", {"strength": 1.0}),
    "multi_label.average_precision": ("scores:B positive:B weights:1B", {}),
    "multi_label.check_scored": ("train:BK validation:BK test:BK", {"names": "abc"}),
    "multi_label.multi_label_probe": (
        "train:BD,BK validation:BD,BK test:BD,BK",
        {"names": "abc"},
    ),
    "multi_label.rank": ("scores:BK positive:BK weights:1B", {}),
    "probe_sweep.accuracies": ("weights:2TDK biases:2TK x:2BD labels:B", {}),
    "probe_sweep.normalise": ("train:BD", {"norm": "standardise"}),
    "probe_sweep.train_one": (
        "x:BD labels:B",
        {"classes": 2, "sweep": Sweep(), "learning_rate": 0.1, "weight_decay": 0.0},
    ),
    "probe_sweep.train_stack": ("x:2BD labels:B", {"classes": 2, "sweep": Sweep()}),
    "protocols.clips.followed": ("clips:BMTD masks:BMT", {**GRID, "how": Propagation()}),
    "protocols.similarity.transforms": ("known:BD", {}),
    "protocols.cross_modal.texts": (
        "tokens:BT",
        {"subject": Representations.__new__(Representations), "row": "x"},
    ),
    "protocols.nodes.node_probe": (SPLITS, {}),
    "protocols.robustness.damaged": ("images:B883", {"name": "fog", "severity": 1, "seed": 0}),
    "regression.correlation": ("predicted:B true:B", {}),
    "regression.regression_probe": (SPLITS, {}),
    "retrieval.copy_detection": ("originals:BD copies:BD distractors:MD", {}),
    "retrieval.retrieval": ("features:BD labels:B", {"ks": (1,)}),
    "ridge.ridge_probe": (SPLITS, {}),
    "risk.alignment_distance": ("views:BTD", {}),
    "risk.decompose_risk": ("train:BD,B test:BD,B", {"supervised_error": 0.1, "strength": 1.0}),
    "risk.memorisation": ("with_example:BTD without_example:BTD", {}),
    "svm.svm_probe": (SPLITS, {}),
}
# Statistics of arrays of any shape, weights drawn from a key, and the one that has a test below.
OTHER = {"arrays.moments", "attentive.init_probe", "forecasting.forecast_probe"}
FOUND = {
    name: function
    for name, function in functions(jssl.evaluation).items()
    if not name.startswith("corruptions.")  # which are augmentations of an image
}


def test_every_evaluator_is_listed_with_all_its_arrays() -> None:
    assert set(FOUND) == {*CALLS, *OTHER}
    for name, (spec, _) in CALLS.items():
        listed = {part.split(":")[0] for part in spec.split()}
        parameters = inspect.signature(FOUND[name]).parameters.items()
        left = {n for n, p in parameters if arrays(p) and p.kind != p.VAR_POSITIONAL} - listed
        assert not left, f"{name}: {left}"


@pytest.mark.parametrize("name", sorted(CALLS))
def test_a_wrong_rank_is_refused(name: str) -> None:
    spec, others = CALLS[name]
    on_device = "jax.Array" in str(inspect.signature(FOUND[name]))
    assert not accepted(FOUND[name], spec, others, jnp.asarray if on_device else np.asarray)


def test_windows_of_a_wrong_rank_are_refused() -> None:
    right = Windows(np.ones((6, 3, 8)), np.ones((6, 9, 3)), np.ones((6, 5, 3)))
    for field in Windows._fields:
        wrong = right._replace(**{field: getattr(right, field)[0]})
        for place in range(3):
            parts = [right] * 3
            parts[place] = wrong
            with pytest.raises(AssertionError, match="rank"):
                forecast_probe(*parts)
