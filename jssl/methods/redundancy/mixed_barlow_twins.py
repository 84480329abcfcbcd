"""Mixed Barlow Twins: Barlow Twins, and mixed inputs correlate like mixtures of embeddings.

Bandara et al., "Guarding Barlow Twins Against Overfitting with Mixed Samples", 2023.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import flax.linen as nn
import jax

from jssl.clock import Clock
from jssl.methods.base import Memory, Metrics, Outputs, Tree, Views, apply
from jssl.methods.redundancy.barlow_twins import BarlowTwins
from jssl.objectives.redundancy import mixed_correlation
from jssl.ranges import Count, Layers, NonNegative


@dataclasses.dataclass(frozen=True)
class MixedBarlowTwins(BarlowTwins):
    """Barlow Twins and a penalty on how mixed inputs correlate with unmixed ones (section 3).

    Equation: L = L_BT(a, b) + w / 2 (|C(m, a) - lambda C(a, a) - (1 - lambda) C(b*, a)|^2 + the
    same with b), m = lambda a + (1 - lambda) b*, b* the partners.

    Views: `a`, `b` and `mixed` {"image" [B, ...], "partner" int [B], "share" [B]}, which
    `augmentations.batchwise.mix_views` makes of them; the three pass through the net one after the
    other.

    Remembers: nothing.

    Collapse: as in Barlow Twins; the penalty stops the embedding from overfitting in long training.

    Defaults are the authors' for CIFAR-10 (their code: weight 1/128 off the diagonal, 4 times that
    on the penalty, projector 512 - 1024; batch 256, Adam at 0.01 x batch / 256 with a cosine, 2000
    epochs). For ImageNet their code halves the penalty and lets its weight grow over ten epochs.

    Differs from the authors' code: embeddings are standardised as in Barlow Twins; theirs for
    CIFAR-10 gives each unit length before that, and divides by the unbiased standard deviation.
    Their code for ImageNet has a target of `b` without `a`; here and in their code for CIFAR-10
    both targets are mixtures of `a` and `b`.

    The other fields are those of `BarlowTwins`.

    Attributes:
      penalty: weight of the penalty, relative to `off_diagonal`.
    """

    off_diagonal: NonNegative = 1 / 128
    penalty: NonNegative = 4.0
    hidden: Layers = (512,)
    out: Count = 1024

    # Partners are drawn by position, so another order mixes other pairs.
    permutable: ClassVar[bool] = False
    paper: ClassVar[str] = "Guarding Barlow Twins Against Overfitting with Mixed Samples"

    def forward(
        self,
        net: nn.Module,
        params: Tree,
        stats: Tree,
        memory: Memory,
        views: Views,
        *,
        rng: jax.Array,
        clock: Clock,
    ) -> tuple[Outputs, Tree]:
        """Embeddings of `a`, `b` and `mixed`, each [B, out], with partners and shares, [B]."""
        first, second = jax.random.split(rng)
        outputs, stats = super().forward(net, params, stats, memory, views, rng=first, clock=clock)
        mixed = views["mixed"]
        (embedding, _), stats = apply(net, params, stats, mixed["image"], rng=second)
        outputs |= {"mixed": embedding, "partner": mixed["partner"], "share": mixed["share"]}
        return outputs, stats

    def objective(
        self, outputs: Outputs, memory: Memory, *, rng: jax.Array, clock: Clock
    ) -> tuple[jax.Array, tuple[Memory, Metrics]]:
        """The loss of Barlow Twins and the penalty, which is also a metric."""
        loss, (memory, metrics) = super().objective(outputs, memory, rng=rng, clock=clock)
        penalty = mixed_correlation(
            *(outputs[name] for name in ("mixed", "a", "b", "partner", "share"))
        )
        loss = loss + self.scale * self.off_diagonal * self.penalty * penalty
        return loss, (memory, {**metrics, "mixed": penalty})
