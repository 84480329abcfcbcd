"""RegNetY (Radosavovic et al., 2020), up to the ten billion parameters of SEER."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jssl.core.ranges import AboveOne, Count, Positive, Ranged
from jssl.encoders.features import Features, refuse_masks
from jssl.errors import UserError, nearest
from jssl.nn import module as nn
from jssl.nn import rows
from jssl.nn.conv import Conv
from jssl.nn.norm import batch_norm


@dataclasses.dataclass(frozen=True)
class Design(Ranged):
    """The parameters of a network in the design space.

    Attributes:
      depth: total number of blocks.
      initial: w_0, width of the first block before rounding.
      slope: w_a, by how much the width grows from block to block before rounding.
      factor: w_m, by how much the width grows from stage to stage.
      group: channels in a group of the 3x3 convolutions.
    """

    depth: Count
    initial: Positive
    slope: Positive
    factor: AboveOne
    group: Count

    @property
    def stages(self) -> tuple[tuple[int, int, int], ...]:
        """(width, blocks, group) of each stage.

        Equations 2 to 4 of the paper: u_j = w_0 + w_a j; the power of w_m nearest to u_j / w_0
        gives the width of block j, rounded to a multiple of 8; blocks of one width are a stage.
        Widths are then rounded to multiples of the group, but never by a tenth down.
        """
        linear = self.initial + self.slope * np.arange(self.depth)
        powers = np.round(np.log(linear / self.initial) / np.log(self.factor))
        widths = np.round(self.initial * self.factor**powers / 8).astype(int) * 8
        found = []
        for width in np.unique(widths):
            group = min(self.group, int(width))
            rounded = round(width / group) * group
            if rounded < 0.9 * width:
                rounded += group
            found.append((int(rounded), int(np.sum(widths == width)), group))
        return tuple(found)


DESIGNS: dict[str, Design] = {
    "400MF": Design(16, 48, 27.89, 2.09, 8),
    "800MF": Design(14, 56, 38.84, 2.4, 16),
    "1.6GF": Design(27, 48, 20.71, 2.65, 24),
    "3.2GF": Design(21, 80, 42.63, 2.66, 24),
    "8GF": Design(17, 192, 76.82, 2.19, 56),
    "16GF": Design(18, 200, 106.23, 2.48, 112),
    "32GF": Design(20, 232, 115.89, 2.53, 232),
    "128GF": Design(27, 456, 160.83, 2.52, 264),
    "256GF": Design(27, 640, 230.83, 2.53, 373),
    "10B": Design(27, 1744, 620.83, 2.52, 1010),
    "10B_1024": Design(27, 1744, 620.83, 2.52, 1024),
}
"""By the paper's measure of a forward pass at 224 pixels; 128GF and 256GF: Goyal et al., 2021;
10B: Goyal et al., 2022, 9.3 billion here and 9.6 with SEER's projector and prototypes. Its widths
are multiples of 1010 that 4 does not divide throughout, so that only 2 of 8 chips can share them;
10B_1024 is the same design in groups of 1024 channels, which 1024 chips can share."""

REMAT = ("none", "full")


class RegNetBlock(Ranged, nn.Module):
    """Bottleneck of ratio one with grouped 3x3 convolution and squeeze-and-excitation.

    Attributes:
      width: channels.
      group: channels in a group.
      strides: of the 3x3 convolution.
      squeeze: width of the squeezed channels.
      train: whether batch normalisation uses the batch's statistics.
      dtype: dtype of the computation.
    """

    width: Count
    group: Count
    strides: Count
    squeeze: Count
    train: bool
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, H, W, C] to [B, H', W', width]."""
        x = rows.constrain_activations(x)

        def unit(x: jax.Array, size: int, strides: int, groups: int, name: str) -> jax.Array:
            options = {"use_bias": False, "dtype": self.dtype, "name": f"conv{name}"}
            x = Conv(self.width, size, strides, size // 2, groups, **options)(x)
            return batch_norm(train=self.train, dtype=self.dtype, name=f"norm{name}")(x)

        y = nn.relu(unit(x, 1, 1, 1, "0"))
        y = nn.relu(unit(y, 3, self.strides, self.width // self.group, "1"))
        gate = jnp.mean(y, axis=(1, 2), keepdims=True)  # Hu et al., 2018
        gate = nn.relu(Conv(self.squeeze, 1, dtype=self.dtype, name="squeeze")(gate))
        y = y * nn.sigmoid(Conv(self.width, 1, dtype=self.dtype, name="excite")(gate))
        y = unit(y, 1, 1, 1, "2")
        if x.shape != y.shape:
            x = unit(x, 1, self.strides, 1, "_shortcut")
        return nn.relu(x + y)


class RegNet(nn.Module):
    """A RegNetY without its classifier.

    Attributes:
      variant: a name of `DESIGNS`.
      design: the network's parameters, in place of the variant's.
      scan: run the blocks of a stage after its first as one loop with stacked parameters, so that
        the program's size does not grow with depth.
      remat: what is kept for the gradient: "none" keeps all, "full" the input of each block.
      dtype: dtype of the computation; parameters and batch statistics are float32.
    """

    variant: str = "16GF"
    design: Design | None = None
    scan: bool = False
    remat: str = "none"
    dtype: str = "float32"

    def smoke(self) -> RegNet:
        """A copy of four blocks of at most 32 channels, for tests."""
        return self.clone(design=Design(4, 8, 8.0, 2.0, 8))

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
          its cells row by row; extras are "stem" and "stage1" ... [B, h, w, C].

        Raises:
          UserError: if ``mask`` or ``keep`` is given, or variant or remat is unknown.
        """
        refuse_masks("RegNet", mask, keep)
        if self.design is None and self.variant not in DESIGNS:
            raise UserError(
                f"no RegNet is called {self.variant!r}: {nearest(self.variant, DESIGNS)}"
            )
        if self.remat not in REMAT:
            raise UserError(f"no remat policy of a RegNet is called {self.remat!r}: {REMAT}")
        if x.ndim != 4:
            raise UserError(f"RegNet takes images [B, H, W, C], not an array of shape {x.shape}")
        design = self.design or DESIGNS[self.variant]
        block = nn.remat(RegNetBlock) if self.remat == "full" else RegNetBlock
        stem = Conv(32, 3, 2, 1, use_bias=False, dtype=self.dtype, name="stem_conv")
        x = nn.relu(batch_norm(train=train, dtype=self.dtype, name="stem_norm")(stem(x)))
        extras = {"stem": x}
        for stage, (width, count, group) in enumerate(design.stages, start=1):
            options = {"train": train, "dtype": self.dtype}
            name = f"stage{stage}_block"
            x = block(width, group, 2, round(x.shape[-1] / 4), name=f"{name}0", **options)(x)
            options["squeeze"] = round(width / 4)
            if self.scan and count > 1:
                x = self._loop(block, count - 1, x, f"{name}s", (width, group, 1), options)
            else:
                for i in range(1, count):
                    x = block(width, group, 1, name=f"{name}{i}", **options)(x)
            extras[f"stage{stage}"] = x
        return Features(
            pooled=jnp.mean(x, axis=(1, 2)),
            tokens=x.reshape(x.shape[0], -1, x.shape[-1]),
            extras=extras,
        )

    def _loop(
        self,
        block: type[nn.Module],
        count: int,
        x: jax.Array,
        name: str,
        sizes: tuple[int, int, int],
        options: dict[str, Any],
    ) -> jax.Array:
        run = nn.scan(
            lambda layer, x, _: (layer(x), None),
            variable_axes={"params": 0, "batch_stats": 0},
            split_rngs={"params": True},
            length=count,
        )
        return run(block(*sizes, name=name, **options), x, None)[0]
