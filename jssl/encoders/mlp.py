"""A multi-layer perceptron over flattened inputs."""

from __future__ import annotations

import jax

from jssl.core.ranges import Ranged, Widths
from jssl.encoders.features import Features, refuse_masks
from jssl.nn import module as nn
from jssl.nn.dense import Dense
from jssl.nn.init import activation
from jssl.nn.norm import normalize


class MLP(Ranged, nn.Module):
    """Dense layers, each with norm and activation, on the flattened input.

    Attributes:
      hidden: width of each layer; the last one is the width of the features.
      norm: "batch", "layer" or "none".
      activation: name of the non-linearity (see :func:`jssl.nn.init.activation`).
      kernel_init: name of the kernels' initialiser.
      dtype: dtype of the computation, "float32" or "bfloat16"; parameters are float32.
    """

    hidden: Widths = (512, 512)
    norm: str = "batch"
    activation: str = "relu"
    kernel_init: str = "he_fan_out"
    dtype: str = "float32"

    def smoke(self) -> MLP:
        """A copy with two layers of 32, for tests."""
        return self.clone(hidden=(32, 32))

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        *,
        mask: jax.Array | None = None,
        keep: jax.Array | None = None,
        train: bool,
    ) -> Features:
        """Encodes.

        Args:
          x: float [B, ...] of any shape.
          mask: must be None.
          keep: must be None.
          train: whether batch normalisation uses (and moves) the batch's statistics.

        Returns:
          Features with pooled [B, hidden[-1]] and extras "layer0", "layer1", ...

        Raises:
          UserError: if ``mask`` or ``keep`` is given, or a name is unknown.
        """
        refuse_masks("MLP", mask, keep)
        nonlinearity = activation(self.activation)
        x = x.reshape(x.shape[0], -1)
        extras = {}
        for i, width in enumerate(self.hidden):
            dense = Dense(
                width,
                use_bias=self.norm == "none",
                kernel_init=self.kernel_init,
                dtype=self.dtype,
                name=f"dense{i}",
            )
            x = normalize(dense(x), self.norm, train=train, dtype=self.dtype, name=f"norm{i}")
            x = nonlinearity(x)
            extras[f"layer{i}"] = x
        return Features(pooled=x, extras=extras)
