"""The output of every encoder."""

from __future__ import annotations

import flax.struct
import jax

from jssl.errors import UserError

MASKABLE = (
    "ViT",
    "SeriesTransformer",
    "JointSeriesTransformer",
    "CrossSeriesTransformer",
    "TableTransformer",
    "SymbolTransformer",
    "PointTransformer",
    "VideoTransformer",
    "WaveformTransformer",
)
"""Encoders that can mask and drop tokens."""


@flax.struct.dataclass
class Features:
    """An encoder's output.

    Attributes:
      pooled: [B, D], one vector per example, the input of a linear probe.
      tokens: [B, N, D], one vector per position (patch, cell of a feature map, time step), or None
        if the encoder has no positions. Class and register tokens are not included.
      extras: intermediate results by name. In a compiled program, unused ones cost nothing, since
        XLA removes them.
    """

    pooled: jax.Array
    tokens: jax.Array | None = None
    extras: dict[str, jax.Array] = flax.struct.field(default_factory=dict)


def block_outputs(features: Features) -> list[jax.Array]:
    """Outputs of the blocks of a transformer, before the final norm and from the first to the last.

    Args:
      features: with extras "block0", "block1", ...

    Returns:
      One [B, P + N, D] for each block, the P prefix tokens (class token, registers) first.
    """
    depth = sum(1 for name in features.extras if name.removeprefix("block").isdigit())
    return [features.extras[f"block{i}"] for i in range(depth)]


def refuse_masks(encoder: str, mask: jax.Array | None, keep: jax.Array | None) -> None:
    """Refuses masks for an encoder that does not support them.

    Args:
      encoder: the encoder's name.
      mask: the mask it was given.
      keep: the tokens to keep it was given.

    Raises:
      UserError: if either is not None.
    """
    for name, value in (("mask", mask), ("keep", keep)):
        if value is not None:
            raise UserError(
                f"{encoder} has no tokens to {name}: use an encoder that can mask "
                f"({', '.join(MASKABLE)})"
            )
