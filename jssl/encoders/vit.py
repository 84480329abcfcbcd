"""Vision transformers (Dosovitskiy et al., 2021)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Natural, NonNegative, Periods, Positive, Ranged, Side
from jssl.encoders.tokens import Pick, TokenEncoder
from jssl.errors import UserError, nearest
from jssl.nn import module as nn
from jssl.nn.dense import Dense
from jssl.nn.patches import patch_grid, patchify, unpatchify
from jssl.nn.positions import LearnedPositions, rope_2d, sincos_2d

VARIANTS: dict[str, tuple[int, int, int]] = {
    "Ti": (192, 12, 3),
    "S": (384, 12, 6),
    "B": (768, 12, 12),
    "L": (1024, 24, 16),
    "H": (1280, 32, 16),
    "g": (1536, 40, 24),
}
"""Variant: (width, depth, heads). Ti and S: Touvron et al., 2021; g: Oquab et al., 2023."""

POSITIONS = ("sincos", "sincos_mae", "learned", "rope", "none")
POOLS = ("cls", "mean")


# Fields that came later. Truncated normals started at 0.88 of their spread before those fields did,
# so that only a ViT without one has its old numbers.
_LATER = {"later": lambda vit: vit.positions != "learned" and vit.kernel_init == "xavier"}
_ALWAYS = {"later": True}


class Preset(Ranged, nn.Module):
    """The first fields of a vision transformer, in the order in which they may be given.

    Attributes:
      variant: name of a row of `VARIANTS`.
      patch_size: side of a patch in pixels.
    """

    variant: str = "S"
    patch_size: Count = 16


class ViT(TokenEncoder, Preset):
    """A pre-norm vision transformer.

    The default is the plain form; the fields from `eps` on give those of DINOv3 (`positions="rope"`
    and `eps=1e-5`), CLIP (`input_norm`, `activation="quick_gelu"`, `projection`) and others.

    Attributes:
      variant: "Ti", "S", "B", "L", "H" or "g"; gives width, depth and heads where these are None.
      patch_size: side of a patch in pixels; must divide both sides of the image.
      width: size of a token.
      depth: number of blocks.
      heads: attention heads; must divide the width.
      positions: "sincos" (fixed, 2-D, rows in the first half of the width, as in MoCo v3),
        "sincos_mae" (columns in the first half, as in MAE and I-JEPA), "learned", "rope" (queries
        and keys of patches are rotated on the image's own grid, as in DINOv3), or "none".
      image_size: the image whose grid the positions belong to, a number or (H, W); for images of
        other sizes they are stretched (sincos) or interpolated (learned). None: for learned
        positions, the image size at initialisation; for sincos, every image's own grid.
      pool: "cls" (the class token after the final norm) or "mean" (of the patch tokens after it).
      class_token: whether there is a class token; None means with ``pool="cls"`` only.
      registers: number of register tokens (Darcet et al., 2024).
      drop_path: stochastic-depth rate of the last block, growing linearly with depth.
      layer_scale: initial factor on each residual branch, or None for none.
      mlp_ratio: hidden width of the MLPs over ``width``.
      activation: non-linearity of the MLPs.
      gated: whether the MLPs are gated (SwiGLU with ``activation="silu"``).
      qkv_bias: whether queries, keys and values have a bias.
      capture: attention maps wanted in the extras, such as ("block11.attention",).
      scan: run the blocks as one loop, parameters stacked.
      remat: what is kept for the gradient (see :class:`jssl.nn.transformer.Transformer`).
      implementation: attention kernel (see :class:`jssl.nn.attention.Attention`).
      kernel_init: initialiser of the kernels: "xavier" (MAE), "xavier_split" (MoCo v3),
        "trunc_normal" (DINO), "trunc_normal_depth" (I-JEPA), "trunc_normal_beit" (BEiT).
      interpolation: how learned positions are resized to another grid
        (`jssl.nn.positions.interpolate`).
      token_std: standard deviation of the initialisation of class and register tokens; 1e-6 in MoCo
        v3 and DINOv2.
      mask_std: that of the mask token; 0 in iBOT and DINOv2.
      dtype: dtype of the computation, "float32" or "bfloat16"; parameters are float32.
      eps: added to the variance by every normalisation.
      qk_norm: whether queries and keys are normalised in each head.
      input_norm: whether the tokens are normalised before the first block, as in CLIP.
      patch_bias: whether the patch embedding has a bias.
      projection: width of a linear map of the pooled vector, without bias; 0 for none.
      rope_periods: periods of rotary positions, a quarter of the width of a head; () for DINOv3's.
      order: order of the fixed positions that a decoder is given, "rows" or "columns", where the
        encoder's own are not fixed.
      lora: rank of low-rank additions to the kernels of the blocks (Hu et al., 2022); 0 for none.
    """

    width: Count | None = None
    depth: Count | None = None
    heads: Count | None = None
    pool: str = "cls"
    positions: str = "sincos"
    image_size: Side | None = None
    class_token: bool | None = None
    layer_scale: NonNegative | None = None
    activation: str = "gelu"
    gated: bool = False
    qkv_bias: bool = True
    capture: tuple[str, ...] = ()
    scan: bool = False
    remat: str = "none"
    implementation: str = "auto"
    interpolation: str = dataclasses.field(default="keys", metadata=_LATER)
    token_std: NonNegative = dataclasses.field(default=0.02, metadata=_LATER)
    mask_std: NonNegative = dataclasses.field(default=0.02, metadata=_LATER)
    eps: Positive = dataclasses.field(default=1e-6, metadata=_ALWAYS)
    qk_norm: bool = dataclasses.field(default=False, metadata=_ALWAYS)
    input_norm: bool = dataclasses.field(default=False, metadata=_ALWAYS)
    patch_bias: bool = dataclasses.field(default=True, metadata=_ALWAYS)
    projection: Natural = dataclasses.field(default=0, metadata=_ALWAYS)
    rope_periods: Periods = dataclasses.field(default=(), metadata=_ALWAYS)
    order: str = dataclasses.field(default="rows", metadata=_ALWAYS)
    lora: Natural = dataclasses.field(default=0, metadata=_ALWAYS)

    pools = POOLS

    def conflict(self) -> str | None:
        """Heads must divide the width, and patches the image."""
        width, _, heads = self.shape
        if width % heads:
            return f"heads is {heads}; it must divide the width, which is {width}"
        sides = (self.image_size,) if isinstance(self.image_size, int) else self.image_size or ()
        if any(side % self.patch_size for side in sides):
            return f"patch_size is {self.patch_size}; it must divide image_size, {self.image_size}"
        return None

    def smoke(self) -> ViT:
        """A copy with two blocks of width 32, for tests."""
        return self.clone(width=32, depth=2, heads=2, rope_periods=())

    def patches(self, x: jax.Array) -> jax.Array:
        """The content of each token: images [B, H, W, C] -> [B, N, patch_size ** 2 * C]."""
        if x.ndim != 4:
            raise UserError(f"ViT takes images [B, H, W, C], not an array of shape {x.shape}")
        return patchify(x, self.patch_size)

    def embed(self, patches: jax.Array, indices: jax.Array) -> jax.Array:
        """A linear map of the patch."""
        del indices
        embed = Dense(
            self.shape[0], use_bias=self.patch_bias, name="patch_embedding", **self._dense_settings
        )
        return embed(patches)

    def assemble(self, patches: jax.Array, shape: Sequence[int]) -> jax.Array:
        """Undoes `patches`: [B, N, P] -> images of the given shape [B, H, W, C]."""
        return unpatchify(patches, self.patch_size, self.grid(shape[1:3]))

    def token_positions(self, shape: Sequence[int], width: int) -> jax.Array:
        """Fixed positions of the tokens of a batch of the given shape, for a decoder: [N, width].

        Sine-cosine, 2-D; a constant.
        """
        return jnp.asarray(sincos_2d(self.grid(shape[1:3]), width, order=self._order))

    def positions_of(self, x: jax.Array, width: int) -> jax.Array:
        """Those of the shape of `x`."""
        return self.token_positions(x.shape, width)

    def layout(self, shape: Sequence[int], count: int) -> tuple[int, int]:
        """Arrangement of the tokens of a batch of the given shape: (rows, columns)."""
        del count
        return self.grid(shape[1:3])

    def token_coordinates(self, shape: Sequence[int]) -> jax.Array:
        """(row, column) of the tokens of a batch of the given shape, in tokens: float32 [N, 2]."""
        rows, columns = self.grid(shape[1:3])
        return jnp.stack(jnp.mgrid[:rows, :columns], axis=-1).reshape(-1, 2).astype(jnp.float32)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(width, depth, heads), taken from the variant unless set."""
        if self.variant not in VARIANTS:
            raise UserError(
                f"no ViT variant is called {self.variant!r}: {nearest(self.variant, VARIANTS)}"
            )
        given = (self.width, self.depth, self.heads)
        return tuple(
            preset if own is None else own
            for own, preset in zip(given, VARIANTS[self.variant], strict=True)
        )

    @property
    def has_class_token(self) -> bool:
        """As the field says; without it, if the class token is what is pooled."""
        return self.pool == "cls" if self.class_token is None else self.class_token

    def grid(self, image_size: int | Sequence[int]) -> tuple[int, int]:
        """Patches along each side of an image of that size (pixels): (rows, columns)."""
        return patch_grid(image_size, self.patch_size)

    def num_tokens(self, image_size: int | Sequence[int]) -> int:
        """Number of patch tokens of an image of that size (pixels); the N of masks."""
        rows, columns = self.grid(image_size)
        return rows * columns

    def place(self, x: jax.Array, indices: jax.Array, count: int) -> jax.Array | None:
        """Positions of the patches at indices int [B, K]: [B, K, width]; None for "none"."""
        del count
        table = self._position_table(x)
        return None if table is None else table[indices]

    def _placed(self, x: jax.Array, indices: jax.Array, count: int, pick: Pick) -> jax.Array | None:
        del indices, count
        table = self._position_table(x)
        # Without `keep` this is a broadcast, where rows of a table would be gathered.
        return None if table is None else pick(jnp.broadcast_to(table, (x.shape[0], *table.shape)))

    def _position_table(self, x: jax.Array) -> jax.Array | None:
        width, grid = self.shape[0], self.grid(x.shape[1:3])
        reference = None if self.image_size is None else self.grid(self.image_size)
        if self.positions in ("none", "rope"):
            return None
        if self.positions == "learned":
            learned = LearnedPositions(reference, self.interpolation, name="position_embedding")
            return learned(grid, width)
        return jnp.asarray(sincos_2d(grid, width, reference, order=self._order))

    @property
    def _order(self) -> str:
        fixed = {"sincos": "rows", "sincos_mae": "columns"}
        return fixed.get(self.positions, self.order)

    def _rotation(self, x: jax.Array, pick: Pick) -> tuple[jax.Array, jax.Array] | None:
        if self.positions != "rope":
            return None
        width, _, heads = self.shape
        tables = rope_2d(self.grid(x.shape[1:3]), width // heads, self.rope_periods)
        both = []
        for still, table in zip((1, 0), tables, strict=True):
            table = pick(jnp.broadcast_to(jnp.asarray(table), (x.shape[0], *table.shape)))
            sides = ((0, 0), (self.prefix_tokens, 0), (0, 0))
            both.append(jnp.pad(table, sides, constant_values=still))
        return both[0], both[1]

    @property
    def _dense_settings(self) -> dict[str, Any]:
        return {"kernel_init": self.kernel_init, "dtype": self.dtype}

    def _block_settings(self) -> dict[str, Any]:
        names = ("scan", "remat", "capture", "layer_scale", "gated", "qkv_bias")
        names = (*names, "implementation", "qk_norm")
        return {**super()._block_settings(), **{name: getattr(self, name) for name in names}}

    def _embedded(self, content: jax.Array, tokens: jax.Array) -> dict[str, jax.Array]:
        del tokens
        return {"patch_embedding": content}

    def _pooled(
        self,
        tokens: jax.Array,
        extras: dict[str, jax.Array],
        weights: jax.Array,
        member: jax.Array,
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        del weights, member  # all patches are real, and of one group
        pooled = extras["cls"] if self.pool == "cls" else jnp.mean(tokens, axis=1)
        return self._projected(pooled), extras

    def _check_fields(self) -> None:
        super()._check_fields()
        if self.positions not in POSITIONS:
            raise UserError(
                f"no positions are called {self.positions!r}: {nearest(self.positions, POSITIONS)}"
            )
        if self.pool == "cls" and not self.has_class_token:
            raise UserError("pool='cls' needs class_token=True (or None); use pool='mean' without")


def vit(variant: str, **fields: Any) -> ViT:
    """Makes a ViT from its short name.

    Args:
      variant: such as "S", or "S/16" with the patch size.
      **fields: any field of :class:`ViT`.

    Returns:
      The module, unbound.

    Raises:
      UserError: for an unknown variant, or a patch size that is not a number.
    """
    name, slash, patch = variant.partition("/")
    if slash:
        if not patch.isdigit():
            raise UserError(f"{variant!r} is not a ViT: write variant and patch size as in 'S/16'")
        fields = {"patch_size": int(patch), **fields}
    if name not in VARIANTS:
        raise UserError(f"no ViT variant is called {name!r}: {nearest(name, VARIANTS)}")
    return ViT(variant=name, **fields)
