"""DINOv2: iBOT with heads of their own, balanced assignments and a push between neighbours.

Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", 2023.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp

from jssl.clock import Clock
from jssl.methods.base import Memory, Metrics, Outputs
from jssl.methods.distillation.ibot import IBOT
from jssl.objectives.uniformity import koleo
from jssl.ranges import NonNegative, Several, Unit


@dataclasses.dataclass(frozen=True)
class DINOv2(IBOT):
    """DINO at the crops, iBOT at the hidden patches, KoLeo between the images (section 4).

    KoLeo is taken of the student's pooled features of each large crop, over the global batch, in
    float32 whatever the encoder computes in.

    Equation: L = L_DINO + L_iBOT - w mean_i log(distance of image i to its nearest in the batch).

    Views: those of iBOT.

    Remembers: what iBOT does.

    Collapse: held off by the balance of Sinkhorn-Knopp over batch and hidden patches; KoLeo keeps
    images apart.

    Defaults are those of the authors' code for large models (131072 prototypes over a bottleneck of
    384 is theirs for ViT-g; here 65536 over 256, their defaults; teacher 0.04 to 0.07 in 30 epochs,
    teacher momentum 0.992 to 1, KoLeo at 0.1, prototypes held for an epoch; AdamW at 4e-3 x
    sqrt(batch / 1024), gradients clipped at 3; half of the crops masked at a ratio in (0.1, 0.5),
    set in the views). Centring by Sinkhorn-Knopp and separate heads are the paper's choice.

    BatchNorm of the teacher: as DINO.

    Differs from the authors' code: KoLeo looks for neighbours in the global batch, not in that of
    one device; what iBOT's docstring says. Their class token and registers start at 1e-6 and
    the mask token at zero (`token_std`, `mask_std`), as in `image/dinov2_imagenet`; with registers
    they interpolate positions as timm does, otherwise as DINO. The experiments on ImageNet have the
    authors' layer decay, slower patch embedding, growing weight decay and clipping by module; the
    small ones keep a constant weight decay and clip all gradients together.

    Attributes:
      koleo_weight: of KoLeo, for each of the two crops.
    """

    momentum: Unit = 0.992
    centring: Literal["centre", "sinkhorn"] = "sinkhorn"
    prototypes: Several = 65536
    shared_head: bool = False
    patch_prototypes: Several = 65536
    koleo_weight: NonNegative = 0.1

    paper: ClassVar[str] = "DINOv2: Learning Robust Visual Features without Supervision"

    def objective(
        self, outputs: Outputs, memory: Memory, *, rng: jax.Array, clock: Clock
    ) -> tuple[jax.Array, tuple[Memory, Metrics]]:
        """iBOT's loss and KoLeo of both crops."""
        loss, (memory, metrics) = super().objective(outputs, memory, rng=rng, clock=clock)
        pooled = outputs["pooled"]
        spread = jnp.mean(koleo(pooled[:, 0])) + jnp.mean(koleo(pooled[:, 1]))
        return loss + self.koleo_weight * spread, (memory, {**metrics, "koleo": spread})
