"""Mixed Barlow Twins: Barlow Twins with a regulariser on linearly mixed inputs.

Bandara et al., "Guarding Barlow Twins Against Overfitting with Mixed Samples", 2023.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax

from jssl.core.ranges import Count, Layers, NonNegative, Positive
from jssl.methods.base import Metrics, Outputs, Spec, Step, Views
from jssl.methods.redundancy._twins import Twins
from jssl.objectives.redundancy import barlow_twins, mixed_correlation


@dataclasses.dataclass(frozen=True)
class MixedBarlowTwins(Twins):
    """Barlow Twins and a penalty on the cross-correlation of mixed inputs (section 3).

    Equation: L = L_BT(a, b) + w / 2 (R_a + R_b); R_v = |C(m, v) - lambda C(a, v) - (1 - lambda)
    C(b*, v)|^2, where m is the embedding of the mixture lambda a + (1 - lambda) b*, b* are the
    partners, and C is the cross-correlation.

    Views: `a`, `b` and `mixed` {"image" [B, ...], "partner" int [B], "share" [B]}, which
    `augmentations.batchwise.mix_views` makes from them; the three pass through the net one after
    the other.

    Remembers: nothing.

    Collapse: as in Barlow Twins; the penalty stops the embedding from overfitting in long training.

    Defaults: from the authors' code for CIFAR-10 (their code: weight 1/128 off the diagonal, 4
    times that for the penalty, projector 512 - 1024; batch 256, Adam at 0.01 x batch / 256 with a
    cosine, 2000 epochs). For ImageNet their code halves the penalty and lets its weight grow over
    ten epochs.

    Differs from the authors' code: embeddings are standardised as in Barlow Twins; theirs for
    CIFAR-10 first scales each embedding to unit length, and divides by the unbiased standard
    deviation. In their code for ImageNet the target uses `b` without `a`; here and in their code
    for CIFAR-10 both targets are mixtures of `a` and `b`.

    The fields are those of `Twins`, and:

    Attributes:
      off_diagonal: weight of the redundancy term.
      scale: factor on the whole loss.
      penalty: weight of the penalty, relative to `off_diagonal`.
    """

    off_diagonal: NonNegative = 1 / 128
    scale: Positive = 1.0
    penalty: NonNegative = 4.0
    hidden: Layers = (512,)
    out: Count = 1024

    # Partners are drawn by position, so a permutation of the batch mixes other pairs.
    permutation_invariant: ClassVar[bool] = False
    views: ClassVar[Spec] = Spec.pair() + Spec.named("mixed", parts=("image", "partner", "share"))
    paper: ClassVar[str] = "Guarding Barlow Twins Against Overfitting with Mixed Samples"

    def forward(self, step: Step, views: Views) -> Outputs:
        """Embeddings of `a`, `b` and `mixed`, each [B, out], with partners and shares, [B]."""
        first, second = jax.random.split(step.key)
        pair = step.replace(key=first)
        outputs = super().forward(pair, views)
        step.batch_stats = pair.batch_stats
        mixed = views["mixed"]
        (embedding, _) = step.student(mixed["image"], key=second)
        outputs |= {"mixed": embedding, "partner": mixed["partner"], "share": mixed["share"]}
        return outputs

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """The loss of Barlow Twins and the penalty, which is also a metric."""
        twins = barlow_twins(outputs["a"], outputs["b"], off_diagonal=self.off_diagonal)
        penalty = mixed_correlation(
            *(outputs[name] for name in ("mixed", "a", "b", "partner", "share"))
        )
        loss = self.scale * twins + self.scale * self.off_diagonal * self.penalty * penalty
        return loss, {"mixed": penalty}
