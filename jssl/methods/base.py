"""The contract of a method: what it adds to an encoder, what it computes, what it remembers.

A method is a frozen dataclass of hyper-parameters with pure functions. The trainer calls, in this
order and for every method alike:

    forward      views -> per-example outputs         (may run on micro-batches)
    objective    outputs of the global batch -> loss  (float32, no collectives)
    after_update new parameters -> memory             (teachers)
    next_params  new parameters -> those of the next step (methods in stages)

The split between `forward` and `objective` is what makes large batches exact: everything that
couples examples lives in `objective`, so gradients of a batch too large for memory are found by
differentiating the objective once and replaying `forward` piece by piece.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jssl.alarm import Monitored
from jssl.clock import Clock
from jssl.encoders.features import Features
from jssl.errors import UserError
from jssl.ranges import Ranged

Tree = Any
Views = Mapping[str, Any]
Outputs = dict[str, jax.Array]
Metrics = dict[str, jax.Array]
Memory = dict[str, Any]

BESIDE = frozenset({"dropped", "index", "label", "mask", "original", "target"})
"""Names of views that go along with an input: what is hidden, what is predicted, who it is."""


@dataclasses.dataclass(frozen=True)
class Method(Ranged, abc.ABC):
    """Base of every method; only `net`, `forward` and `objective` are obligatory.

    Class attributes:
      paper: exact title of the paper.
      partial: which part of what the title promises is missing, in whole sentences; "" for none.
        The method's page and `jssl list` show it.
      couples_batch: whether the objective of one example depends on the other examples. False
        means that the loss of a batch is the mean of the losses of its parts.
      permutable: whether the loss is the same for every order of the examples.
      symmetric_views: two views that can be swapped without changing the loss; () for none.
      scale_invariant: outputs that can be multiplied by a constant without changing the loss.
      targets: outputs that are stopped, so that no gradient reaches a parameter through them.
      unreached: regular expressions of parameter paths that the loss does not depend on.
      amplifies: how many times more than in other methods a step may multiply rounding; only with
        a reason beside it, such as the inverse of a covariance.

    All but the first three are promises; `jssl.testing.conformance` holds a method to them.
    """

    paper: ClassVar[str] = ""
    partial: ClassVar[str] = ""
    couples_batch: ClassVar[bool] = True
    permutable: ClassVar[bool] = True
    symmetric_views: ClassVar[tuple[str, ...]] = ()
    scale_invariant: ClassVar[tuple[str, ...]] = ()
    targets: ClassVar[tuple[str, ...]] = ()
    unreached: ClassVar[tuple[str, ...]] = ()
    amplifies: ClassVar[float] = 1.0

    @abc.abstractmethod
    def net(self, encoder: nn.Module) -> nn.Module:
        """Encoder plus heads: a Linen module with an attribute `encoder`."""

    @abc.abstractmethod
    def forward(
        self,
        net: nn.Module,
        params: Tree,
        stats: Tree,
        memory: Memory,
        views: Views,
        *,
        rng: jax.Array,
        clock: Clock,
    ) -> tuple[Outputs, Tree]:
        """Runs the networks on the views.

        Args:
          net: what `net(encoder)` returned.
          params: parameters of `net`; gradients flow to these alone.
          stats: mutable collections of `net` (`{"batch_stats": ...}` or `{}`).
          memory: what the method remembers; read only.
          views: name -> array or mapping of arrays, leading axis B.
          rng: key of this step, for dropout and the like.
          clock: progress of the run.

        Returns:
          (outputs, stats): outputs name -> array with leading axis B, and the updated collections.
        """

    @abc.abstractmethod
    def objective(
        self, outputs: Outputs, memory: Memory, *, rng: jax.Array, clock: Clock
    ) -> tuple[jax.Array, tuple[Memory, Metrics]]:
        """The loss of the global batch.

        Args:
          outputs: what `forward` returned, for all examples of the global batch.
          memory: as before this step; read it before you return an update of it.
          rng: key of this step.
          clock: progress of the run.

        Returns:
          (loss, (memory, metrics)): float32 scalar, the updated memory, named float32 scalars.
        """

    def init(self, net: nn.Module, rng: jax.Array, views: Views) -> Tree:
        """Variables of `net`, from one run on `inputs(views)`."""
        return net.init({"params": rng, "dropout": rng}, *self.inputs(views), train=True)

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """What `init` runs `net` on; the default is the first input among the views."""
        return (inputs_of(views)[0],)

    def init_memory(self, rng: jax.Array, params: Tree, stats: Tree) -> Memory:
        """What the method remembers before the first step; `{}` by default."""
        del rng, params, stats
        return {}

    def after_update(self, params: Tree, stats: Tree, memory: Memory, *, clock: Clock) -> Memory:
        """Memory after the optimizer's update, e.g. a teacher's moving average."""
        del params, stats, clock
        return memory

    def next_params(self, params: Tree, memory: Memory, *, clock: Clock) -> Tree:
        """Parameters for the next step, after `after_update`; a method in stages starts anew here.

        The optimizer's state goes on as it is.
        """
        del memory, clock
        return params

    def scale_updates(self, updates: Tree, *, clock: Clock) -> Tree:
        """The optimizer's updates as they are applied; zero where the method freezes a part."""
        del clock
        return updates

    def monitor(self, outputs: Outputs, params: Tree, memory: Memory) -> Monitored:
        """What the collapse alarm looks at in each step; see `jssl.alarm.Monitored`.

        Args:
          outputs: what `forward` returned for the batch.
          params: parameters that made them.
          memory: memory that they were made with.

        Returns:
          By default every float output [B, D] as an embedding, and `memory["teacher"]`.
        """
        embeddings = {
            name: x
            for name, x in outputs.items()
            if x.ndim == 2 and x.shape[1] > 1 and jnp.issubdtype(x.dtype, jnp.floating)
        }
        return Monitored(embeddings=embeddings, teachers=same_tree(params, memory))

    def encode(
        self, net: nn.Module, params: Tree, stats: Tree, memory: Memory, x: jax.Array
    ) -> Features:
        """What evaluation sees: the encoder of `encoder_state`, in evaluation mode."""
        params, stats = self.encoder_state(params, stats, memory)
        return net.encoder.apply({"params": params, **stats}, x, train=False)

    def towers(
        self, net: nn.Module, params: Tree, stats: Tree
    ) -> Mapping[str, Callable[[jax.Array], jax.Array]]:
        """For methods that bring inputs of two kinds into one space: how each kind gets there.

        Args:
          net: what `net(encoder)` returned.
          params: its parameters.
          stats: its mutable collections.

        Returns:
          Name of a view -> a function of a batch of that view, [B, ...] -> [B, D], in evaluation
          mode; cosines between any of them have a meaning. `{}` by default.
        """
        del net, params, stats
        return {}

    def encoder_state(self, params: Tree, stats: Tree, memory: Memory) -> tuple[Tree, Tree]:
        """Parameters and collections of the encoder that a run is for: by default the online one.

        It is what evaluation sees and what another run can start from.
        """
        del memory
        return encoder_part(params, stats)

    def inherited(self) -> tuple[str, ...]:
        """Parts of the net that a run takes over from the run that it starts from.

        Each is a path such as "projector/dense0". "encoder" stands for that run's `encoder_state`.
        """
        return ("encoder",)

    def reconstruct(
        self, net: nn.Module, params: Tree, stats: Tree, memory: Memory, views: Views
    ) -> Mapping[str, jax.Array] | None:
        """For masked methods: `{"input", "reconstruction", "original"}`, each like the input."""
        del net, params, stats, memory, views
        return None

    def smoke(self) -> Method:
        """A copy small enough for a two-step test; the default is the method itself."""
        return self


