"""Plug-ins of masked prediction: policies, corruptions, targets and decoders.

`jssl.methods.masked_prediction.MaskedPrediction` combines one of each. A function with the same
signature serves as a policy, a corruption or a decoder; a target derives from `Target`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from jssl.encoders.features import block_outputs
from jssl.methods.base import Step, Views
from jssl.nn import module as nn
from jssl.nn.decoder import MaskedAutoencoder, TokenPredictor, real_tokens
from jssl.objectives.masked import normalize_patches

Mask = Mapping[str, jax.Array]
"""`mask` bool [B, N], True where masked; `keep` int [B, K], `masked` int [B, N - K] and others."""


class Seen(NamedTuple):
    """Arguments of a network.

    Attributes:
      inputs: positional arguments; the first is the input [B, ...].
      options: keyword arguments.
    """

    inputs: tuple[Any, ...]
    options: dict[str, Any]


Corruption = Callable[[nn.Module, Any, Mask], Seen]


@dataclasses.dataclass(frozen=True)
class ViewMask:
    """Policy: the mask that the experiment's views hold.

    Attributes:
      name: name of the view: a mapping of masks, or bool [B, N].
    """

    name: str = "mask"

    def __call__(self, step: Step, views: Views) -> Mask:
        """The mask of each example."""
        del step
        mask = views[self.name]
        return mask if isinstance(mask, Mapping) else {"mask": mask}


class MaskToken:
    """Corruption: the encoder has a learned token at the masked positions (SimMIM, BERT)."""

    def __call__(self, encoder: nn.Module, x: Any, mask: Mask) -> Seen:
        """The input, and `mask` for the encoder."""
        del encoder
        return Seen((x,), {"mask": mask["mask"]})


class Drop:
    """Corruption: the encoder processes the visible tokens only (MAE)."""

    def __call__(self, encoder: nn.Module, x: Any, mask: Mask) -> Seen:
        """The input, and the positions of the visible and the masked tokens."""
        del encoder
        return Seen((x, mask["keep"], mask["masked"]), {})


class Blank:
    """Corruption: the masked patches of the input are zero (PatchTST)."""

    def __call__(self, encoder: nn.Module, x: jax.Array, mask: Mask) -> Seen:
        """The blanked input."""
        patches = jnp.where(mask["mask"][..., None], 0.0, encoder.patches(x))
        return Seen((encoder.assemble(patches, x.shape),), {})


class Substitute:
    """Corruption: the masked symbols are replaced by those that the policy names (Swapped LM)."""

    def __call__(self, encoder: nn.Module, x: jax.Array, mask: Mask) -> Seen:
        """The symbols int [B, N], replaced where masked."""
        del encoder
        return Seen((jnp.where(mask["mask"], mask["symbols"], x),), {})


class InViews:
    """Corruption: none, because the input of the views is corrupted already (GMML)."""

    def __call__(self, encoder: nn.Module, x: Any, mask: Mask) -> Seen:
        """The input."""
        del encoder, mask
        return Seen((x,), {})


class Target:
    """What is predicted at each token.

    Class attributes:
      shown: whether predictions can be shown as an input, by `restore`.
    """

    shown: ClassVar[bool] = False

    def __call__(self, step: Step, views: Views, x: Any) -> jax.Array:
        """The targets [B, N, P], or int [B, N] for classes.

        Args:
          step: runs a teacher or gives the encoder, `step.net.encoder`.
          views: all views of the batch.
          x: the original input [B, ...].
        """
        raise NotImplementedError

    def restore(self, encoder: nn.Module, x: Any, prediction: jax.Array) -> jax.Array:
        """Patches [B, N, P] of the input that predicted targets [B, N, P] stand for."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Patches(Target):
    """Target: the content of each token's patch.

    Attributes:
      normalize: whether each patch has mean 0 and unbiased variance 1.
    """

    normalize: bool = False
    shown: ClassVar[bool] = True

    def __call__(self, step: Step, views: Views, x: Any) -> jax.Array:
        """The patches [B, N, P] of x [B, ...]."""
        del views
        patches = step.net.encoder.patches(x)
        return normalize_patches(patches) if self.normalize else patches

    def restore(self, encoder: nn.Module, x: Any, prediction: jax.Array) -> jax.Array:
        """The prediction, with the true mean and standard deviation of each patch."""
        if not self.normalize:
            return prediction
        patches = encoder.patches(x)
        mean = jnp.mean(patches, axis=-1, keepdims=True)
        return prediction * jnp.std(patches, axis=-1, keepdims=True, ddof=1) + mean


