"""Transformer blocks and stacks, for encoders and decoders of any modality."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jssl.core.ranges import BelowOne, Count, Natural, NonNegative, Positive, Ranged
from jssl.errors import UserError, nearest
from jssl.nn import module as nn
from jssl.nn import rows
from jssl.nn.attention import Attention
from jssl.nn.dense import Dense
from jssl.nn.drop import drop_path, dropout
from jssl.nn.init import activation, output_scales
from jssl.nn.norm import layer_norm

_REMAT: dict[str, Callable | None] = {
    "full": None,
    "dots": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
    "all_dots": jax.checkpoint_policies.dots_saveable,
}
REMAT = ("none", *_REMAT)


class Mlp(Ranged, nn.Module):
    """The block's two-layer perceptron, position by position.

    Attributes:
      hidden: width of the hidden layer.
      activation: name of the non-linearity.
      gated: multiply by a second linear map of the input before the output layer (SwiGLU with
        ``activation="silu"``; Shazeer, 2020).
      token_gate: multiply the hidden layer, before the non-linearity, by one learned number in
        (0, 1) for each token (Wang & Sun, "TransTab", 2022, eq. 3).
      kernel_init: name of the kernels' initialiser.
      dtype: dtype of the computation.
      lora: rank of the low-rank additions to the kernels (see :class:`jssl.nn.dense.Dense`).
    """

    hidden: Count
    activation: str = "gelu"
    gated: bool = False
    token_gate: bool = False
    kernel_init: str = "xavier"
    dtype: str = "float32"
    lora: Natural = 0

    @nn.compact
    def __call__(self, x: jax.Array, start: jax.Array | float | None = None) -> jax.Array:
        """Maps [..., D] to [..., D]; the last kernel starts multiplied by `start`."""
        options = {"kernel_init": self.kernel_init, "dtype": self.dtype, "lora": self.lora}
        hidden = Dense(self.hidden, name="dense0", **options)(x)
        if self.token_gate:
            gate = {**options, "lora": 0, "use_bias": False}
            hidden *= jax.nn.sigmoid(Dense(1, name="token_gate", **gate)(x))
        hidden = activation(self.activation)(hidden)
        if self.gated:
            hidden = hidden * Dense(self.hidden, name="gate", **options)(x)
        return Dense(x.shape[-1], name="dense1", **options)(hidden, start)


class Block(Ranged, nn.Module):
    """One transformer block: [self-attention], [cross-attention], MLP, each residual.

    Attributes:
      heads: attention heads.
      mlp_ratio: hidden width of the MLP over the block's width.
      self_attention: whether tokens attend to each other.
      cross_attention: whether tokens attend to a context.
      layer_scale: initial value of a learned factor per channel on each branch (Touvron et al.,
        2021), or None for no such factor.
      activation: name of the MLP's non-linearity.
      gated: whether the MLP is gated.
      token_gate: whether each token has a gate in the MLP.
      qkv_bias: whether queries, keys and values have a bias.
      return_maps: whether the attention maps are returned.
      implementation: see :class:`jssl.nn.attention.Attention`.
      kernel_init: name of the kernels' initialiser.
      dtype: dtype of the computation; parameters are float32.
      dropout: rate of :func:`dropout` at the end of each branch, from the rng "dropout"; 0 needs
        no rng.
      post_norm: normalise after each residual sum (Vaswani et al., 2017; BERT) in place of before
        each branch.
      eps: added to the variance by the normalisations.
      qk_norm: see :class:`jssl.nn.attention.Attention`.
      lora: rank of the low-rank additions to the kernels (see :class:`jssl.nn.dense.Dense`).
    """

    heads: Count
    mlp_ratio: Positive = 4.0
    self_attention: bool = True
    cross_attention: bool = False
    layer_scale: NonNegative | None = None
    activation: str = "gelu"
    gated: bool = False
    token_gate: bool = False
    qkv_bias: bool = True
    return_maps: bool = False
    implementation: str = "auto"
    kernel_init: str = "xavier"
    dtype: str = "float32"
    dropout: BelowOne = 0.0
    post_norm: bool = False
    eps: Positive = 1e-6
    qk_norm: bool = False
    lora: Natural = 0

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        rate: jax.Array | float | None = None,
        context: jax.Array | None = None,
        mask: jax.Array | None = None,
        start: jax.Array | float | None = None,
        rotation: tuple[jax.Array, jax.Array] | None = None,
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Runs the block.

        Args:
          x: [B, N, D].
          rate: stochastic-depth rate, drawn from the rng "dropout"; None (as in evaluation) drops
            nothing and needs no rng.
          context: [B, M, D'], for cross-attention; it is not normalised.
          mask: bool, broadcastable to [B, heads, N, N], of the self-attention; False hides.
          start: factor on the initial output kernels of its branches.
          rotation: of queries and keys in the self-attention (`jssl.nn.attention.rotate`).

        Returns:
          [B, N, D], and the maps asked for: "attention", "cross_attention".

        Raises:
          UserError: if cross-attention has no context.
        """
        maps: dict[str, jax.Array] = {}
        x = rows.constrain_activations(x)

        def residual(x: jax.Array, branch: jax.Array, name: str) -> jax.Array:
            if self.layer_scale is not None:
                fill = nn.initializers.constant(self.layer_scale)
                factor = self.param(f"{name}_scale", fill, (x.shape[-1],), jnp.float32)
                branch = branch * factor.astype(branch.dtype)
            if self.dropout:
                branch = dropout(self.make_rng("dropout"), branch, self.dropout)
            if rate is not None:
                branch = drop_path(self.make_rng("dropout"), branch, rate)
            return x + branch

        def branch(x: jax.Array, name: str, run: Callable[[jax.Array], jax.Array]) -> jax.Array:
            norm = layer_norm(dtype=self.dtype, epsilon=self.eps, name=f"{name}_norm")
            if self.post_norm:
                return norm(residual(x, run(x), name))
            return residual(x, run(norm(x)), name)

        def look(name: str, context: jax.Array | None, **options: Any) -> jax.Array:
            attention = Attention(
                self.heads,
                qkv_bias=self.qkv_bias,
                implementation=self.implementation,
                kernel_init=self.kernel_init,
                dtype=self.dtype,
                qk_norm=self.qk_norm,
                eps=self.eps,
                lora=self.lora,
                name=name,
            )

            def run(y: jax.Array) -> jax.Array:
                options["return_map"] = self.return_maps
                y, weights = attention(y, context, start=start, **options)
                if weights is not None:
                    maps[name] = weights
                return y

            return branch(x, name, run)

        if self.self_attention:
            x = look("attention", None, mask=mask, rotation=rotation)
        if self.cross_attention:
            if context is None:
                raise UserError("a block with cross_attention=True needs a context to look at")
            x = look("cross_attention", context)
        mlp = Mlp(
            round(self.mlp_ratio * x.shape[-1]),
            activation=self.activation,
            gated=self.gated,
            token_gate=self.token_gate,
            kernel_init=self.kernel_init,
            dtype=self.dtype,
            lora=self.lora,
            name="mlp",
        )
        return branch(x, "mlp", lambda y: mlp(y, start)), maps


