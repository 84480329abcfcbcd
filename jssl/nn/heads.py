"""Projectors, predictors and prototype layers."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jssl.core.ranges import Count, Layers, Ranged
from jssl.nn import module as nn
from jssl.nn.dense import Dense, product
from jssl.nn.init import activation, initializer
from jssl.nn.norm import l2_normalize, normalize


class MLPHead(Ranged, nn.Module):
    """A multi-layer perceptron: hidden layers of Dense, norm and activation, then a last Dense.

    The heads of the literature, as fields (hidden widths are the papers' for ImageNet):

    - SimCLR (Chen et al., 2020): ``hidden=(2048,), out=128``; the authors' code ends with
      ``last_norm=True, last_bias=False, last_shift=False``.
    - BYOL projector and predictor (Grill et al., 2020): ``hidden=(4096,), out=256,
      hidden_bias=True, last_bias=False``.
    - MoCo v2: ``hidden=(2048,), out=128, norm="none"``.
    - MoCo v3: ``hidden=(4096, 4096), out=256, last_norm=True, last_bias=False, last_scale=False,
      last_shift=False``; predictor the same with ``hidden=(4096,)``.
    - SimSiam (Chen & He, 2021): projector ``hidden=(2048, 2048), out=2048, last_norm=True,
      last_bias=False, last_scale=False, last_shift=False``; predictor ``hidden=(512,), out=2048``.
    - Barlow Twins, VICReg: ``hidden=(8192, 8192), out=8192, last_bias=False``.
    - DINO (Caron et al., 2021): ``hidden=(2048, 2048), out=256, norm="none", activation="gelu",
      kernel_init="trunc_normal"``, followed by :class:`Prototypes`.

    Attributes:
      hidden: widths of the hidden layers; () makes the head linear.
      out: size of the result.
      norm: "batch", "layer" or "none", of the hidden layers, and of the last with ``last_norm``.
      activation: name of the non-linearity (see :func:`jssl.nn.init.activation`).
      hidden_bias: bias of the hidden Dense layers; None means exactly where no norm follows.
      last_bias: bias of the last Dense layer.
      last_norm: whether the norm follows the last Dense layer.
      last_scale: whether that last norm has a learned factor.
      last_shift: whether that last norm has a learned summand.
      kernel_init: name of the kernels' initialiser.
      dtype: dtype of the computation and of the result; parameters are float32.
    """

    hidden: Layers = (2048,)
    out: Count = 128
    norm: str = "batch"
    activation: str = "relu"
    hidden_bias: bool | None = None
    last_bias: bool = True
    last_norm: bool = False
    last_scale: bool = True
    last_shift: bool = True
    kernel_init: str = "lecun"
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Maps [..., D] to [..., out].

        Args:
          x: features; batch statistics are taken over all leading axes together.
          train: whether batch normalisation uses (and moves) the batch's statistics.

        Returns:
          The projection, in ``dtype``.

        Raises:
          UserError: for an unknown norm, activation or initialiser.
        """
        bias = self.norm == "none" if self.hidden_bias is None else self.hidden_bias
        nonlinearity = activation(self.activation)
        options = {"dtype": self.dtype, "kernel_init": self.kernel_init}
        for i, width in enumerate(self.hidden):
            x = Dense(width, use_bias=bias, name=f"dense{i}", **options)(x)
            x = normalize(x, self.norm, train=train, dtype=self.dtype, name=f"norm{i}")
            x = nonlinearity(x)
        last = len(self.hidden)
        x = Dense(self.out, use_bias=self.last_bias, name=f"dense{last}", **options)(x)
        if self.last_norm:
            x = normalize(
                x,
                self.norm,
                train=train,
                dtype=self.dtype,
                scale=self.last_scale,
                shift=self.last_shift,
                name=f"norm{last}",
            )
        return x


class Prototypes(Ranged, nn.Module):
    """Scores of each input against learned directions.

    With both normalisations the scores are cosines: SwAV's prototypes (Caron et al., 2020), and
    the last layer of DINO (Caron et al., 2021), whose weight normalisation has its gain fixed
    at one.

    Attributes:
      count: number of prototypes.
      normalize_input: divide the input by its Euclidean norm.
      normalize_kernel: divide each prototype by its Euclidean norm.
      kernel_init: name of the kernel's initialiser.
      dtype: dtype in which the operands of the product meet.
    """

    count: Count
    normalize_input: bool = True
    normalize_kernel: bool = True
    kernel_init: str = "trunc_normal"
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [..., D] to scores [..., count], float32."""
        shape = (x.shape[-1], self.count)
        kernel = self.param("kernel", initializer(self.kernel_init), shape, jnp.float32)
        if self.normalize_kernel:
            kernel = l2_normalize(kernel, axis=0)
        if self.normalize_input:
            x = l2_normalize(x)
        scores = product(x.reshape(-1, x.shape[-1]), kernel, self.dtype)
        return scores.reshape(*x.shape[:-1], self.count)
