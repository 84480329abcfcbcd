"""wav2vec 2.0: hide spans of latent steps, find the quantised step behind each hidden place.

Baevski et al., "wav2vec 2.0: A Framework for Self-Supervised Learning of Speech Representations",
2020.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jssl.alarm import Monitored
from jssl.clock import Clock
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views, the_input
from jssl.nn import rows
from jssl.nn.decoder import real_tokens
from jssl.nn.dense import Dense
from jssl.nn.quantiser import GumbelQuantiser
from jssl.objectives.masked import masked_mean
from jssl.objectives.quantised import other_hidden, sequence_nce, unused_codes
from jssl.ranges import AboveZero, Count, NonNegative, Positive, Several


class QuantisedTargets(nn.Module):
    """An encoder that sees hidden latents, and a quantiser that sees them all.

    Attributes:
      encoder: a token encoder; `encoder.prepare` gives what is quantised.
      quantiser: module (latents, noise, temperature) -> `Codes`.
      out: width in which predictions and targets are compared.
      dtype: dtype in which the map of the predictions computes.
    """

    encoder: nn.Module
    quantiser: nn.Module
    out: int
    dtype: str

    @nn.compact
    def __call__(
        self,
        x: Any,
        mask: jax.Array,
        noise: jax.Array | None = None,
        temperature: float | jax.Array = 1.0,
        *,
        train: bool,
    ) -> dict[str, jax.Array]:
        """Encodes.

        Args:
          x: input of the encoder, [B, ...].
          mask: bool [B, N], latents hidden from the transformer.
          noise: [B, N, G, V], of the quantiser; None for none.
          temperature: of the quantiser.
          train: as ever.

        Returns:
          "context" and "target" [B, N, out], "logits" [B, N, G, V], "code" int [B, N, G], the
          pooled "embedding" [B, D] and "hidden" bool [B, N], the mask without padding.
        """
        latents = self.encoder.prepare(x)
        features = self.encoder(latents, mask=mask, train=train)
        codes = self.quantiser(self.encoder.patches(latents), noise, temperature)
        context = Dense(self.out, kernel_init="lecun", dtype=self.dtype, name="context")
        real = real_tokens(self.encoder, latents)
        return {
            "context": context(features.tokens),
            "target": codes.vectors,
            "logits": codes.logits,
            "code": codes.index,
            "embedding": features.pooled,
            "hidden": mask if real is None else mask & real,
        }


@dataclasses.dataclass(frozen=True)
class Wav2Vec2(Method):
    """InfoNCE of the transformer's output with the quantised latent, within one sequence (eq. 2).

    The latents of the first layers are quantised, and hidden from the transformer behind a learned
    vector; its output at a hidden step is to fit the quantised latent of that step better than
    those of other hidden steps of the same example. A second term keeps the entries of the
    codebooks in use.

    Equation: L = mean over hidden t of -log(exp(cos(c_t, q_t) / T) / sum over q_t and K negatives
    q of exp(cos(c_t, q) / T)) + w mean over codebooks g of (1 - exp(H_g) / V), H_g the entropy of
    the choices of the whole batch.

    Views: one input [B, ...] and `mask` {"mask" bool [B, N]}, True where a latent step is hidden.

    Remembers: nothing.

    Collapse: to few entries of the codebooks, whose negatives then equal the positive, held off by
    the second term.

    Defaults are the paper's (section 4.2: two codebooks of 320 entries, 100 negatives, T 0.1,
    weight 0.1, Gumbel temperature 2 to 0.5 by a constant factor a step, reached after 0.7 of the
    run; BASE compares in width 256; about half of the steps are hidden in spans of 10, set in the
    views).

    Differs from the authors' code: gradients into the convolutions are not scaled down and there
    is no penalty on their output (both belong to BASE alone); no layer drop; positions are those
    of the encoder. As there, and not in the paper, negatives with the codes of the positive count
    for nothing, and the second term is of the perplexity, not of the entropy.

    Attributes:
      temperature: of the contrast.
      negatives: drawn for each hidden step.
      diversity_weight: of the second term.
      groups: codebooks.
      entries: of each codebook.
      gumbel_start: temperature of the choice of entries at the first step.
      gumbel_end: the same after `gumbel_share` of the run.
      gumbel_share: of the run.
      code_width: of the chosen entries side by side.
      out: width in which predictions and targets are compared.
      dtype: dtype in which the quantiser and the maps compute.
    """

    temperature: Positive = 0.1
    negatives: Count = 100
    diversity_weight: NonNegative = 0.1
    groups: Count = 2
    entries: Several = 320
    gumbel_start: Positive = 2.0
    gumbel_end: Positive = 0.5
    gumbel_share: AboveZero = 0.7
    code_width: Count = 256
    out: Count = 256
    dtype: str = "float32"

    views: ClassVar[Spec] = Spec.single() + Spec.mask()
    paper: ClassVar[str] = (
        "wav2vec 2.0: A Framework for Self-Supervised Learning of Speech Representations"
    )
    scale_invariant: ClassVar[tuple[str, ...]] = ("context", "target")

    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder, quantiser and maps."""
        sizes = (self.groups, self.entries, self.code_width, self.out)
        return QuantisedTargets(encoder, GumbelQuantiser(*sizes, self.dtype), self.out, self.dtype)

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """What the net is run on."""
        return the_input(views), views["mask"]["mask"]

    def forward(self, step: Step, views: Views) -> Outputs:
        """What `QuantisedTargets` gives but the codes; `negatives` and `allowed` [B, N, K]."""
        x, mask = self.inputs(views)
        batch, steps = mask.shape
        noise_key, draw_key, key = jax.random.split(step.key, 3)
        shape = (steps, self.groups, self.entries)
        noise = rows.draw(noise_key, batch, lambda key: jax.random.gumbel(key, shape))
        temperature = self.gumbel_temperature(step.progress)
        outputs = step.student(x, mask, noise, temperature, key=key)
        shape = (steps, self.negatives)
        draw = rows.draw(draw_key, batch, lambda key: jax.random.uniform(key, shape))
        negatives, there = other_hidden(draw, outputs["hidden"])
        code = outputs.pop("code")
        same = jnp.all(code[:, :, None] == code[:, None], axis=-1)
        allowed = there & ~jnp.take_along_axis(same, negatives, axis=2)
        return {**outputs, "negatives": negatives, "allowed": allowed}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Both terms; the second is of the global batch."""
        names = ("context", "target", "negatives", "allowed", "hidden")
        contrast = jnp.mean(
            sequence_nce(*(outputs[name] for name in names), temperature=self.temperature)
        )
        idle = unused_codes(outputs["logits"], outputs["hidden"])
        metrics = {
            "contrast": contrast,
            "unused_codes": idle,
            "gumbel_temperature": self.gumbel_temperature(step.progress),
        }
        return contrast + self.diversity_weight * idle, metrics

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """Features, the first codebook's choices at each example's first hidden step, the loss."""
        hidden, logits = outputs["hidden"], outputs["logits"].astype(jnp.float32)
        first = jnp.argmax(hidden, axis=1)[:, None, None, None]
        one = jnp.take_along_axis(logits, first, axis=1)[:, 0, 0]
        candidates = 1.0 + jnp.sum(outputs["allowed"], axis=-1).astype(jnp.float32)
        blind = jnp.mean(masked_mean(jnp.log(candidates), hidden))
        return Monitored(
            features={"embedding": outputs["embedding"]},
            assignments={"codes": jax.nn.softmax(one)},
            trivial_loss=blind + self.diversity_weight * unused_codes(logits, hidden),
        )

    def gumbel_temperature(self, clock: Clock) -> jax.Array:
        """The temperature of the choice of entries, float32 scalar."""
        done = jnp.minimum(clock.fraction / self.gumbel_share, 1.0)
        return self.gumbel_start * (self.gumbel_end / self.gumbel_start) ** done

    def smoke(self) -> Method:
        """Two codebooks of 8 entries, 6 negatives, width 16."""
        small = {"entries": 8, "negatives": 6, "code_width": 16, "out": 16}
        return dataclasses.replace(self, **small)
