"""2-D convolution whose gradient is also fast on a CPU inside loops.

XLA's CPU back end runs a forward convolution through a tuned routine, but the convolutions that
automatic differentiation makes for the gradient fall back to scalar loops inside ``while`` bodies
(tens of times slower), and the training loop is such a body. The rule below uses only forward
convolutions in the plain layout and matrix products. On other backends the native gradient is kept;
the choice is made when the program is lowered, so a TPU program lowered on a CPU machine is also
correct.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from jssl.core.ranges import Count, Ranged, Side
from jssl.errors import UserError
from jssl.nn import module as nn
from jssl.nn.init import initializer

Pair = tuple[int, int]
Padding = str | int | Sequence[Pair]

_DIMENSIONS = ("NHWC", "HWIO", "NHWC")
_CACHE_BYTES = 2**20  # about the second-level cache of a core
_ABREAST = 4  # convolutions in a loop's body: the CPU runs each on about one core
_TINY = 2  # output side up to which the CPU's convolution loses to matrix products (20x at 2x2)


def _native(
    x: jax.Array, kernel: jax.Array, strides: Pair, pads: tuple[Pair, Pair], groups: int = 1
) -> jax.Array:
    return lax.conv_general_dilated(
        x,
        kernel.astype(x.dtype),
        strides,
        pads,
        dimension_numbers=_DIMENSIONS,
        feature_group_count=groups,
    )


def _is_pointwise(kernel: jax.Array, pads: tuple[Pair, Pair]) -> bool:
    return kernel.shape[:2] == (1, 1) and pads == ((0, 0), (0, 0))


def _matmul(a: jax.Array, b: jax.Array, contract: tuple[int, int]) -> jax.Array:
    """Two-dimensional product with a float32 result."""
    dims = (((contract[0],), (contract[1],)), ((), ()))
    return lax.dot_general(a, b, dims, preferred_element_type=jnp.float32)


def _forward_cpu(
    x: jax.Array, kernel: jax.Array, strides: Pair, pads: tuple[Pair, Pair]
) -> jax.Array:
    if not _is_pointwise(kernel, pads):
        out = _output_size(x, kernel, strides, pads)
        if max(out) <= _TINY:
            return _forward_shifted(x, kernel, strides, pads, out)
        return _native(x, kernel, strides, pads)
    x = x[:, :: strides[0], :: strides[1]]
    flat = _matmul(x.reshape(-1, x.shape[-1]), kernel[0, 0].astype(x.dtype), (1, 0))
    return flat.astype(x.dtype).reshape(*x.shape[:-1], kernel.shape[-1])


def _output_size(
    x: jax.Array, kernel: jax.Array, strides: Pair, pads: tuple[Pair, Pair]
) -> tuple[int, ...]:
    return tuple(
        (length + sum(pad) - k) // stride + 1
        for length, pad, k, stride in zip(
            x.shape[1:3], pads, kernel.shape[:2], strides, strict=True
        )
    )


def _forward_shifted(
    x: jax.Array, kernel: jax.Array, strides: Pair, pads: tuple[Pair, Pair], out: tuple[int, ...]
) -> jax.Array:
    """The convolution as one matrix product for each offset of the kernel."""
    kernel = kernel.astype(x.dtype)
    x = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    height, width = (stride * (n - 1) + 1 for stride, n in zip(strides, out, strict=True))
    total = sum(
        _matmul(
            x[:, i : i + height : strides[0], j : j + width : strides[1]].reshape(-1, x.shape[-1]),
            kernel[i, j],
            (1, 0),
        )
        for i in range(kernel.shape[0])
        for j in range(kernel.shape[1])
    )
    return total.astype(x.dtype).reshape(x.shape[0], *out, kernel.shape[-1])


def _input_gradient(
    dy: jax.Array, kernel: jax.Array, size: Pair, strides: Pair, pads: tuple[Pair, Pair]
) -> jax.Array:
    """dL/dx: the dilated cotangent convolved with the flipped kernel, channels swapped."""
    edges = []
    for length, out, k, stride, pad in zip(
        size, dy.shape[1:3], kernel.shape[:2], strides, pads, strict=True
    ):
        low = k - 1 - pad[0]
        edges.append((low, length + k - 1 - (stride * (out - 1) + 1) - low))
    zero = jnp.zeros((), dy.dtype)
    if _is_pointwise(kernel, pads):
        flat = _matmul(dy.reshape(-1, dy.shape[-1]), kernel[0, 0].astype(dy.dtype), (1, 1))
        dx = flat.astype(dy.dtype).reshape(*dy.shape[:-1], kernel.shape[2])
        inner = [(*edge, stride - 1) for edge, stride in zip(edges, strides, strict=True)]
        return lax.pad(dx, zero, [(0, 0, 0), *inner, (0, 0, 0)])
    flipped = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
    # The convolution pads for free, but only by non-negative amounts.
    inside = all(amount >= 0 for edge in edges for amount in edge)
    outer = [(0, 0) if inside else edge for edge in edges]
    if strides != (1, 1) or not inside:
        inner = [(*edge, stride - 1) for edge, stride in zip(outer, strides, strict=True)]
        dy = lax.pad(dy, zero, [(0, 0, 0), *inner, (0, 0, 0)])
    return _forward_cpu(dy, flipped, (1, 1), tuple(edges) if inside else ((0, 0), (0, 0)))


def _kernel_gradient(
    x: jax.Array, dy: jax.Array, kernel: jax.Array, strides: Pair, pads: tuple[Pair, Pair]
) -> jax.Array:
    """dL/dkernel, a few images at a time.

    With stride 1 it is the images convolved with the cotangent: channels in the place of the
    batch, and images in that of the channels, laid out so that the back end sees a plain forward
    convolution. Otherwise, and in other precisions than float32, where a convolution would round
    its sums, it is one matrix product for each offset of the kernel.

    The batch is processed in pieces that fit the cache, a few at a time. A piece takes its images
    from across the batch (the second axis of a [piece, pieces] view), so that with a batch sharded
    over devices, each device works on its own images.
    """
    kh, kw, channels, features = kernel.shape
    convolved = strides == (1, 1) and kh * kw > 1 and x.dtype == jnp.float32
    if not convolved and any(amount for pad in pads for amount in pad):
        x = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    height, width = (stride * (n - 1) + 1 for stride, n in zip(strides, dy.shape[1:3], strict=True))

    def convolution(x: jax.Array, dy: jax.Array) -> jax.Array:
        found = _native(x.transpose(3, 1, 2, 0), dy.transpose(1, 2, 0, 3), (1, 1), pads)
        return found.transpose(1, 2, 0, 3)

    def products(x: jax.Array, dy: jax.Array) -> jax.Array:
        flat = dy.reshape(-1, features)
        slices = [
            x[:, i : i + height : strides[0], j : j + width : strides[1]].reshape(-1, channels)
            for i in range(kh)
            for j in range(kw)
        ]
        return jnp.stack([_matmul(rows, flat, (0, 0)) for rows in slices]).reshape(kernel.shape)

    part = convolution if convolved else products
    batch = x.shape[0]
    piece = _piece(batch, (x.size + dy.size) // max(batch, 1) * x.dtype.itemsize)
    if kh * kw == 1 or piece == batch:
        return part(x, dy).astype(kernel.dtype)
    pieces = batch // piece
    x, dy = (a.reshape(piece, pieces, *a.shape[1:]) for a in (x, dy))
    abreast = math.gcd(pieces, _ABREAST)

    def step(i: jax.Array, total: jax.Array) -> jax.Array:
        for place in range(abreast):
            here = [lax.dynamic_index_in_dim(a, abreast * i + place, 1, False) for a in (x, dy)]
            total = total + part(*here)
        return total

    start = jnp.zeros(kernel.shape, jnp.float32)
    total = lax.fori_loop(0, pieces // abreast, step, start)
    return total.astype(kernel.dtype)


def _piece(batch: int, image_bytes: int) -> int:
    """The largest divisor of the batch whose images fit the cache (all, where little is won)."""
    if batch * image_bytes <= 8 * _CACHE_BYTES:
        return batch
    fitting = [n for n in range(1, batch + 1) if batch % n == 0 and n * image_bytes <= _CACHE_BYTES]
    return max(fitting, default=1)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _conv2d(x: jax.Array, kernel: jax.Array, strides: Pair, pads: tuple[Pair, Pair]) -> jax.Array:
    native = partial(_native, strides=strides, pads=pads)
    tiny = max(_output_size(x, kernel, strides, pads)) <= _TINY
    if not (tiny or _is_pointwise(kernel, pads)):
        return native(x, kernel)
    cpu = partial(_forward_cpu, strides=strides, pads=pads)
    return lax.platform_dependent(x, kernel, cpu=cpu, default=native)


def _conv2d_fwd(
    x: jax.Array, kernel: jax.Array, strides: Pair, pads: tuple[Pair, Pair]
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _conv2d(x, kernel, strides, pads), (x, kernel)


def _conv2d_bwd(
    strides: Pair,
    pads: tuple[Pair, Pair],
    residuals: tuple[jax.Array, jax.Array],
    dy: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    x, kernel = residuals

    def native(x: jax.Array, kernel: jax.Array, dy: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.vjp(partial(_native, strides=strides, pads=pads), x, kernel)[1](dy)

    # Two choices, not one: whichever gradient nobody uses (the input's, in a first layer) is then
    # removed before it is computed, also where a program runs operation by operation.
    dx = lax.platform_dependent(
        x,
        kernel,
        dy,
        cpu=lambda x, kernel, dy: _input_gradient(dy, kernel, x.shape[1:3], strides, pads),
        default=lambda x, kernel, dy: native(x, kernel, dy)[0],
    )
    dk = lax.platform_dependent(
        x,
        kernel,
        dy,
        cpu=lambda x, kernel, dy: _kernel_gradient(x, dy, kernel, strides, pads),
        default=lambda x, kernel, dy: native(x, kernel, dy)[1],
    )
    return dx, dk


_conv2d.defvjp(_conv2d_fwd, _conv2d_bwd)


def conv2d(
    x: jax.Array,
    kernel: jax.Array,
    strides: int | Pair = 1,
    padding: Padding = "SAME",
    groups: int = 1,
) -> jax.Array:
    """Cross-correlates images with a kernel, as every deep-learning library's convolution does.

    Args:
      x: [B, H, W, C] images; their dtype is the dtype of the computation and of the result.
      kernel: [kh, kw, C // groups, features], cast to ``x.dtype``; its gradient has its own dtype.
      strides: one stride for both axes, or (rows, columns).
      padding: "SAME", "VALID", one number of pixels for every side, or ((top, bottom), (left,
        right)).
      groups: number of channel groups. More than one takes the native gradient, which is slow
        inside loops on a CPU.

    Returns:
      [B, H', W', features] in ``x.dtype``. Reverse-mode differentiable (not forward-mode), and
      batchable by ``jax.vmap`` over either argument.

    Raises:
      UserError: if the channels of ``x`` and ``kernel`` do not match, or the padding is unknown.
    """
    strides = (strides, strides) if isinstance(strides, int) else tuple(strides)
    if x.ndim != 4 or x.shape[-1] != kernel.shape[2] * groups:
        raise UserError(
            f"conv2d: input {x.shape} does not fit kernel {kernel.shape} with {groups} group(s); "
            f"the input must be [B, H, W, {kernel.shape[2] * groups}]"
        )
    pads = resolve_padding(padding, x.shape[1:3], kernel.shape[:2], strides)
    if groups != 1:
        return _native(x, kernel, strides, pads, groups)
    return _conv2d(x, kernel, strides, pads)


def resolve_padding(
    padding: Padding, size: Sequence[int], window: Sequence[int], strides: Pair
) -> tuple[Pair, Pair]:
    """Turns a padding into ((top, bottom), (left, right)) pixels.

    Args:
      padding: "SAME", "VALID", a number, or the pairs themselves.
      size: (H, W) of the input.
      window: (kh, kw) of the kernel.
      strides: (rows, columns).

    Returns:
      The two pairs.

    Raises:
      UserError: if the name is unknown.
    """
    if isinstance(padding, int):
        return ((padding, padding), (padding, padding))
    if isinstance(padding, str):
        if padding not in ("SAME", "VALID"):
            raise UserError(f"unknown padding {padding!r}: 'SAME', 'VALID', a number or pairs")
        padding = lax.padtype_to_pads(size, window, strides, padding)
    top_bottom, left_right = (tuple(int(amount) for amount in pad) for pad in padding)
    return (top_bottom, left_right)


class Conv(Ranged, nn.Module):
    """2-D convolution layer over [B, H, W, C].

    Attributes:
      features: channels of the result.
      kernel_size: (kh, kw), or one number for both.
      strides: (rows, columns), or one number for both.
      padding: as in :func:`conv2d`.
      groups: channel groups.
      use_bias: whether a bias is added.
      dtype: dtype of the computation; the parameters are float32.
      kernel_init: name of the initialiser of the kernel (see :func:`jssl.nn.init.initializer`).
    """

    features: Count
    kernel_size: Side = 3
    strides: Side = 1
    padding: Padding = "SAME"
    groups: Count = 1
    use_bias: bool = True
    dtype: str = "float32"
    kernel_init: str = "he_fan_out"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Convolves [B, H, W, C] to [B, H', W', features]."""
        size = self.kernel_size
        size = (size, size) if isinstance(size, int) else tuple(size)
        if x.shape[-1] % self.groups or self.features % self.groups:
            raise UserError(
                f"Conv: {self.groups} groups must divide the {x.shape[-1]} input channels and the "
                f"{self.features} output channels"
            )
        shape = (*size, x.shape[-1] // self.groups, self.features)
        kernel = self.param("kernel", initializer(self.kernel_init), shape, jnp.float32)
        y = conv2d(x.astype(self.dtype), kernel, self.strides, self.padding, self.groups)
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
            y = y + bias.astype(y.dtype)
        return y
