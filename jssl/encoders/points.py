"""Encoders of point clouds: PointNet, and a transformer over patches of points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jssl.core.ranges import Count, Ranged, Widths
from jssl.encoders.features import Features, refuse_masks
from jssl.encoders.tokens import TokenEncoder
from jssl.errors import UserError
from jssl.nn import module as nn
from jssl.nn.dense import Dense
from jssl.nn.init import activation
from jssl.nn.norm import layer_norm, normalize
from jssl.nn.points import Patches, cut
from jssl.nn.pooling import largest


def check_cloud(x: Any) -> None:
    """Refuses inputs that are not point clouds.

    Raises:
      UserError: if `x` is not {"xyz": [B, P, 3], "valid": [B, P]}.
    """
    shape = x["xyz"].shape if isinstance(x, Mapping) and {"xyz", "valid"} <= set(x) else None
    if shape is None or len(shape) != 3 or shape[-1] != 3 or x["valid"].shape != shape[:2]:
        found = jax.tree.map(jnp.shape, x)
        raise UserError(
            'an encoder of point clouds takes {"xyz": [B, points, 3], "valid": [B, points]}, not '
            f"{found}"
        )


class PointNet(Ranged, nn.Module):
    """The same MLP for each point, then the maximum over points (Qi et al., 2017, section 4.2).

    Without the paper's two transformation nets, which align the input and the features.

    Attributes:
      hidden: widths of the layers; the last is that of the features.
      norm: "batch", "layer" or "none", after each layer; statistics are of real points alone.
      activation: non-linearity after each layer.
      dtype: dtype of the computation; parameters are float32.
    """

    hidden: Widths = (64, 64, 64, 128, 1024)
    norm: str = "batch"
    activation: str = "relu"
    dtype: str = "float32"

    def smoke(self) -> PointNet:
        """A copy with two layers of width 16, for tests."""
        return self.clone(hidden=(16, 16))

    @nn.compact
    def __call__(
        self,
        x: Mapping[str, jax.Array],
        *,
        mask: jax.Array | None = None,
        keep: jax.Array | None = None,
        train: bool,
    ) -> Features:
        """Encodes clouds.

        Args:
          x: {"xyz": float [B, P, 3], "valid": bool [B, P]}.
          mask: must be None.
          keep: must be None.
          train: whether batch normalisation uses (and moves) the batch's statistics.

        Returns:
          Features with pooled [B, D], tokens [B, P, D] (zero at padding) and extras "layer0" ....

        Raises:
          UserError: for an input that is no cloud, or if `mask` or `keep` is given.
        """
        refuse_masks("PointNet", mask, keep)
        check_cloud(x)
        real, tokens, extras = x["valid"][..., None], x["xyz"], {}
        nonlinearity = activation(self.activation)
        for i, width in enumerate(self.hidden):
            # Batch normalisation would take a bias away again.
            layer = Dense(width, use_bias=self.norm != "batch", dtype=self.dtype, name=f"layer{i}")
            tokens = layer(tokens)
            tokens = normalize(
                tokens, self.norm, train=train, dtype=self.dtype, mask=real, name=f"norm{i}"
            )
            tokens = jnp.where(real, nonlinearity(tokens), 0.0)
            extras[f"layer{i}"] = tokens
        return Features(pooled=largest(tokens, 1, real), tokens=tokens, extras=extras)


class PointTransformer(TokenEncoder):
    """A transformer over patches of points (Yu et al., "Point-BERT", 2022; Pang et al., 2022).

    Centres are chosen by farthest point sampling; a patch consists of the nearest points of a
    centre, relative to it. A small PointNet embeds a patch: an MLP of each point, the maximum over
    points, another MLP of both concatenated, and the maximum again. The position embedding is an
    MLP of the centre. No gradient flows through the choice of points. The papers' PointNet
    normalises over the batch; here, as in all transformers of this project, each point is
    normalised.

    The fields are those of `TokenEncoder`, and:

    Attributes:
      centres: number of patches.
      neighbours: points in a patch.
      points: width of the small PointNet.
      activation: its non-linearity.
    """

    centres: Count = 64
    neighbours: Count = 32
    points: Count = 128
    activation: str = "relu"

    def smoke(self) -> PointTransformer:
        """A copy with two blocks of width 16 and patches of four points, for tests."""
        return super().smoke().clone(neighbours=4, points=8)

    def prepare(self, x: Any) -> Patches:
        """Groups a cloud {"xyz": [B, P, 3], "valid": [B, P]} into patches, once per input."""
        if isinstance(x, Patches):
            return x
        check_cloud(x)
        return cut(x, self.centres, self.neighbours)

    def patches(self, x: Any) -> jax.Array:
        """The points of each patch relative to its centre: [B, centres, neighbours * 3]."""
        offsets = self.prepare(x).offsets
        return offsets.reshape(*offsets.shape[:2], -1)

    def valid(self, x: Any) -> jax.Array:
        """False where a cloud has fewer points than there are patches."""
        return self.prepare(x).valid

    def assemble(self, patches: jax.Array, x: Any) -> jax.Array:
        """Patches [B, N, K * 3] at their centres in `x`: points [B, N * K, 3]."""
        batch, count = patches.shape[:2]
        points = patches.reshape(batch, count, -1, 3) + self.prepare(x).centres[:, :, None]
        return points.reshape(batch, -1, 3)

    def embed(self, patches: jax.Array, indices: jax.Array) -> jax.Array:
        """The small PointNet."""
        del indices
        nonlinearity = activation(self.activation)

        def layer(width: int, name: str, **options: Any) -> Dense:
            options = {"kernel_init": self.kernel_init, "dtype": self.dtype, **options}
            return Dense(width, name=f"patch_{name}", **options)

        def between(y: jax.Array, name: str) -> jax.Array:
            return nonlinearity(layer_norm(dtype=self.dtype, name=f"patch_{name}")(y))

        points = patches.reshape(*patches.shape[:2], -1, 3)
        own = between(layer(self.points // 2, "dense0")(points), "norm0")
        own = layer(self.points, "dense1")(own)
        whole = largest(own, 2)[:, :, None]
        # One matrix for (whole, own) side by side; the patch's share is found once for all points.
        both = layer(2 * self.points, "dense2")(own)
        both = both + layer(2 * self.points, "dense3", use_bias=False)(whole)
        return largest(layer(self.width, "dense4")(between(both, "norm1")), 2)

    def place(self, x: Patches, indices: jax.Array, count: int) -> jax.Array:
        """An MLP of the centre."""
        del count
        centres = jnp.take_along_axis(x.centres, indices[..., None], axis=1)
        options = {"kernel_init": self.kernel_init, "dtype": self.dtype}
        hidden = Dense(self.width, name="position_dense0", **options)(centres)
        hidden = jax.nn.gelu(hidden, approximate=False)
        return Dense(self.width, name="position_dense1", **options)(hidden)

    def positions_of(self, x: Any, width: int) -> jax.Array:
        """Sine and cosine of the centres, [B, centres, width], for a decoder.

        Each coordinate has a third of the width; wavelengths are spaced geometrically from 4
        (clouds have about unit radius) down to 4 / 32.
        """
        if width < 6:
            raise UserError(f"positions in space need a width of at least 6, not {width}")
        each = width // 6
        scale = 2 * np.pi / 4 * 32.0 ** (np.arange(each) / max(each - 1, 1))
        angles = self.prepare(x).centres[..., None] * scale.astype(np.float32)
        found = jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)
        found = found.reshape(*found.shape[:2], -1)
        return jnp.pad(found, ((0, 0), (0, 0), (0, width - found.shape[-1])))
