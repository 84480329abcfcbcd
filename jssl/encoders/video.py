"""An encoder of clips [B, T, H, W, C]: a transformer over tubelets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count
from jssl.encoders.tokens import TokenEncoder
from jssl.errors import UserError
from jssl.nn.dense import Dense
from jssl.nn.patches import patch_grid
from jssl.nn.positions import sincos_3d


class VideoTransformer(TokenEncoder):
    """Tubelets (a patch over a few frames) are tokens; all tokens attend to each other.

    Tong et al., "VideoMAE", 2022, section 3.2: cubes embedded by a linear map, joint attention over
    space and time. Tokens are ordered by frame, row and column. Positions are sine-cosine
    embeddings of the frame, the row and the column (`jssl.nn.positions.sincos_3d`; the authors
    number all tokens consecutively). They are fixed, so clips of any length and size can be
    encoded.

    The fields are those of `TokenEncoder`, and:

    Attributes:
      tubelet: frames in a token; must divide the length.
      patch: side of a token in pixels; must divide height and width.
    """

    tubelet: Count = 2
    patch: Count = 8

    def patches(self, x: jax.Array) -> jax.Array:
        """[B, T, H, W, C] -> [B, N, tubelet * patch * patch * C]."""
        frames, rows, columns = self.grid(x.shape)
        t, p = self.tubelet, self.patch
        parts = x.reshape(x.shape[0], frames, t, rows, p, columns, p, x.shape[-1])
        return parts.transpose(0, 1, 3, 5, 2, 4, 6, 7).reshape(
            x.shape[0], frames * rows * columns, t * p * p * x.shape[-1]
        )

    def assemble(self, patches: jax.Array, shape: Sequence[int]) -> jax.Array:
        """Undoes `patches`: [B, N, P] -> [B, T, H, W, C]."""
        t, p = self.tubelet, self.patch
        parts = patches.reshape(shape[0], *self.grid(shape), t, p, p, shape[-1])
        return parts.transpose(0, 1, 4, 2, 5, 3, 6, 7).reshape(shape)

    def embed(self, patches: jax.Array, indices: jax.Array) -> jax.Array:
        """A linear map of the tubelet."""
        del indices
        dense = Dense(self.width, kernel_init=self.kernel_init, dtype=self.dtype, name="embedding")
        return dense(patches)

    def token_positions(self, shape: Sequence[int], width: int) -> jax.Array:
        """[N, width] of the clips' shape [B, T, H, W, C]."""
        return jnp.asarray(sincos_3d(self.grid(shape), width))

    def place(self, x: Any, indices: jax.Array, count: int) -> jax.Array:
        """Rows of `token_positions`."""
        del count
        return self.token_positions(x.shape, self.width)[indices]

    def grid(self, shape: Sequence[int]) -> tuple[int, int, int]:
        """Tokens along time, height and width of clips of a shape [B, T, H, W, C].

        Raises:
          UserError: for another shape, or where tubelets do not tile it.
        """
        if len(shape) != 5:
            raise UserError(
                "a video encoder takes clips [B, time, height, width, channels], not shape "
                f"{tuple(shape)}"
            )
        if shape[1] % self.tubelet:
            raise UserError(
                f"a clip of {shape[1]} frames cannot be cut into tubelets of {self.tubelet}: the "
                "length must be a multiple; crop it in the views and in preprocess"
            )
        return shape[1] // self.tubelet, *patch_grid(shape[2:4], self.patch)