class Transformer(Ranged, nn.Module):
    """A stack of blocks.

    Attributes:
      depth: number of blocks.
      heads: attention heads.
      drop_path: stochastic-depth rate of the last block; the rate grows linearly from 0 in the
        first.
      final_norm: whether a layer normalisation ("norm") ends the stack.
      scan: run the blocks as one loop: the program's size does not grow with depth, and the
        parameters are stacked, [depth, ...], under "blocks" (else "block0", "block1", ...).
      remat: what is kept for the gradient: "none" keeps all; "full" keeps each block's input;
        "dots" keeps the matrix products of the Dense layers; "all_dots" keeps the attention's
        products too.
      capture: attention maps wanted in the extras, such as ("block11.attention",).
      mlp_ratio: see :class:`Block`, as the fields below.
      self_attention: see :class:`Block`.
      cross_attention: see :class:`Block`.
      layer_scale: see :class:`Block`.
      activation: see :class:`Block`.
      gated: see :class:`Block`.
      token_gate: see :class:`Block`.
      qkv_bias: see :class:`Block`.
      implementation: see :class:`Block`.
      kernel_init: see :class:`Block`.
      dtype: see :class:`Block`.
      dropout: see :class:`Block`; in training alone.
      post_norm: see :class:`Block`; ``final_norm`` is usually False with it.
      eps: see :class:`Block`; also of the final normalisation.
      qk_norm: see :class:`Block`.
      lora: see :class:`Block`.
    """

    depth: Count
    heads: Count
    drop_path: BelowOne = 0.0
    final_norm: bool = True
    scan: bool = False
    remat: str = "none"
    capture: tuple[str, ...] = ()
    mlp_ratio: Positive = 4.0
    self_attention: bool = True
    cross_attention: bool = False
    layer_scale: NonNegative | None = None
    activation: str = "gelu"
    gated: bool = False
    token_gate: bool = False
    qkv_bias: bool = True
    implementation: str = "auto"
    kernel_init: str = "xavier"
    dtype: str = "float32"
    dropout: BelowOne = 0.0
    post_norm: bool = False
    eps: Positive = 1e-6
    qk_norm: bool = False
    lora: Natural = 0

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        context: jax.Array | None = None,
        mask: jax.Array | None = None,
        rotation: tuple[jax.Array, jax.Array] | None = None,
        *,
        train: bool,
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Runs the stack.

        Args:
          x: [B, N, D].
          context: [B, M, D'], for cross-attention.
          mask: bool, broadcastable to [B, heads, N, N]; False hides a key from a query.
          rotation: of queries and keys by position (`jssl.nn.attention.rotate`).
          train: whether stochastic depth is active; with ``drop_path`` > 0 it needs the rng
            "dropout".

        Returns:
          [B, N, D] in ``dtype``, and the extras: "block0" ... [B, N, D], each block's output (the
          last one before the final norm), and the captured maps [B, heads, N, M].

        Raises:
          UserError: for an unknown remat policy or a map that does not exist.
        """
        self._check()
        block = Block
        if self.remat != "none":
            # Inside a scan nothing can be merged across iterations, so no barrier is needed.
            block = nn.remat(block, policy=_REMAT[self.remat], prevent_cse=not self.scan)
        options = {
            "heads": self.heads,
            "mlp_ratio": self.mlp_ratio,
            "self_attention": self.self_attention,
            "cross_attention": self.cross_attention,
            "layer_scale": self.layer_scale,
            "activation": self.activation,
            "gated": self.gated,
            "token_gate": self.token_gate,
            "qkv_bias": self.qkv_bias,
            "implementation": self.implementation,
            "kernel_init": self.kernel_init,
            "dtype": self.dtype,
            "dropout": self.dropout if train else 0.0,
            "post_norm": self.post_norm,
            "eps": self.eps,
            "qk_norm": self.qk_norm,
            "lora": self.lora,
        }
        drop = train and self.drop_path > 0.0
        rates = np.linspace(0.0, self.drop_path, self.depth, dtype=np.float32) if drop else None
        starts = output_scales(self.kernel_init, self.depth)
        x = x.astype(self.dtype)
        extras: dict[str, jax.Array] = {}
        if self.scan:
            given = (context, mask, rotation)
            x, layers = self._scan(block, options, x, (rates, starts), given)
            for i in range(self.depth):
                extras[f"block{i}"] = layers["block"][i]
                extras |= {f"block{i}.{k}": v[i] for k, v in layers.items() if k != "block"}
        else:
            for i in range(self.depth):
                name = f"block{i}"
                wanted = any(key.startswith(f"{name}.") for key in self.capture)
                layer = block(return_maps=wanted, name=name, **options)
                rate, start = (None if each is None else each[i] for each in (rates, starts))
                x, maps = layer(x, rate, context, mask, start, rotation)
                extras |= {name: x, **{f"{name}.{key}": value for key, value in maps.items()}}
        extras = {k: v for k, v in extras.items() if "." not in k or k in self.capture}
        if self.final_norm:
            x = layer_norm(dtype=self.dtype, epsilon=self.eps, name="norm")(x)
        return x, extras

    def _scan(
        self,
        block: type[nn.Module],
        options: dict[str, object],
        x: jax.Array,
        per_block: tuple[np.ndarray | None, np.ndarray | None],
        given: tuple[Any, ...],
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        context, mask, rotation = given

        def body(
            layer: nn.Module, x: jax.Array, rate: jax.Array | None, start: jax.Array | None
        ) -> tuple[jax.Array, dict[str, jax.Array]]:
            x, maps = layer(x, rate, context, mask, start, rotation)
            return x, {"block": x, **maps}

        run = nn.scan(
            body,
            variable_axes={"params": 0},
            split_rngs={"params": True, "dropout": True},
            length=self.depth,
        )
        layer = block(return_maps=bool(self.capture), name="blocks", **options)
        return run(layer, x, *(a if a is None else jnp.asarray(a) for a in per_block))

    def _check(self) -> None:
        if self.remat not in REMAT:
            raise UserError(
                f"no remat policy is called {self.remat!r}: {nearest(self.remat, REMAT)}"
            )
        kinds = ["attention"] * self.self_attention + ["cross_attention"] * self.cross_attention
        known = [f"block{i}.{kind}" for i in range(self.depth) for kind in kinds]
        for key in self.capture:
            if key not in known:
                raise UserError(f"there is no attention map {key!r}: {nearest(key, known)}")
