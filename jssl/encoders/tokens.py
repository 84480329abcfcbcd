"""The common part of the token transformers of all modalities: masks, padding, pooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jssl.core.ranges import BelowOne, Count, Natural, Positive, Ranged
from jssl.encoders.features import Features
from jssl.errors import UserError, nearest
from jssl.nn import module as nn
from jssl.nn.dense import Dense
from jssl.nn.norm import layer_norm
from jssl.nn.pooling import largest
from jssl.nn.positions import sincos_1d
from jssl.nn.transformer import Transformer

POOLS = ("cls", "mean", "mean_max", "first", "last")
Pick = Callable[[jax.Array], jax.Array]  # [B, N, ...] -> [B, K, ...], the rows of the kept tokens


class TokenEncoder(Ranged, nn.Module):
    """A transformer over the tokens that a subclass makes of its input.

    A subclass defines the content of each token (`patches`), its embedding (`embed`) and, if
    needed, which tokens are real (`valid`) and which attend to each other (`groups`). Masking,
    dropping, class and register tokens, padding and pooling are implemented here. A vision
    transformer (`jssl.encoders.ViT`) is one, with more settings.

    Attributes:
      width: size of a token.
      depth: number of blocks.
      heads: attention heads; must divide the width.
      pool: "mean" (of the real tokens after the final norm, one mean for each group, side by side),
        "mean_max" (the mean and the maximum of all, side by side), "cls" (a class token), "first"
        or "last" (the first or last real token, such as BERT's [CLS] or CLIP's end of text).
      registers: number of register tokens.
      drop_path: stochastic-depth rate of the last block.
      mlp_ratio: hidden width of the MLPs over `width`.
      kernel_init: initialiser of the kernels.
      dtype: dtype of the computation; parameters are float32.
    """

    width: Count = 128
    depth: Count = 4
    heads: Count = 4
    pool: str = "mean"
    registers: Natural = 0
    drop_path: BelowOne = 0.0
    mlp_ratio: Positive = 4.0
    kernel_init: str = "xavier"
    dtype: str = "float32"

    # Fields of those encoders that use them.
    dropout = 0.0
    token_gate = False
    token_std = 0.02
    mask_std = 0.02
    activation = "gelu"
    post_norm = False
    input_norm = False
    eps = 1e-6
    projection = 0
    lora = 0

    pools = POOLS  # choices of `pool`

    def smoke(self) -> TokenEncoder:
        """A copy with two blocks of width 16 and kernels of ordinary size, for tests."""
        return self.clone(width=16, depth=2, heads=2, kernel_init="lecun")

    def prepare(self, x: Any) -> Any:
        """Preprocessing done once per input; the other functions receive its result."""
        return x

    def patches(self, x: Any) -> jax.Array:
        """The content of each token: [B, ...] -> [B, N, P]."""
        raise NotImplementedError

    def assemble(self, patches: jax.Array, shape: Sequence[int]) -> jax.Array:
        """Undoes `patches`: [B, N, P] -> an input of the given shape."""
        raise NotImplementedError

    def embed(self, patches: jax.Array, indices: jax.Array) -> jax.Array:
        """Embeds tokens: patches [B, K, P] at indices int [B, K] -> [B, K, width]."""
        raise NotImplementedError

    def valid(self, x: Any) -> jax.Array | None:
        """Which tokens are real: bool [B, N]; None where all are. The others are padding."""
        del x
        return None

    def groups(self, shape: Sequence[int]) -> int:
        """Number of equal groups of consecutive tokens with attention within the group only."""
        del shape
        return 1

    def sees(self, shape: Sequence[int]) -> jax.Array | None:
        """Which tokens (rows) attend to which (columns), bool [N, N]; None if `groups` suffices."""
        del shape
        return None

    def token_positions(self, shape: Sequence[int], width: int) -> jax.Array:
        """Fixed positions of the tokens of an input of a shape, for a decoder: [N, width]."""
        raise NotImplementedError

    def layout(self, shape: Sequence[int], count: int) -> tuple[int, int]:
        """Grid of the `count` tokens of an input of a shape, for convolutions: (rows, columns).

        By default a single row.
        """
        del shape
        return count, 1

    def positions_of(self, x: Any, width: int) -> jax.Array:
        """Positions of the tokens of an input: [N, width], or [B, N, width] where each has its own.

        By default those of its shape.
        """
        return self.token_positions(jax.tree.leaves(x)[0].shape, width)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(width, depth, heads)."""
        return self.width, self.depth, self.heads

    @property
    def has_class_token(self) -> bool:
        """Whether the first token is a learned one that belongs to no part of the input."""
        return self.pool == "cls"

    @property
    def prefix_tokens(self) -> int:
        """Number of tokens before those of the input: the class token and the registers."""
        return int(self.has_class_token) + self.registers

    @nn.compact
    def __call__(
        self,
        x: Any,
        *,
        mask: jax.Array | None = None,
        keep: jax.Array | None = None,
        unplaced: jax.Array | None = None,
        context: jax.Array | None = None,
        train: bool,
    ) -> Features:
        """Encodes.

        Args:
          x: [B, ...].
          mask: bool [B, N]; True replaces a token by the learned mask token, which is a parameter
            only of modules initialised with a mask.
          keep: int [B, K]; only these tokens are processed, and returned in this order. `mask`,
            `unplaced` and `context` still have N columns.
          unplaced: bool [B, N]; True replaces a token's position by a learned vector, which is a
            parameter only of modules initialised with this argument.
          context: bool [B, N]; where given, only tokens that are True are attended to, and the
            class and register tokens.
          train: whether stochastic depth is active (it then needs the rng "dropout").

        Returns:
          Features after the final norm: pooled [B, groups * D], tokens [B, N or K, D]. Padding is
          excluded from attention and pooling, and its tokens are zero. Extras: "embedding" (what
          the blocks are given), "block0" ..., "mean", "cls", "registers", and "valid" bool [B, N or
          K] where there may be padding.

        Raises:
          UserError: if a mask, `keep` or a field does not fit.
        """
        width, depth, heads = self.shape
        self._check_fields()
        x = self.prepare(x)
        patches, valid = self.patches(x), self.valid(x)
        batch, count = patches.shape[:2]
        shape = jax.tree.leaves(x)[0].shape
        groups, pattern = self.groups(shape), self.sees(shape)
        self._check(groups, (batch, count), keep, mask=mask, unplaced=unplaced, context=context)

        def pick(values: jax.Array) -> jax.Array:
            if keep is None:
                return values
            indices = keep.reshape(*keep.shape, *(1,) * (values.ndim - 2))
            return jnp.take_along_axis(values, indices, axis=1)

        indices = jnp.broadcast_to(jnp.arange(count), (batch, count))
        content = tokens = self.embed(pick(patches), pick(indices)).astype(self.dtype)
        if mask is not None:
            token = self._token("mask_token", self.mask_std, width)
            tokens = jnp.where(pick(mask)[..., None], token, tokens)
        # Positions come after the mask token, so that a masked token knows where it is.
        each = count // groups
        placed = self._placed(x, indices, each, pick)
        if placed is not None:
            placed = placed.astype(tokens.dtype)
            if unplaced is not None:
                token = self._token("position_token", 0.02, width)
                placed = jnp.where(pick(unplaced)[..., None], token, placed)
            tokens = tokens + placed
        tokens = self._convolved(tokens, None if valid is None else pick(valid), count)
        seen = [pick(keys) for keys in (valid, context) if keys is not None]
        allowed = None
        if seen:
            prefix = jnp.ones((batch, self.prefix_tokens), bool)
            seen = seen[0] if len(seen) == 1 else seen[0] & seen[1]
            allowed = jnp.concatenate([prefix, seen], axis=1)[:, None, None]
        length = tokens.shape[1]
        split = groups > 1 and keep is None
        if split:  # groups become examples: the same numbers as a mask, for less work
            tokens = tokens.reshape(batch * groups, length // groups, -1)
            allowed = None if allowed is None else allowed.reshape(batch * groups, 1, 1, -1)
        elif groups > 1:
            own = keep // each
            same = (own[:, :, None] == own[:, None, :])[:, None]
            allowed = same if allowed is None else same & allowed
        if pattern is not None:
            at = pick(indices)
            sides = ((0, 0), (self.prefix_tokens, 0), (self.prefix_tokens, 0))
            pair = pattern[at[:, :, None], at[:, None, :]]
            pair = jnp.pad(pair, sides, constant_values=True)[:, None]
            allowed = pair if allowed is None else pair & allowed
        tokens = jnp.concatenate([*self._prefix(batch, width), tokens], axis=1)
        tokens = self._entering(tokens)
        embedded = self._embedded(content, tokens)
        stack = Transformer(depth, heads, **self._block_settings(), name="transformer")
        rotation = self._rotation(x, pick)
        tokens, extras = stack(tokens, mask=allowed, rotation=rotation, train=train)
        extras |= embedded
        if split:
            tokens = tokens.reshape(batch, length, -1)
            extras = {name: value.reshape(batch, length, -1) for name, value in extras.items()}
        if self.has_class_token:
            extras["cls"] = tokens[:, 0]
        if self.registers:
            first = int(self.has_class_token)
            extras["registers"] = tokens[:, first : first + self.registers]
        tokens = tokens[:, self.prefix_tokens :]
        weights = jnp.ones(tokens.shape[:2], tokens.dtype)
        if valid is not None:
            extras["valid"] = pick(valid)
            weights = extras["valid"].astype(tokens.dtype)
            tokens = tokens * weights[..., None]
        # Groups are told apart by their place.
        member = (pick(indices) // each)[..., None] == jnp.arange(groups)
        pooled, extras = self._pooled(tokens, extras, weights, member)
        return Features(pooled=pooled, tokens=tokens, extras=extras)

    def place(self, x: Any, indices: jax.Array, count: int) -> jax.Array | None:
        """Positions of tokens at indices int [B, K] out of the `count` of a group: [B, K, width].

        By default a sine-cosine embedding of the token's index within its group; None for none.
        """
        del x
        return jnp.asarray(sincos_1d(range(count), self.width))[indices]

    def _placed(self, x: Any, indices: jax.Array, count: int, pick: Pick) -> jax.Array | None:
        """Positions of the kept tokens, from the indices int [B, N] of all."""
        return self.place(x, pick(indices) % count, count)

    def _block_settings(self) -> dict[str, Any]:
        """Settings of the stack of blocks besides its depth and heads."""
        return {
            "drop_path": self.drop_path,
            "mlp_ratio": self.mlp_ratio,
            "kernel_init": self.kernel_init,
            "dtype": self.dtype,
            "dropout": self.dropout,
            "token_gate": self.token_gate,
            "activation": self.activation,
            "post_norm": self.post_norm,
            "final_norm": not self.post_norm,
            "eps": self.eps,
            "lora": self.lora,
        }

    def _convolved(self, tokens: jax.Array, real: jax.Array | None, count: int) -> jax.Array:
        """Tokens [B, K, width] with positions that depend on their neighbours.

        `real` is bool [B, K], False where there is padding; `count` is the number of all tokens.
        """
        del real, count
        return tokens

    def _rotation(self, x: Any, pick: Pick) -> tuple[jax.Array, jax.Array] | None:
        """Rotations of queries and keys by position, each [B, P + N or K, width of a head]."""
        del x, pick
        return None

    def _entering(self, tokens: jax.Array) -> jax.Array:
        """What the blocks are given, of the embedded tokens [B, P + N or K, width]."""
        if not self.input_norm:
            return tokens
        return layer_norm(dtype=self.dtype, epsilon=self.eps, name="input_norm")(tokens)

    def _embedded(self, content: jax.Array, tokens: jax.Array) -> dict[str, jax.Array]:
        """The extra for the embedding, of the bare `content` or of what the blocks are given."""
        del content
        return {"embedding": tokens}

    def _pooled(
        self,
        tokens: jax.Array,
        extras: dict[str, jax.Array],
        weights: jax.Array,
        member: jax.Array,
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Pools tokens [B, K, D] with weights [B, K] in groups bool [B, K, groups], side by side.

        Returns:
          The pooled features, and the extras with those that pooling adds.
        """
        share = member * weights[..., None]
        share = share / jnp.maximum(jnp.sum(share, axis=1, keepdims=True), 1.0)
        mean = jnp.einsum("bkg,bkd->bgd", share, tokens).reshape(len(tokens), -1)
        pooled = extras["cls"] if self.pool == "cls" else mean
        if self.pool == "mean_max":
            pooled = jnp.concatenate([mean, largest(tokens, 1, weights[..., None] > 0)], axis=-1)
        if self.pool in ("first", "last"):
            at = jnp.zeros(len(tokens), jnp.int32)
            if self.pool == "last":
                at = jnp.max(jnp.where(weights > 0, jnp.arange(weights.shape[1]), 0), axis=1)
            pooled = jnp.take_along_axis(tokens, at[:, None, None], axis=1)[:, 0]
        return self._projected(pooled), {"mean": mean, **extras}

    def _projected(self, pooled: jax.Array) -> jax.Array:
        if not self.projection:
            return pooled
        options = {"kernel_init": self.kernel_init, "dtype": self.dtype, "name": "projection"}
        return Dense(self.projection, use_bias=False, **options)(pooled)

    def _token(self, name: str, std: float, width: int) -> jax.Array:
        value = self.param(name, nn.initializers.normal(std), (width,), jnp.float32)
        return value.astype(self.dtype)

    def _prefix(self, batch: int, width: int) -> list[jax.Array]:
        counts = {"class_token": int(self.has_class_token), "register_tokens": self.registers}
        rows = []
        for name, count in counts.items():
            if count:
                start = nn.initializers.normal(self.token_std)
                value = self.param(name, start, (count, width), jnp.float32)
                rows.append(jnp.broadcast_to(value.astype(self.dtype), (batch, *value.shape)))
        return rows

    def _check_fields(self) -> None:
        if self.pool not in self.pools:
            raise UserError(f"no pooling is called {self.pool!r}: {nearest(self.pool, self.pools)}")

    def _check(
        self,
        groups: int,
        wanted: tuple[int, int],
        keep: jax.Array | None,
        **masks: jax.Array | None,
    ) -> None:
        kind = type(self).__name__
        if groups > 1 and self.prefix_tokens:
            raise UserError(f"{kind} with tokens in groups has no class or register tokens")
        for name, mask in masks.items():
            if mask is not None and (mask.shape != wanted or mask.dtype != jnp.bool_):
                raise UserError(
                    f"the {name} must be bool {wanted} for this {kind}, not {mask.dtype} "
                    f"{mask.shape}"
                )
        if keep is not None and not (
            keep.ndim == 2
            and keep.shape[0] == wanted[0]
            and 0 < keep.shape[1] <= wanted[1]
            and jnp.issubdtype(keep.dtype, jnp.integer)
        ):
            raise UserError(
                f"keep must be int [{wanted[0]}, K] with 1 <= K <= {wanted[1]} for this {kind}, "
                f"not {keep.dtype} {keep.shape}"
            )