class Symbols(Target):
    """Target: the symbols of the sequence, as classes int [B, N]."""

    def __call__(self, step: Step, views: Views, x: jax.Array) -> jax.Array:
        """The sequence itself."""
        del step, views
        return x


@dataclasses.dataclass(frozen=True)
class ViewPart(Target):
    """Target: an entry of a view, computed by an augmentation.

    Attributes:
      view: name of the view, a mapping.
      part: name of its entry, [B, N, P].
    """

    view: str
    part: str

    def __call__(self, step: Step, views: Views, x: Any) -> jax.Array:
        """The entry."""
        del step, x
        return views[self.view][self.part]


@dataclasses.dataclass(frozen=True)
class TeacherTokens(Target):
    """Target: a headless teacher's tokens of the whole input, before the encoder's final norm.

    Attributes:
      name: name of the teacher in the memory.
      normalize: function applied to the tokens [B, N, D].
      class_token: whether the class token is the first of them.
    """

    name: str = "teacher"
    normalize: Callable[[jax.Array], jax.Array] = normalize_patches
    class_token: bool = False

    def __call__(self, step: Step, views: Views, x: Any) -> jax.Array:
        """The tokens [B, N, D], [B, 1 + N, D] with the class token, without gradient."""
        del views
        features = step.teacher(x, name=self.name, net=step.net.encoder)
        last = block_outputs(features)[-1]
        tokens = last[:, -features.tokens.shape[1] :]
        if self.class_token:
            tokens = jnp.concatenate([last[:, :1], tokens], axis=1)
        return self.normalize(tokens)


@dataclasses.dataclass(frozen=True)
class LinearDecoder:
    """Decoder: one linear layer on each token.

    Attributes:
      out: size of a prediction; see `jssl.nn.decoder.target_size`.
    """

    out: int | str = "patches"

    def __call__(self, encoder: nn.Module, *, dtype: str) -> nn.Module:
        """Encoder and linear layer."""
        return TokenPredictor(encoder, self.out, dtype=dtype)


@dataclasses.dataclass(frozen=True)
class TransformerDecoder:
    """Decoder: a transformer on visible tokens and mask tokens (He et al., 2022); needs `Drop`.

    Attributes:
      width: width of its tokens.
      depth: number of blocks.
      heads: number of attention heads in each block.
      out: size of a prediction; see `jssl.nn.decoder.target_size`.
      class_token: whether it also sees the encoder's class token.
      predict_class: whether it also predicts something at the class token, as the first.
    """

    width: int
    depth: int
    heads: int
    out: int | str = "patches"
    class_token: bool = False
    predict_class: bool = False

    def __call__(self, encoder: nn.Module, *, dtype: str) -> nn.Module:
        """Encoder and decoder."""
        sizes = (self.width, self.depth, self.heads)
        seen = (self.class_token, self.predict_class)
        return MaskedAutoencoder(encoder, *sizes, dtype, self.out, *seen)


def picture(
    encoder: nn.Module, x: jax.Array, prediction: jax.Array, hidden: jax.Array
) -> Mapping[str, jax.Array]:
    """Input, reconstruction and original; visible patches are copied.

    Args:
      encoder: module that divides its input into patches and reassembles them.
      x: the original, [B, ...].
      prediction: [B, N, P] patches.
      hidden: bool [B, N], True where a patch was hidden.

    Returns:
      {"input", "reconstruction", "original"}, each of the shape of `x`.
    """
    patches, hidden = encoder.patches(x), hidden[..., None]
    return {
        "input": encoder.assemble(jnp.where(hidden, jnp.mean(patches), patches), x.shape),
        "reconstruction": encoder.assemble(jnp.where(hidden, prediction, patches), x.shape),
        "original": x,
    }


def counted(encoder: nn.Module, x: Any, mask: jax.Array) -> jax.Array:
    """True where a token is masked and not padding: bool [B, N].

    Args:
      encoder: module that knows which tokens of its input are padding.
      x: input of the encoder, [B, ...].
      mask: bool [B, N], True where masked.
    """
    real = real_tokens(encoder, x)
    return mask if real is None else mask & real