def encoder_part(params: Tree, stats: Tree) -> tuple[Tree, Tree]:
    """The encoder's share of a net's parameters and collections."""
    return params["encoder"], {k: v["encoder"] for k, v in stats.items() if "encoder" in v}


def part_at(tree: Tree, path: str) -> Tree | None:
    """The part of a nested mapping at a path such as "a/b"; None if there is none."""
    for key in path.split("/"):
        if not isinstance(tree, Mapping) or key not in tree:
            return None
        tree = tree[key]
    return tree


def same_tree(params: Tree, memory: Memory) -> dict[str, tuple[Tree, Tree]]:
    """`{"teacher": (params, teacher's)}` if the memory has a teacher of the same structure."""
    teacher = memory.get("teacher")
    teacher = teacher.get("params") if isinstance(teacher, Mapping) else None
    if jax.tree.structure(teacher) != jax.tree.structure(params):
        return {}
    return {"teacher": (params, teacher)}


def inputs_of(views: Views) -> list[Any]:
    """The views that a net is run on: all but those named in `BESIDE`."""
    return [view for name, view in views.items() if name not in BESIDE] or list(views.values())


def the_input(views: Views) -> Any:
    """The one view that a method with a single input runs its net on, whatever it is called.

    Raises:
      UserError: if there are several.
    """
    found = inputs_of(views)
    if len(found) > 1:
        raise UserError(
            f"this method takes one input and the views have several: {', '.join(views)}; beside "
            f"it there may be {', '.join(sorted(BESIDE))}"
        )
    return found[0]


def apply(
    net: nn.Module,
    params: Tree,
    stats: Tree,
    *args: Any,
    rng: jax.Array,
    **kwargs: Any,
) -> tuple[Any, Tree]:
    """Runs `net` in training mode.

    Args:
      net: a Linen module.
      params: its parameters.
      stats: its mutable collections.
      *args: inputs of the module.
      rng: key for dropout and stochastic depth.
      **kwargs: further inputs of the module.

    Returns:
      (output, updated collections).
    """
    output, updated = net.apply(
        {"params": params, **stats},
        *args,
        train=True,
        rngs={"dropout": rng},
        mutable=list(stats),
        **kwargs,
    )
    return output, {**stats, **updated}


def run_encoder(net: nn.Module, params: Tree, stats: Tree, x: jax.Array) -> Features:
    """The encoder inside `net`, in evaluation mode: x [B, ...] -> Features."""
    return net.apply(
        {"params": params, **stats}, x, method=lambda module, x: module.encoder(x, train=False)
    )
