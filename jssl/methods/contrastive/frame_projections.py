"""Frame Projections: contrast a signal's representations in several bases.

Demirel & Holz, "Learning Without Augmenting: Unsupervised Time Series Representation Learning via
Frame Projections", 2025.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Layers, Positive
from jssl.encoders.features import Features
from jssl.errors import UserError
from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views
from jssl.nn import module as nn
from jssl.nn.heads import MLPHead
from jssl.objectives.contrastive import nt_xent
from jssl.objectives.regression import smooth_l1

SPACES = ("signal", "basis", "frame")


class Mapper(nn.Module):
    """An MLP with one hidden layer that maps features of one space to those of another."""

    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, D] to [B, D]."""
        head = MLPHead((x.shape[-1],), x.shape[-1], "none", "gelu", dtype=self.dtype, name="head")
        return head(x, train=True)


class Spaces(nn.Module):
    """An encoder and a projector for each space, and maps from the first to the others.

    Attributes:
      encoder: module that maps the signal to `Features`.
      basis: encoder of the signal's coefficients in an orthonormal basis.
      frame: encoder of the signal's coefficients in an overcomplete frame.
      hidden: widths of the projectors' hidden layers.
      out: width of the projections.
      norm: normalisation in the projectors.
      dtype: dtype in which the heads compute.
    """

    encoder: nn.Module
    basis: nn.Module
    frame: nn.Module
    hidden: tuple[int, ...]
    out: int
    norm: str
    dtype: str = "float32"

    def setup(self) -> None:
        """Creates the heads."""
        self.projectors = {
            name: MLPHead(self.hidden, self.out, norm=self.norm, dtype=self.dtype)
            for name in SPACES
        }
        self.mappers = {name: Mapper(self.dtype) for name in SPACES[1:]}

    def features(self, name: str, x: jax.Array, *, train: bool) -> jax.Array:
        """Pooled features of one space: [B, ...] -> [B, D]."""
        encoder = self.encoder if name == "signal" else getattr(self, name)
        return encoder(x, train=train).pooled

    def project(self, name: str, x: jax.Array, *, train: bool) -> jax.Array:
        """Projection of one space: [B, ...] -> [B, out]."""
        return self.projectors[name](self.features(name, x, train=train), train=train)

    def mapped(self, features: jax.Array) -> jax.Array:
        """Predicted features of the other encoders, from the first's: [B, D] -> [B, 2 * D]."""
        return jnp.concatenate([mapper(features) for mapper in self.mappers.values()], axis=-1)

    def __call__(self, *views: jax.Array, train: bool) -> dict[str, jax.Array]:
        """Projections by name [B, out], `guess` and `target` [B, 2 * D].

        Raises:
          UserError: if the encoders' features differ in width.
        """
        found = {n: self.features(n, x, train=train) for n, x in zip(SPACES, views, strict=True)}
        widths = {name: x.shape[-1] for name, x in found.items()}
        if len(set(widths.values())) > 1:
            raise UserError(f"the encoders of the spaces must give features of one width: {widths}")
        outputs = {name: self.projectors[name](x, train=train) for name, x in found.items()}
        target = jnp.concatenate([found["basis"], found["frame"]], axis=-1)
        return {
            **outputs,
            "guess": self.mapped(jax.lax.stop_gradient(found["signal"])),
            "target": jax.lax.stop_gradient(target),
        }


