"""I-JEPA: from the tokens of one context block, predict a teacher's tokens of several other blocks.

Assran et al., "Self-Supervised Learning from Images with a Joint-Embedding Predictive
Architecture", 2023.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jssl.alarm import Monitored
from jssl.clock import Clock
from jssl.methods.base import Memory, Method, Metrics, Outputs, Tree, Views, apply, the_input
from jssl.methods.teacher import Taught, run_teacher
from jssl.nn.predictor import BlockPredictor, PredictiveNet
from jssl.objectives.common import standardize
from jssl.objectives.regression import smooth_l1
from jssl.ranges import Count, Unit


@dataclasses.dataclass(frozen=True)
class IJEPA(Taught):
    """Smooth L1 error of the predicted tokens, the teacher's being normalised (section 3).

    Equation: L = mean over blocks and their tokens of smoothL1(g(f(context), places),
    norm(t(x))[places]), t the teacher.

    Views: one input [B, ...] and `mask` {"keep" int [B, K], the context; "targets" int [B, M, T],
    the M blocks}. The student sees the context alone, the teacher everything.

    Remembers: the teacher, an exponential moving average of the encoder, and the encoder that is
    evaluated.

    Collapse: to tokens that tell nothing of the input, such as their positions, is held off by
    nothing but the stopped gradient, the slow teacher and the hardness of the task.

    Defaults are the paper's for ImageNet (appendix A; predictor of width 384 with 12 blocks for
    ViT-L and larger, 6 for ViT-B; momentum 0.996 to 1; AdamW at 1e-3, batch 2048, 15 to 40 epochs
    of warm-up, no class token, weight decay 0.04 to 0.4 by a cosine). The small experiments keep a
    constant weight decay: 0.4 is a value for runs of 10^5 steps.

    The paper writes the squared L2 distance; smooth L1 and the teacher's layer normalisation
    without learned parts are the authors' code's. It differs from that code in drawing masks for
    each example, cut to a common length by the view. Encoder and predictor start as there in
    `image/ijepa_imagenet`: standard deviation 0.02, output layers of attention and MLP of block l
    over sqrt(2 l).

    BatchNorm of the teacher: as in BYOL; a ViT has none.

    Attributes:
      momentum: of the teacher at the first step; it rises linearly to `momentum_end`.
      momentum_end: of the teacher at the last step.
      predictor_width: size of the predictor's tokens.
      predictor_depth: number of its blocks.
      predictor_heads: its attention heads.
      kernel_init: initialiser of its kernels; the default is the authors', who start the encoder in
        the same way, and suits widths from about 200 up.
      dtype: dtype in which the predictor computes.
    """

    momentum: Unit = 0.996
    momentum_end: Unit = 1.0
    predictor_width: Count = 384
    predictor_depth: Count = 12
    predictor_heads: Count = 12
    kernel_init: str = "trunc_normal_depth"
    dtype: str = "float32"

    average_of: ClassVar[str] = "encoder"
    rise: ClassVar[str] = "linear"
    evaluated: ClassVar[str] = "teacher"
    paper: ClassVar[str] = (
        "Self-Supervised Learning from Images with a Joint-Embedding Predictive Architecture"
    )
    couples_batch: ClassVar[bool] = False
    targets: ClassVar[tuple[str, ...]] = ("target",)

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder and predictor."""
        return PredictiveNet(encoder, self._predictor())

    def _predictor(self) -> BlockPredictor:
        return BlockPredictor(
            self.predictor_width,
            self.predictor_depth,
            self.predictor_heads,
            kernel_init=self.kernel_init,
            dtype=self.dtype,
        )

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """What the net is run on."""
        mask = views["mask"]
        return the_input(views), mask["keep"], mask["targets"]

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
        """`prediction` and `target` [B, M, T, D], and the context's pooled `embedding`."""
        x, keep, targets = self.inputs(views)
        (pooled, prediction), stats = apply(net, params, stats, x, keep, targets, rng=rng)
        tokens = run_teacher(net.encoder, memory["teacher"], x, rng=rng).tokens
        places = targets.reshape(targets.shape[0], -1, 1)
        target = jnp.take_along_axis(self.regressed(tokens), places, axis=1)
        outputs = {"prediction": prediction, "target": target.reshape(prediction.shape)}
        return {**outputs, "embedding": pooled}, stats

    def regressed(self, tokens: jax.Array) -> jax.Array:
        """What is predicted of the teacher's tokens [B, N, D]: each normalised."""
        return standardize(tokens)

    def objective(
        self, outputs: Outputs, memory: Memory, *, rng: jax.Array, clock: Clock
    ) -> tuple[jax.Array, tuple[Memory, Metrics]]:
        """Error averaged over tokens, blocks and the batch."""
        error = smooth_l1(outputs["prediction"], outputs["target"])
        return jnp.mean(error), (memory, {"teacher_momentum": self.teacher_momentum(clock)})

    def monitor(self, outputs: Outputs, params: Tree, memory: Memory) -> Monitored:
        """Predicted blocks, the context's features, and how far teacher and student are apart."""
        names = ("prediction", "target")
        x, y = (
            outputs[name].reshape(len(outputs[name]), -1, outputs[name].shape[-1]) for name in names
        )
        return Monitored(
            features={"embedding": outputs["embedding"]},
            predictions={"blocks": (x, y, jnp.ones(x.shape[:2]))},
            teachers=self.distance(params, memory),
        )

    def smoke(self) -> Method:
        """A one-block predictor of width 16."""
        small = {"predictor_width": 16, "predictor_depth": 1, "predictor_heads": 2}
        return dataclasses.replace(self, **small, kernel_init="xavier")
