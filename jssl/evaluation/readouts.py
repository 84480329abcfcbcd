"""Readouts: the layers of an encoder and how they are pooled into a feature vector."""

from __future__ import annotations

import re
from collections.abc import Sequence

import chex
import jax
import jax.numpy as jnp

from jssl.encoders.features import Features
from jssl.errors import UserError, nearest
from jssl.objectives.common import standardize

_LAYER = re.compile(r"(block|stage|layer)(\d+)")


def readouts(features: Features, *, last: Sequence[int] = (1, 4)) -> dict[str, jax.Array]:
    """Feature vectors, named by layer and pooling.

    "last/pooled" is the input of all other evaluators. A transformer also has "last/cls",
    "last/mean" (of the patch tokens) and "last/cls+mean" after its final norm, and for n in `last`
    above 1 "last<n>/cls" and "last<n>/mean", the concatenation of the last n blocks. Intermediate
    blocks are normalised by a layer norm without learned parameters, whereas DINO and DINOv2 apply
    the final norm with its parameters. "last<n>/cls+mean" adds the last layer's mean, as in DINOv2.
    Other encoders have "<layer>/mean", the outputs of their stages or layers averaged over
    positions.

    Args:
      features: an encoder's output for a batch.
      last: numbers of final blocks to concatenate.

    Returns:
      Name -> float [B, D].
    """
    chex.assert_rank(features.pooled, 2)
    found = {"last/pooled": features.pooled}
    names = sorted((n for n in features.extras if _LAYER.fullmatch(n)), key=_number)
    blocks = [features.extras[name] for name in names if name.startswith("block")]
    if not blocks or features.tokens is None:
        for name in names:
            layer = features.extras[name]
            places = tuple(range(1, layer.ndim - 1))
            found[f"{name}/mean"] = layer.mean(axis=places) if places else layer
        return found
    mean = features.tokens.mean(axis=1)
    found["last/mean"] = mean
    prefix = blocks[-1].shape[1] - features.tokens.shape[1]
    inner = [standardize(block) for block in blocks]
    cls = features.extras.get("cls")
    if cls is not None:
        found["last/cls"] = cls
        found["last/cls+mean"] = jnp.concatenate([cls, mean], axis=1)
    for count in last:
        if not 1 < count <= len(blocks):
            continue
        means = [block[:, prefix:].mean(axis=1) for block in inner[-count:-1]] + [mean]
        found[f"last{count}/mean"] = jnp.concatenate(means, axis=1)
        if cls is not None:
            side = jnp.concatenate([block[:, 0] for block in inner[-count:-1]] + [cls], axis=1)
            found[f"last{count}/cls"] = side
            found[f"last{count}/cls+mean"] = jnp.concatenate([side, mean], axis=1)
    return found


def layer_means(features: Features) -> jax.Array:
    """Every layer averaged over its positions, excluding padding.

    Args:
      features: an encoder's output for a batch.

    Returns:
      float [B, L, D]. For a transformer these are the input of the first block (if the encoder
      returns it), the output of each block and, in place of the last one, the tokens after the
      final norm; for other encoders the outputs of their stages or layers.

    Raises:
      UserError: the encoder has no layers, or layers of different widths.
    """
    extras = features.extras
    names = sorted((n for n in extras if _LAYER.fullmatch(n)), key=_number)
    found = [extras[name] for name in names]
    if names and names[0].startswith("block") and features.tokens is not None:
        first = [extras[n] for n in ("embedding", "patch_embedding") if n in extras][:1]
        count = features.tokens.shape[1]  # class and register tokens precede the patch tokens
        found = [layer[:, -count:] for layer in [*first, *found[:-1], features.tokens]]
    if len({layer.shape[-1] for layer in found}) != 1:
        widths = ", ".join(str(layer.shape[-1]) for layer in found) or "none"
        raise UserError(
            "a weighted sum over layers needs layers of one width, as those of a transformer; "
            f"those of this encoder: {widths}"
        )
    valid = extras.get("valid")
    return jnp.stack([_mean(layer, valid) for layer in found], axis=1)


def _mean(layer: jax.Array, valid: jax.Array | None) -> jax.Array:
    if valid is None or layer.shape[:2] != valid.shape:
        places = tuple(range(1, layer.ndim - 1))
        return layer.mean(axis=places) if places else layer
    share = valid / jnp.maximum(jnp.sum(valid, axis=1, keepdims=True), 1)
    return jnp.einsum("bn,bnd->bd", share.astype(layer.dtype), layer)


def choose(found: dict[str, jax.Array], names: Sequence[str]) -> dict[str, jax.Array]:
    """Selects readouts by name; "*" selects all.

    Args:
      found: the output of `readouts`.
      names: such as ("last/cls", "last4/cls").

    Returns:
      Name -> array, in the order of `names`.

    Raises:
      UserError: the encoder has no readout of that name.
    """
    if "*" in names:
        return found
    for name in names:
        if name not in found:
            raise UserError(f"this encoder has no readout {name!r}: {nearest(name, found)}")
    return {name: found[name] for name in names}


def _number(name: str) -> int:
    return int(_LAYER.fullmatch(name).group(2))
