"""wav2vec 2.0: mask spans of latent steps and identify the quantised latent at each masked step.

Baevski et al., "wav2vec 2.0: A Framework for Self-Supervised Learning of Speech Representations",
2020.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jssl.core.progress import Progress
from jssl.core.ranges import AboveZero, Count, NonNegative, Positive, Several
from jssl.health.alarm import Monitored
from jssl.methods.base import Method, Metrics, Outputs, Spec, Step, Views, the_input
from jssl.nn import module as nn
from jssl.nn import rows
from jssl.nn.decoder import real_tokens
from jssl.nn.dense import Dense
from jssl.nn.quantiser import GumbelQuantiser
from jssl.objectives.masked import masked_mean
from jssl.objectives.quantised import other_hidden, sequence_nce, unused_codes


class QuantisedTargets(nn.Module):
    """An encoder of masked latents and a quantiser of the unmasked ones.

    Attributes:
      encoder: token encoder; `encoder.prepare` returns the latents that are quantised.
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
        """Encodes the masked input and quantises the targets.

        Args:
          x: input of the encoder, [B, ...].
          mask: bool [B, N], latents masked in the transformer's input.
          noise: Gumbel noise of the quantiser, [B, N, G, V]; None for no noise.
          temperature: temperature of the quantiser.
          train: whether to run in training mode.

        Returns:
          "context" and "target" [B, N, out], "logits" [B, N, G, V], "code" int [B, N, G], the
          pooled "embedding" [B, D] and "masked" bool [B, N], the mask without padding.
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
            "masked": mask if real is None else mask & real,
        }


@dataclasses.dataclass(frozen=True)
class Wav2Vec2(Method):
    """InfoNCE of the transformer's output with the quantised latent, within one sequence (eq. 2).

    The latents of the first layers are quantised. For the transformer, masked latents are replaced
    by a learned vector. Its output at a masked step must match the quantised latent of that step
    better than those of other masked steps of the same example. A diversity term keeps all codebook
    entries in use.

    Equation: L = mean over masked t of -log(exp(cos(c_t, q_t) / T) / sum over q_t and K negatives q
    of exp(cos(c_t, q) / T)) + w mean over codebooks g of (1 - exp(H_g) / V), where c_t is the
    transformer's output, q_t the quantised latent, and H_g the entropy of the codebook choices in
    the whole batch.

    Views: one input [B, ...] and `mask` {"mask" bool [B, N]}, True where a latent step is masked.

    Remembers: nothing.

    Collapse: use of few codebook entries, for which negatives equal the positive, is prevented by
    the diversity term.

    Defaults: from the paper (section 4.2: two codebooks of 320 entries, 100 negatives, T 0.1,
    weight 0.1, Gumbel temperature from 2 to 0.5 by a constant factor per step, reached after 0.7 of
    the run; comparison in width 256 for BASE; about half of the steps masked in spans of 10, set in
    the views).

    Differs from the authors' code: gradients into the convolutions are not scaled down and there is
    no penalty on their output (both apply to BASE only); there is no layer drop; positions are
    those of the encoder. As in the code, and unlike the paper, negatives with the same codes as the
    positive are ignored, and the diversity term uses the perplexity, not the entropy.

    Attributes:
      temperature: temperature of the contrastive softmax.
      negatives: number of negatives drawn for each masked step.
      diversity_weight: weight of the diversity term.
      groups: number of codebooks.
      entries: number of entries of each codebook.
      gumbel_start: Gumbel-softmax temperature at the first step.
      gumbel_end: Gumbel-softmax temperature after `gumbel_share` of the run.
      gumbel_share: fraction of the run in which the Gumbel-softmax temperature falls.
      code_width: width of the concatenated codebook entries.
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
        """Inputs on which `init` runs the net."""
        return the_input(views), views["mask"]["mask"]

    def forward(self, step: Step, views: Views) -> Outputs:
        """`QuantisedTargets`' outputs without codes; `negatives` and `allowed` [B, N, K]."""
        x, mask = self.inputs(views)
        batch, steps = mask.shape
        noise_key, draw_key, key = jax.random.split(step.key, 3)
        shape = (steps, self.groups, self.entries)
        noise = rows.draw(noise_key, batch, lambda key: jax.random.gumbel(key, shape))
        temperature = self.gumbel_temperature(step.progress)
        outputs = step.student(x, mask, noise, temperature, key=key)
        shape = (steps, self.negatives)
        draw = rows.draw(draw_key, batch, lambda key: jax.random.uniform(key, shape))
        negatives, there = other_hidden(draw, outputs["masked"])
        code = outputs.pop("code")
        same = jnp.all(code[:, :, None] == code[:, None], axis=-1)
        allowed = there & ~jnp.take_along_axis(same, negatives, axis=2)
        return {**outputs, "negatives": negatives, "allowed": allowed}

    def objective(self, step: Step, outputs: Outputs) -> tuple[jax.Array, Metrics]:
        """Both terms; the diversity term is computed over the global batch."""
        names = ("context", "target", "negatives", "allowed", "masked")
        contrast = jnp.mean(
            sequence_nce(*(outputs[name] for name in names), temperature=self.temperature)
        )
        idle = unused_codes(outputs["logits"], outputs["masked"])
        metrics = {
            "contrast": contrast,
            "unused_codes": idle,
            "gumbel_temperature": self.gumbel_temperature(step.progress),
        }
        return contrast + self.diversity_weight * idle, metrics

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """Features, the first codebook's choices at each first masked step, and the loss."""
        masked, logits = outputs["masked"], outputs["logits"].astype(jnp.float32)
        first = jnp.argmax(masked, axis=1)[:, None, None, None]
        one = jnp.take_along_axis(logits, first, axis=1)[:, 0, 0]
        candidates = 1.0 + jnp.sum(outputs["allowed"], axis=-1).astype(jnp.float32)
        blind = jnp.mean(masked_mean(jnp.log(candidates), masked))
        return Monitored(
            features={"embedding": outputs["embedding"]},
            assignments={"codes": jax.nn.softmax(one)},
            trivial_loss=blind + self.diversity_weight * unused_codes(logits, masked),
        )

    def gumbel_temperature(self, progress: Progress) -> jax.Array:
        """The Gumbel-softmax temperature, float32 scalar."""
        done = jnp.minimum(progress.fraction / self.gumbel_share, 1.0)
        return self.gumbel_start * (self.gumbel_end / self.gumbel_start) ** done

    def smoke(self) -> Method:
        """Two codebooks of 8 entries, 6 negatives, width 16."""
        small = {"entries": 8, "negatives": 6, "code_width": 16, "out": 16}
        return dataclasses.replace(self, **small)
