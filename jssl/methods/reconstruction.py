"""Pictures of a masked reconstruction, for reports."""

from __future__ import annotations

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp


def picture(
    encoder: nn.Module, image: jax.Array, prediction: jax.Array, hidden: jax.Array
) -> Mapping[str, jax.Array]:
    """What went in, what came out and what was there; visible patches are copied over.

    Args:
      encoder: cuts its input into patches and puts them together again.
      image: the original, [B, ...].
      prediction: [B, N, P] patches.
      hidden: bool [B, N], True where a patch was hidden.

    Returns:
      {"input", "reconstruction", "original"}, each of the shape of `image`.
    """
    patches, hidden = encoder.patches(image), hidden[..., None]
    return {
        "input": encoder.assemble(jnp.where(hidden, jnp.mean(patches), patches), image.shape),
        "reconstruction": encoder.assemble(jnp.where(hidden, prediction, patches), image.shape),
        "original": image,
    }