@dataclasses.dataclass(frozen=True)
class FrameProjections(Method):
    """NT-Xent between each pair of three spaces, and maps that predict the others' features.

    Equation: L = sum over pairs (u, v) of the spaces of nt_xent(u, v; T) + mean |m_b(sg f) - sg
    b|_1 / D + mean |m_o(sg f) - sg o|_1 / D, where f, b and o are the features of signal, basis and
    frame, m_b and m_o the maps, and sg a stopped gradient. The absolute errors are smoothed near
    zero (`beta`).

    Views: `signal`, the input of the experiment's encoder; `basis` and `frame`, the same example in
    an orthonormal basis and in an overcomplete frame, each [B, ...]. No augmentation is applied.

    Remembers: nothing.

    Collapse: prevented by the negatives, which are all other examples of the batch in both spaces.

    Evaluation needs only the signal and its encoder: the features of the signal are concatenated
    with the outputs of both maps, [B, 3 * D] (the authors' `IntegratedEncoder`).

    Defaults: from the authors' code (temperature 0.15; Adam at 1e-3, weight decay 1e-6, batch 1024,
    256 epochs; the real Fourier transform, and magnitudes of 48 complex Morlet wavelets from scale
    1 to 128; features of width 128). Projectors have no normalisation: batch normalisation gave
    lower scores on control charts (one seed, folds of the training data).

    Differs from the authors' code: the maps are trained together with the encoders, with stopped
    gradients, rather than after them. They are MLPs (one of the authors' ablations) rather than two
    convolutions along the features. The second pair of maps, between projections, whose loss is
    divided by the batch size once more, is omitted. The views of this project
    (`jssl.augmentations.frames`) give amplitudes with real and imaginary parts instead of phases,
    because phases are numerically undefined where amplitudes vanish, and use a tight Gabor frame
    with one window instead of wavelets.

    Unverified: the paper's results (heart rate, activities, sleep, ECG), whose data sets are not
    included.

    Attributes:
      basis: encoder of view `basis`.
      frame: encoder of view `frame`.
      temperature: temperature of the softmax.
      hidden: widths of the projectors' hidden layers.
      out: width of the projections.
      norm: normalisation in the projectors, "batch", "layer" or "none".
      beta: threshold of the maps' smooth L1 error, below which it is quadratic.
      dtype: dtype in which the heads compute.
    """

    basis: nn.Module = dataclasses.field(kw_only=True)
    frame: nn.Module = dataclasses.field(kw_only=True)
    temperature: Positive = 0.15
    hidden: Layers = (128,)
    out: Count = 128
    norm: str = "none"
    beta: Positive = 0.01
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.named("signal", "basis", "frame")
    paper: ClassVar[str] = (
        "Learning Without Augmenting: Unsupervised Time Series Representation Learning via Frame "
        "Projections"
    )
    scale_invariant: ClassVar[tuple[str, ...]] = SPACES
    targets: ClassVar[tuple[str, ...]] = ("target",)

    def net(self, encoder: nn.Module) -> nn.Module:
        """Three encoders with their heads."""
        # Copies, because a module that is used twice would share its parameters.
        basis, frame = self.basis.clone(), self.frame.clone()
        return Spaces(encoder, basis, frame, self.hidden, self.out, self.norm, dtype=self.dtype)

    def inputs(self, views: Views) -> tuple[jax.Array, ...]:
        """The view of each space."""
        return tuple(views[name] for name in SPACES)

    def forward(self, step: Step, views: Views) -> Outputs:
        """Projections `signal`, `basis`, `frame` [B, out]; `guess` and `target` [B, 2 * D]."""
        return step.student(*self.inputs(views))

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """The three pairs of the global batch, and the maps' error."""
        losses = {
            f"{a}_{b}": jnp.mean(nt_xent(outputs[a], outputs[b], temperature=self.temperature))
            for a, b in (SPACES[:2], SPACES[::2], SPACES[1:])
        }
        error = self.mapping_error(outputs)
        return sum(losses.values()) + error, {**losses, "mapping": error}

    def mapping_error(self, outputs: Outputs) -> jax.Array:
        """Summed error of both maps, float32."""
        error = jnp.mean(smooth_l1(outputs["guess"], outputs["target"], beta=self.beta))
        return 2.0 * error  # the mean over the features of both maps is half the sum of their means

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """Projections of all spaces; the trivial loss of the three pairs is 3 ln(2B - 1)."""
        projections = {name: outputs[name] for name in SPACES}
        pairs = 3.0 * math.log(2 * len(outputs["signal"]) - 1)
        return Monitored(
            embeddings=projections,
            pairs={"signal and basis": (outputs["signal"], outputs["basis"])},
            trivial_loss=pairs + self.mapping_error(outputs),
        )

    def encode(self, step: Step, x: jax.Array) -> Features:
        """Features of the signal, and those of both other spaces as predicted by the maps."""
        features = super().encode(step, x)
        variables = {"params": step.params, **step.batch_stats}
        mapped = step.net.apply(variables, features.pooled, method=Spaces.mapped)
        return features.replace(pooled=jnp.concatenate([features.pooled, mapped], axis=-1))

    def towers(self, step: Step) -> Mapping[str, Callable[[jax.Array], jax.Array]]:
        """The three encoders with their projectors, in evaluation mode."""

        def tower(name: str) -> Callable[[jax.Array], jax.Array]:
            return lambda x: step.predict(name, x, method=Spaces.project)

        return {name: tower(name) for name in SPACES}

    def smoke(self) -> Method:
        """Small encoders, projectors of width 32 and projections of 16."""
        encoders = {name: getattr(self, name).smoke() for name in SPACES[1:]}
        return dataclasses.replace(self, **encoders, hidden=(32,) * len(self.hidden), out=16)
