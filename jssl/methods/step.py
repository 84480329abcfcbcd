"""The state that a method reads while one training step is traced."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
from chex import ArrayTree

from jssl.core.progress import Progress
from jssl.encoders.features import Features
from jssl.nn import module as nn

Memory = dict[str, Any]

_RANDOM_LAYERS = ("drop_path", "dropout", "attention_dropout")


@dataclasses.dataclass
class Step:
    """The networks, the memory, the key and the progress of one training step.

    The trainer makes a new `Step` for every hook of a method and discards it when the hook returns.
    Running the student is the only operation that changes it: `batch_stats` are then those after
    the run.

    Attributes:
      net: module returned by `Method.net(encoder)`.
      params: parameters of `net`; only these receive gradients. None in `objective` and `remember`,
        which see only the outputs.
      batch_stats: mutable collections of `net` (`{"batch_stats": ...}` or `{}`).
      memory: state that the method keeps between steps, such as queues and teachers.
      key: PRNG key of the hook.
      progress: position in the run: step, epoch and fraction.
    """

    net: nn.Module | None = None
    params: ArrayTree | None = None
    batch_stats: ArrayTree = dataclasses.field(default_factory=dict)
    memory: Memory = dataclasses.field(default_factory=dict)
    key: jax.Array | None = None
    progress: Progress = Progress(0, 1, 1)  # noqa: RUF009

    def replace(self, **changes: Any) -> Step:
        """A copy with some attributes replaced."""
        return dataclasses.replace(self, **changes)

    def student(self, *inputs: Any, key: jax.Array | None = None, **options: Any) -> Any:
        """Runs the net in training mode and updates `batch_stats`.

        Args:
          *inputs: inputs of the net.
          key: PRNG key of dropout and stochastic depth; None for the key of the step.
          **options: keyword arguments of the net.

        Returns:
          The net's output.
        """
        key = self.key if key is None else key
        output, self.batch_stats = _run(
            self.net, self.params, self.batch_stats, inputs, options, key
        )
        return output

    def teacher(
        self,
        *inputs: Any,
        key: jax.Array | None = None,
        name: str = "teacher",
        net: nn.Module | None = None,
        **options: Any,
    ) -> Any:
        """Runs a teacher in training mode under `stop_gradient`.

        In training mode BatchNorm normalises with the statistics of the teacher's own batch.
        Stochastic depth and dropout of the encoder are disabled.

        Args:
          *inputs: inputs of the teacher's net.
          key: PRNG key of random layers outside the encoder; None for the key of the step.
          name: name of the teacher in `memory`, a dict `{"params", "stats"}`.
          net: the teacher's module; None for the student's net. A teacher without heads is run
            with `net=step.net.encoder`.
          **options: keyword arguments of the module.

        Returns:
          The module's output under `stop_gradient`.
        """
        key = self.key if key is None else key
        net = _without_random_layers(self.net if net is None else net)
        teacher = self.memory[name]
        output, _ = _run(net, teacher["params"], teacher["stats"], inputs, options, key)
        return jax.lax.stop_gradient(output)

    def predict(self, *inputs: Any, **options: Any) -> Any:
        """Runs the net in evaluation mode; the step does not change.

        Args:
          *inputs: inputs of the net.
          **options: keyword arguments of the net, or `method` as in `nn.Module.apply`.

        Returns:
          The net's output.
        """
        variables = {"params": self.params, **self.batch_stats}
        return self.net.apply(variables, *inputs, train=False, **options)

    def encoder(self, x: Any) -> Features:
        """The student's encoder in evaluation mode: x [B, ...] -> Features."""
        return self.net.apply(
            {"params": self.params, **self.batch_stats},
            x,
            method=lambda module, x: module.encoder(x, train=False),
        )


def _run(
    net: nn.Module,
    params: ArrayTree,
    stats: ArrayTree,
    inputs: tuple,
    options: dict,
    key: jax.Array,
) -> tuple[Any, ArrayTree]:
    output, updated = net.apply(
        {"params": params, **stats},
        *inputs,
        train=True,
        rngs={"dropout": key},
        mutable=list(stats),
        **options,
    )
    return output, {**stats, **updated}


def _without_random_layers(net: nn.Module) -> nn.Module:
    encoder = getattr(net, "encoder", net)
    random = [name for name in _RANDOM_LAYERS if getattr(encoder, name, 0.0)]
    if not random:
        return net
    still = encoder.clone(**dict.fromkeys(random, 0.0))
    return still if encoder is net else net.clone(encoder=still)
