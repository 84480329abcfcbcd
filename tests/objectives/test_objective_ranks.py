"""Every objective refuses an array of a wrong rank, with a message that names its shape."""

import functools
import inspect

import jax
import jax.numpy as jnp
import pytest
from wrong_ranks import accepted, array, arrays, functions

import jssl.objectives

T = {"temperature": 0.1}
MASKED = "prediction:BTD target:BTD mask:BT"
CALLS = {
    "classification.accuracy": ("logits:BK labels:B", {}),
    "classification.cross_entropy": ("logits:BK labels:B", {}),
    "classification.soft_cross_entropy": ("logits:BK targets:BK", {}),
    "classification.smoothed_places": ("coordinates:B2", {"sigma": 1.0}),
    "clustering.cluster_loss": ("embedding:BTD centroids:KD labels:B", T),
    "clustering.sinkhorn": ("scores:BK weights:B", T),
    "clustering.spherical_kmeans": ("x:BD centroids:KD weights:B", {}),
    "contrastive.info_nce": ("queries:BD keys:MD positives:BM candidates:BM", T),
    "contrastive.multiview_nce": ("views:BTD labels:B", T),
    "contrastive.nearest": ("queries:BD rows:MD", {}),
    "contrastive.nt_xent": ("a:BD b:BD", T),
    "contrastive.paired_nce": ("a:BD b:BD", {"scale": 1.0}),
    "contrastive.paired_sigmoid": ("a:BD b:BD", {"scale": 1.0, "bias": 0.0}),
    "contrastive.queue_nce": ("queries:BD keys:BD negatives:MD", T),
    "distillation.cross_view": ("scores:BTK targets:B2K", T),
    "gaussian.epps_pulley": ("x:BD", {}),
    "gaussian.lejepa": ("centre:B2D views:BTD directions:DM", {"weight": 0.1}),
    "gaussian.sigreg": ("x:BD directions:DM", {}),
    "masked.masked_l1": (MASKED, {}),
    "masked.masked_matching": ("scores:BTT mask:BT", {}),
    "masked.masked_mean": ("values:BT mask:BT", {}),
    "masked.masked_mse": (MASKED, {}),
    "masked.masked_scaled_cosine": (MASKED, {}),
    "points.chamfer": ("prediction:BT3 target:BM3", {}),
    "points.masked_agreement": ("a:BTD b:BTD mask:BT", {}),
    "points.masked_chamfer": ("prediction:BT9 target:BT9 mask:BT", {}),
    "quantised.other_hidden": ("draw:BTK mask:BT", {}),
    "quantised.sequence_nce": ("queries:BTD keys:BTD negatives:BTK allowed:BTK mask:BT", T),
    "quantised.unused_codes": ("logits:BT2K weights:BT", {}),
    "redundancy.barlow_twins": ("a:BD b:BD", {"off_diagonal": 0.1}),
    "redundancy.cross_correlation": ("a:BD b:BK", {}),
    "redundancy.mean_squared": ("a:BD b:BD", {}),
    "redundancy.mixed_correlation": ("mixed:BD a:BD b:BD partner:B share:B", {}),
    "redundancy.squared_distance": ("a:BD b:BD", {}),
    "redundancy.standardize_batch": ("x:BD", {}),
    "redundancy.vicreg_covariance": ("x:BD", {}),
    "redundancy.vicreg_variance": ("x:BD", {}),
    "redundancy.w_mse": ("views:BTD groups:23", {}),
    "redundancy.whiten": ("x:BD", {}),
    "regression.cosine_regression": ("prediction:BD target:BD", {}),
    "regression.smooth_l1": ("prediction:BD target:BD", {}),
    "spanning.spanning_tree": ("distances:BB", {}),
    "spanning.sphere_distance": ("x:BD", {}),
    "spanning.tree_length": ("x:BD", {}),
    "spectrum.spectrum_distance": ("prediction:BTTK target:BTTK mask:BTT", {}),
    "uniformity.koleo": ("x:BD", {}),
}
# An array with free leading axes, which another one has to fit (its argument is left out below).
FREE = {
    "classification.binary_cross_entropy": ("targets:B", {"logits": jnp.zeros(6)}),
    "distillation.teacher_targets": ("centre:K", {"scores": jnp.zeros((6, 3)), **T}),
    "distillation.update_centre": (
        "centre:K weights:B",
        {"scores": jnp.zeros((6, 3)), "momentum": 0.9},
    ),
}
ANY_RANK = {"common.l2_normalize", "common.log_softmax", "common.matmul", "common.standardize"}
ANY_RANK |= {"clustering.mean_entropy", "masked.normalize_patches", "gaussian.random_slices"}
FOUND = functions(jssl.objectives)


def test_every_objective_is_listed_with_all_its_arrays() -> None:
    assert set(FOUND) == {*CALLS, *FREE, *ANY_RANK}
    for name, (spec, others) in (CALLS | FREE).items():
        listed = {part.split(":")[0] for part in spec.split()} | set(others)
        wanted = {n for n, p in inspect.signature(FOUND[name]).parameters.items() if arrays(p)}
        left = wanted - listed - ({"weights"} if name == "distillation.teacher_targets" else set())
        assert not left, f"{name}: {left}"


@pytest.mark.parametrize("name", sorted(CALLS | FREE))
def test_a_wrong_rank_is_refused(name: str) -> None:
    spec, others = (CALLS | FREE)[name]

    def traced(**given: jax.Array) -> object:  # neither compiled nor run
        return jax.eval_shape(functools.partial(FOUND[name], **others), **given)

    traced(**{part.split(":")[0]: jnp.asarray(array(part.split(":")[1])) for part in spec.split()})
    assert not accepted(traced, spec, {}, jnp.asarray)
