"""Residual networks (He et al., 2016), with the stem of large or of small images."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Positive, Ranged, one_of
from jssl.encoders.features import Features, refuse_masks
from jssl.errors import UserError, nearest
from jssl.nn import module as nn
from jssl.nn import rows
from jssl.nn.conv import Conv
from jssl.nn.norm import batch_norm

DEPTHS: dict[int, tuple[str, tuple[int, ...]]] = {
    10: ("basic", (1, 1, 1, 1)),
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)),
    152: ("bottleneck", (3, 8, 36, 3)),
}
"""Depth: kind of block, and blocks in each of the four stages."""

Depth = one_of(*DEPTHS)
_STEMS = {"cifar": (3, 1, 1), "imagenet": (7, 2, 3), "stride2": (3, 2, 1)}
STEMS = tuple(_STEMS)  # name -> size, stride and padding of the first convolution


class ResidualBlock(Ranged, nn.Module):
    """A residual block, basic (two 3x3) or bottleneck (1x1, 3x3, 1x1 of four times the width).

    The stride is on the first 3x3 convolution, as in the widespread later form of the bottleneck
    ("v1.5"). The shortcut is a 1x1 convolution where the shape changes.

    Attributes:
      width: channels of the 3x3 convolutions.
      kind: "basic" or "bottleneck".
      strides: stride of the block.
      zero_init_residual: start the last norm's factor at 0, so that the block starts as the
        identity (Goyal et al., 2017).
      dtype: dtype of the computation.
      out: channels of the last convolution of a bottleneck; None for four times the width.
    """

    width: Count
    kind: str = "basic"
    strides: Count = 1
    zero_init_residual: bool = True
    dtype: str = "float32"
    out: Count | None = None

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Maps [B, H, W, C] to [B, H', W', width * (1 or 4)]."""
        x = rows.constrain_activations(x)
        if self.kind == "basic":
            plan = [(self.width, 3, self.strides), (self.width, 3, 1)]
        else:
            last = (self.out or 4 * self.width, 1, 1)
            plan = [(self.width, 1, 1), (self.width, 3, self.strides), last]

        def unit(
            x: jax.Array, plan: tuple[int, int, int], suffix: str, zero_init: bool = False
        ) -> jax.Array:
            features, size, strides = plan
            x = Conv(
                features,
                size,
                strides,
                padding=size // 2,
                use_bias=False,
                dtype=self.dtype,
                name=f"conv{suffix}",
            )(x)
            norm = batch_norm(
                train=train, dtype=self.dtype, zero_init=zero_init, name=f"norm{suffix}"
            )
            return norm(x)

        y = x
        for i, layer in enumerate(plan):
            last = i == len(plan) - 1
            y = unit(y, layer, str(i), zero_init=last and self.zero_init_residual)
            if not last:
                y = nn.relu(y)
        if x.shape != y.shape:
            x = unit(x, (y.shape[-1], 1, self.strides), "_shortcut")
        return nn.relu(x + y)


class ResNet(Ranged, nn.Module):
    """A residual network without its classifier.

    Attributes:
      depth: 10, 18, 34, 50, 101 or 152.
      stem: "imagenet": 7x7 convolution of stride 2 and 3x3 max-pooling of stride 2, for images
        of about 224 pixels; "cifar": 3x3 convolution of stride 1 and no pooling, for images of
        about 32 (as in SimCLR's appendix B.9); "stride2": 3x3 convolution of stride 2 and no
        pooling, for tiles of about 14 and for less work on images of 32.
      width: factor on every number of channels (2 and 4 in SimCLR, below 1 for small machines).
      zero_init_residual: start every block as the identity; the encoder before training then
        sees little more than its stem, which makes it a poor baseline.
      dtype: dtype of the computation, "float32" or "bfloat16"; parameters are float32, and so
        are the batch statistics.
      inner: further factor on the channels inside of bottlenecks, not on their outputs: 2 in
        "Wide ResNet-50-2" (Zagoruyko & Komodakis, 2016). Basic blocks need 1.
    """

    depth: Depth = 18
    stem: str = "cifar"
    width: Positive = 1.0
    zero_init_residual: bool = False
    dtype: str = "float32"
    inner: Positive = dataclasses.field(default=1.0, metadata={"later": True})

    def smoke(self) -> ResNet:
        """A copy of 10 layers and 4 channels, for tests."""
        return self.clone(depth=10, width=1 / 16, inner=1.0)

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        *,
        mask: jax.Array | None = None,
        keep: jax.Array | None = None,
        train: bool,
    ) -> Features:
        """Encodes images.

        Args:
          x: float [B, H, W, C], any size and number of channels.
          mask: must be None.
          keep: must be None.
          train: whether batch normalisation uses (and moves) the batch's statistics.

        Returns:
          Features: pooled [B, D] is the mean over the last feature map, tokens [B, h * w, D] are
          its cells row by row; extras are "stem" and "stage1" ... "stage4" [B, h, w, C]. D is 512
          (depth 18, 34) or 2048, times ``width``.

        Raises:
          UserError: if ``mask`` or ``keep`` is given, or depth or stem is unknown.
        """
        refuse_masks("ResNet", mask, keep)
        if self.stem not in STEMS:
            raise UserError(f"no stem is called {self.stem!r}: {nearest(self.stem, STEMS)}")
        if x.ndim != 4:
            raise UserError(f"ResNet takes images [B, H, W, C], not an array of shape {x.shape}")
        kind, blocks = DEPTHS[self.depth]
        if kind == "basic" and self.inner != 1:
            raise UserError(
                f"inner={self.inner:g} widens bottlenecks, and a ResNet of depth {self.depth} has "
                "none: set it to 1, or take depth 50, 101 or 152"
            )
        base = max(1, round(64 * self.width))
        size, strides, padding = _STEMS[self.stem]
        stem = Conv(
            base, size, strides, padding, use_bias=False, dtype=self.dtype, name="stem_conv"
        )
        x = nn.relu(batch_norm(train=train, dtype=self.dtype, name="stem_norm")(stem(x)))
        extras = {"stem": x}
        if self.stem == "imagenet":
            x = nn.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        for stage, count in enumerate(blocks):
            for i in range(count):
                block = ResidualBlock(
                    round(self.inner * base) * 2**stage,
                    kind=kind,
                    out=4 * base * 2**stage if kind == "bottleneck" else None,
                    strides=2 if stage > 0 and i == 0 else 1,
                    zero_init_residual=self.zero_init_residual,
                    dtype=self.dtype,
                    name=f"stage{stage + 1}_block{i}",
                )
                x = block(x, train=train)
            extras[f"stage{stage + 1}"] = x
        return Features(
            pooled=jnp.mean(x, axis=(1, 2)),
            tokens=x.reshape(x.shape[0], -1, x.shape[-1]),
            extras=extras,
        )
