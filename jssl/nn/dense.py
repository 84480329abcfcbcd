"""Matrix products in mixed precision, and the dense layer built on them."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from jssl.core.ranges import Count, Natural, Ranged
from jssl.nn import module as nn
from jssl.nn.init import initializer


def _dot(a: jax.Array, b: jax.Array, contract_a: int, contract_b: int) -> jax.Array:
    """Product over one axis of each (counted from the end), leading axes batched; float32."""
    batch = tuple(range(a.ndim - 2))
    dims = (((a.ndim + contract_a,), (b.ndim + contract_b,)), (batch, batch))
    return lax.dot_general(a, b, dims, preferred_element_type=jnp.float32)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _mixed(a: jax.Array, b: jax.Array, dtype: str) -> jax.Array:
    return _dot(a.astype(dtype), b.astype(dtype), -1, -2)


def _mixed_fwd(
    a: jax.Array, b: jax.Array, dtype: str
) -> tuple[jax.Array, tuple[jax.Array, jax.Array, jax.Array, jax.Array]]:
    low_a, low_b = a.astype(dtype), b.astype(dtype)
    # Empty arrays carry the dtypes of the arguments: residuals must be arrays.
    return _dot(low_a, low_b, -1, -2), (
        low_a,
        low_b,
        jnp.zeros((0,), a.dtype),
        jnp.zeros((0,), b.dtype),
    )


def _mixed_bwd(
    dtype: str, residuals: tuple[jax.Array, ...], dy: jax.Array
) -> tuple[jax.Array, jax.Array]:
    a, b, like_a, like_b = residuals
    dy = dy.astype(dtype)
    return _dot(dy, b, -1, -1).astype(like_a.dtype), _dot(a, dy, -2, -2).astype(like_b.dtype)


_mixed.defvjp(_mixed_fwd, _mixed_bwd)


def product(a: jax.Array, b: jax.Array, dtype: str = "float32") -> jax.Array:
    """Batched matrix product: operands in ``dtype``, sums and result in float32.

    In a narrow dtype the gradient is made of such products too: the cotangent is rounded to
    ``dtype`` before it meets the other operand, which is what lets matrix units (AMX, tensor
    cores) run it. Each gradient is returned in the dtype of its argument, so a float32
    parameter's gradient is never rounded to ``dtype``.

    Args:
      a: [..., m, k].
      b: [..., k, n] with the same leading axes.
      dtype: dtype in which the operands meet, "float32" or "bfloat16".

    Returns:
      [..., m, n], float32.
    """
    name = jnp.dtype(dtype).name
    if name == "float32":
        return _dot(a.astype(jnp.float32), b.astype(jnp.float32), -1, -2)
    return _mixed(a, b, name)


class Dense(Ranged, nn.Module):
    """Affine map of the last axis, with the leading axes flattened to one.

    The flattening matters on a CPU, where a product of two matrices runs about twice as fast as
    one with two leading axes, and changes nothing elsewhere.

    Precision: parameters are float32. Operands are rounded to ``dtype``, the product is summed in
    float32, the bias is added in float32, and the sum is rounded to ``dtype``. In the backward
    pass the cotangent is rounded to ``dtype``; the gradients of the parameters are float32.

    Attributes:
      features: size of the result's last axis.
      use_bias: whether a bias is added.
      dtype: dtype of the operands and of the result, "float32" or "bfloat16".
      kernel_init: name of the initialiser of the kernel (see :func:`jssl.nn.init.initializer`).
      parts: matrices that the kernel holds side by side; only the initialiser looks at it.
      lora: rank of a low-rank addition to the kernel, `lora_a` [in, rank] times `lora_b` [rank,
        features], which starts at zero (Hu et al., "LoRA", 2022, with alpha equal to the rank); 0
        for none.
    """

    features: Count
    use_bias: bool = True
    dtype: str = "float32"
    kernel_init: str = "xavier"
    parts: Count = 1
    lora: Natural = 0

    @nn.compact
    def __call__(self, x: jax.Array, start: jax.Array | float | None = None) -> jax.Array:
        """Maps [..., D] to [..., features] in ``dtype``; `start` multiplies the first kernel."""
        shape = (x.shape[-1], self.features)
        init = initializer(self.kernel_init, self.parts)
        if start is not None:
            base, init = init, lambda *options: start * base(*options)
        kernel = self.param("kernel", init, shape, jnp.float32)
        flat = x.reshape(-1, x.shape[-1])
        y = product(flat, kernel, self.dtype)
        if self.lora:
            down = initializer("uniform_fan_in")
            down = self.param("lora_a", down, (x.shape[-1], self.lora), jnp.float32)
            up = self.param("lora_b", nn.initializers.zeros, (self.lora, self.features))
            y = y + product(product(flat, down, self.dtype), up, self.dtype)
        if self.use_bias:
            y = y + self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        return y.astype(self.dtype).reshape(*x.shape[:-1], self.features)
