"""Multi-head attention, over one sequence or from one sequence to another."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Natural, Positive, Ranged
from jssl.errors import UserError, nearest
from jssl.nn import module as nn
from jssl.nn.dense import Dense, product
from jssl.nn.norm import layer_norm

IMPLEMENTATIONS = ("auto", "xla", "cudnn")


def attend(
    query: jax.Array,
    key: jax.Array,
    value: jax.Array,
    *,
    mask: jax.Array | None = None,
    dtype: str = "float32",
) -> tuple[jax.Array, jax.Array]:
    """Scaled dot-product attention (Vaswani et al., 2017, equation 1), written out step by step.

    Operands of the two products are rounded to ``dtype``; sums and the softmax are float32.

    Args:
      query: [B, H, N, d].
      key: [B, H, M, d].
      value: [B, H, M, d].
      mask: bool, broadcastable to [B, H, N, M]; False hides a key from a query.
      dtype: dtype of the products' operands and of the result.

    Returns:
      The result [B, H, N, d] in ``dtype`` and the attention map [B, H, N, M], float32, whose rows
      sum to one.
    """
    scale = query.shape[-1] ** -0.5
    scores = product(query, key.swapaxes(-1, -2), dtype) * scale
    if mask is not None:
        scores = jnp.where(mask, scores, jnp.finfo(scores.dtype).min)
    weights = jax.nn.softmax(scores, axis=-1)
    return product(weights, value, dtype).astype(dtype), weights


def cudnn_fits(dtype: str, head_dim: int, masked: bool) -> bool:
    """Whether cuDNN's fused attention can be used.

    Args:
      dtype: dtype of queries, keys and values.
      head_dim: width of a head.
      masked: whether there is a mask (which cuDNN takes as a bias, for even lengths only).

    Returns:
      True on an NVIDIA GPU, in a 16-bit dtype, for heads of at most 128 in steps of 8, unmasked.
    """
    return (
        jax.default_backend() == "gpu"
        and "rocm" not in jax.devices()[0].client.platform_version.lower()
        and jnp.dtype(dtype).itemsize == 2
        and head_dim <= 128
        and head_dim % 8 == 0
        and not masked
    )


def rotate(x: jax.Array, rotation: tuple[jax.Array, jax.Array]) -> jax.Array:
    """Rotates queries or keys by their position (Su et al., "RoFormer", 2021), in float32.

    Channel i of the first half of a head and channel i of the second form a pair.

    Args:
      x: [B, N, H, d].
      rotation: cosine and sine of the angles, each [N, d] or [B, N, d].

    Returns:
      [B, N, H, d] in the dtype of ``x``.
    """
    cosine, sine = (part[..., None, :] for part in rotation)
    first, second = jnp.split(x.astype(jnp.float32), 2, axis=-1)
    turned = jnp.concatenate([-second, first], axis=-1)
    return (x.astype(jnp.float32) * cosine + turned * sine).astype(x.dtype)


class Attention(Ranged, nn.Module):
    """Multi-head attention (Vaswani et al., 2017, section 3.2.2).

    Self-attention makes queries, keys and values with one Dense ("qkv"); cross-attention makes
    the queries with "query" and the keys and values, together, with "key_value".

    Attributes:
      heads: number of heads; must divide the width.
      qkv_bias: whether queries, keys and values have a bias.
      implementation: "xla" (plain products), "cudnn" (fused, NVIDIA GPUs) or "auto": cuDNN where
        it fits and no map is asked for.
      kernel_init: name of the kernels' initialiser.
      dtype: dtype of the computation; parameters are float32.
      qk_norm: whether queries and keys are normalised in each head, over its channels (Dehghani et
        al., "Scaling Vision Transformers to 22 Billion Parameters", 2023, section 2).
      eps: added to the variance by these normalisations.
      lora: rank of the low-rank additions to the kernels (see :class:`jssl.nn.dense.Dense`).
    """

    heads: Count
    qkv_bias: bool = True
    implementation: str = "auto"
    kernel_init: str = "xavier"
    dtype: str = "float32"
    qk_norm: bool = False
    eps: Positive = 1e-6
    lora: Natural = 0

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        context: jax.Array | None = None,
        *,
        mask: jax.Array | None = None,
        return_map: bool = False,
        start: jax.Array | float | None = None,
        rotation: tuple[jax.Array, jax.Array] | None = None,
    ) -> tuple[jax.Array, jax.Array | None]:
        """Lets each token of ``x`` attend to ``context`` (or to ``x`` itself).

        Args:
          x: [B, N, D].
          context: [B, M, D'], or None for self-attention (M = N).
          mask: bool, broadcastable to [B, heads, N, M]; False hides a key from a query.
          return_map: whether the attention map is wanted; it forces plain products.
          start: factor on the initial kernel of the output layer.
          rotation: of queries and keys by position; see :func:`rotate`. Self-attention only.

        Returns:
          [B, N, D] in ``dtype``, and the map [B, heads, N, M] in float32, or None.

        Raises:
          UserError: if the heads do not divide the width, or the implementation is unknown.
        """
        batch, length, width = x.shape
        if width % self.heads:
            raise UserError(f"{self.heads} heads do not divide a width of {width}")
        if self.implementation not in IMPLEMENTATIONS:
            raise UserError(
                f"no attention implementation is called {self.implementation!r}: "
                f"{nearest(self.implementation, IMPLEMENTATIONS)}"
            )
        options = {"kernel_init": self.kernel_init, "dtype": self.dtype, "lora": self.lora}

        def project(inputs: jax.Array, parts: int, name: str) -> list[jax.Array]:
            bias = self.qkv_bias
            dense = Dense(parts * width, use_bias=bias, parts=parts, name=name, **options)
            shape = (*inputs.shape[:2], parts, self.heads, width // self.heads)
            return list(jnp.moveaxis(dense(inputs).reshape(shape), 2, 0))

        if context is None:
            query, key, value = project(x, 3, "qkv")
        else:
            (query,) = project(x, 1, "query")
            key, value = project(context, 2, "key_value")

        if self.qk_norm:
            norm = {"dtype": self.dtype, "epsilon": self.eps}
            query = layer_norm(**norm, name="query_norm")(query)
            key = layer_norm(**norm, name="key_norm")(key)
        if rotation is not None:
            query, key = rotate(query, rotation), rotate(key, rotation)
        fused = self.implementation == "cudnn" or (
            self.implementation == "auto"
            and cudnn_fits(self.dtype, width // self.heads, mask is not None)
        )
        if fused and not return_map:
            out = jax.nn.dot_product_attention(query, key, value, mask=mask, implementation="cudnn")
            weights = None
        else:
            # Heads before tokens: batched products of matrices, the layout a CPU is fastest in.
            query, key, value = (a.transpose(0, 2, 1, 3) for a in (query, key, value))
            out, weights = attend(query, key, value, mask=mask, dtype=self.dtype)
            out = out.transpose(0, 2, 1, 3)
        out = Dense(width, name="out", **options)(out.reshape(batch, length, width), start)
        return out, (weights if return_map else None)
