"""Predictors of joint-embedding predictive methods: from context tokens to target tokens."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, NonNegative, Ranged
from jssl.nn import module as nn
from jssl.nn import rows
from jssl.nn.dense import Dense
from jssl.nn.init import initializer
from jssl.nn.transformer import Transformer


class BlockPredictor(Ranged, nn.Module):
    """A narrow transformer that predicts blocks of tokens, each block on its own.

    Context tokens are projected and get position embeddings; a block is a set of learned mask
    tokens with the positions of its targets. A transformer runs over both, and its outputs at the
    mask tokens are projected back to the width of the context (Assran et al., 2023, section 3).

    With `noise` the positions are stochastic: a mask token's position is its embedding plus A n
    with normal n, where A is the matrix that also projects the context, so that training cannot
    remove the noise without removing the context (Bar et al., 2023, eq. 6).

    Attributes:
      width: size of the predictor's tokens, a multiple of four.
      depth: number of blocks of the transformer.
      heads: its attention heads.
      noise: standard deviation of n; 0 for fixed positions. Drawn from the rng "dropout" in
        training alone.
      kernel_init: initialiser of the kernels; "trunc_normal_depth" is I-JEPA's.
      dtype: dtype of the computation.
    """

    width: Count = 384
    depth: Count = 12
    heads: Count = 12
    noise: NonNegative = 0.0
    kernel_init: str = "xavier"
    dtype: str = "float32"

    @nn.compact
    def __call__(
        self,
        context: jax.Array,
        keep: jax.Array,
        targets: jax.Array,
        positions: jax.Array,
        *,
        train: bool,
    ) -> jax.Array:
        """Predicts the tokens of every block.

        Args:
          context: [B, K, D] tokens of the context.
          keep: int [B, K], their positions.
          targets: int [B, M, T], places of the tokens of each of the M blocks.
          positions: [N, width], embedding of every place; [B, N, width] where inputs differ in it.
          train: whether positions are stochastic.

        Returns:
          [B, M, T, D] in `dtype`.
        """
        batch, blocks, size = targets.shape
        options = {"kernel_init": self.kernel_init, "dtype": self.dtype}
        embed = Dense(self.width, name="embedding", **options)
        positions = positions.astype(self.dtype)

        def placed(places: jax.Array) -> jax.Array:
            if positions.ndim == 2:
                return positions[places]
            return jax.vmap(lambda own, at: own[at])(positions, places)

        x = embed(context) + placed(keep)
        token = self.param("mask_token", initializer("trunc_normal"), (self.width,))
        queries = placed(targets) + token.astype(self.dtype)
        if train and self.noise:
            shape = (blocks, size, context.shape[-1])
            key = self.make_rng("dropout")
            noise = rows.draw(key, batch, lambda key: jax.random.normal(key, shape))
            queries = queries + embed(self.noise * noise)
        # Blocks do not see each other: they become examples, beside one another on a device.
        x = jnp.repeat(x, blocks, axis=0)
        x = jnp.concatenate([x, queries.reshape(batch * blocks, size, self.width)], axis=1)
        x, _ = Transformer(self.depth, self.heads, name="transformer", **options)(x, train=train)
        x = Dense(context.shape[-1], name="output", **options)(x[:, -size:])
        return x.reshape(batch, blocks, size, -1)


class PredictiveNet(nn.Module):
    """An encoder of the context and a predictor of blocks.

    Attributes:
      encoder: a module that can drop tokens (`keep`) and knows their positions.
      predictor: see `BlockPredictor`.
    """

    encoder: nn.Module
    predictor: BlockPredictor

    def __call__(
        self, x: jax.Array, keep: jax.Array, targets: jax.Array, *, train: bool
    ) -> tuple[jax.Array, jax.Array]:
        """Maps x [B, ...], keep [B, K] and targets [B, M, T] to (pooled, [B, M, T, D])."""
        features = self.encoder(x, keep=keep, train=train)
        positions = self.encoder.positions_of(x, self.predictor.width)
        blocks = self.predictor(features.tokens, keep, targets, positions, train=train)
        return features.pooled, blocks
