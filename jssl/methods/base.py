"""The contract of a method: what it adds to an encoder, what it computes, what it remembers.

A method is a frozen dataclass of hyper-parameters with pure functions. The trainer calls, in this
order and for every method alike:

    forward       views -> outputs per example             (may run on micro-batches)
    objective     outputs of the global batch -> loss      (float32, no collectives)
    remember      outputs of the global batch -> memory    (queues, centres; after the loss)
    after_update  new parameters -> memory                 (teachers)
    next_params   new parameters -> those of the next step (methods in stages)

Each takes a `Step`, which holds the net, the parameters, the memory, the key and the progress of
the run. The split between `forward` and `objective` makes large batches exact: whatever couples
examples is in `objective`, so the gradients of a batch that is too large for memory are found by
differentiating the objective once and running `forward` again piece by piece.
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
from jssl.encoders.features import Features
from jssl.methods.step import Memory, Step
from jssl.methods.teacher import MomentumTeacher, encoder_part
from jssl.methods.views import Spec, Views, inputs_of, the_input
from jssl.methods.weighing import Sum, Weighing
from jssl.ranges import Ranged

__all__ = [
    "Loss",
    "Memory",
    "Method",
    "Metrics",
    "Outputs",
    "Spec",
    "Step",
    "Tree",
    "Views",
    "part_at",
    "the_input",
]

Tree = Any
Outputs = dict[str, jax.Array]
Metrics = dict[str, jax.Array]
Loss = jax.Array | dict[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class Method(Ranged, abc.ABC):
    """Base of every method; only `net`, `forward` and `objective` are obligatory.

    Class attributes:
      paper: exact title of the paper.
      partial: which part of what the title promises is missing, in whole sentences; "" for none.
        The method's page and `jssl list` show it.
      views: which views the method reads; compared with the experiment's when it is built.
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
    views: ClassVar[Spec] = Spec()
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
    def forward(self, step: Step, views: Views) -> Outputs:
        """Runs the networks on the views.

        Args:
          step: `student` and `teacher` run the networks.
          views: name -> array or mapping of arrays, leading axis B.

        Returns:
          Name -> array with leading axis B.
        """

    @abc.abstractmethod
    def objective(self, step: Step, outputs: Outputs) -> tuple[Loss, Metrics]:
        """The loss of the global batch.

        Args:
          step: memory as before the step, key and progress; no parameters.
          outputs: what `forward` returned, for all examples of the global batch.

        Returns:
          (loss, metrics): a float32 scalar, or a dict of named ones that `weighing` puts together;
          metrics are float32 scalars by name.
        """

    def remember(self, step: Step, outputs: Outputs) -> Memory:
        """Memory after the loss has been taken, e.g. a queue with the batch's keys.

        Args:
          step: as in `objective`, with the same key.
          outputs: as in `objective`.

        Returns:
          The memory; by default that of the step.
        """
        del outputs
        return step.memory

    def weighing(self) -> Weighing:
        """How named losses are put together; see `jssl.methods.weighing`. The sum by default."""
        return Sum()

    def teachers(self) -> Mapping[str, MomentumTeacher]:
        """Teachers that follow the student, by their names in the memory; none by default."""
        return {}

    def init(self, net: nn.Module, key: jax.Array, views: Views) -> Tree:
        """Variables of `net`, from one run on `inputs(views)`."""
        return net.init({"params": key, "dropout": key}, *self.inputs(views), train=True)

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """What `init` runs `net` on; by default the first input among the views."""
        return (inputs_of(views)[0],)

    def init_memory(self, step: Step) -> Memory:
        """Memory before the first step: by default the teachers, equal to the student."""
        return {name: teacher.new(step) for name, teacher in self.teachers().items()}

    def after_update(self, step: Step) -> Memory:
        """Memory after the optimizer's update, which made `step.params`; moves the teachers."""
        moved = {
            name: teacher.update(step, step.memory[name])
            for name, teacher in self.teachers().items()
        }
        return {**step.memory, **moved}

    def next_params(self, step: Step) -> Tree:
        """Parameters for the next step, after `after_update`; a method in stages starts anew here.

        The optimizer's state goes on as it is.
        """
        return step.params

    def scale_updates(self, step: Step, updates: Tree) -> Tree:
        """The optimizer's updates as they are applied; zero where the method freezes a part."""
        del step
        return updates

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """What the collapse alarm looks at in each step; see `jssl.alarm.Monitored`.

        Args:
          step: parameters and memory that made the outputs.
          outputs: what `forward` returned for the batch.

        Returns:
          By default every float output [B, D] as an embedding, and the teachers.
        """
        embeddings = {
            name: x
            for name, x in outputs.items()
            if x.ndim == 2 and x.shape[1] > 1 and jnp.issubdtype(x.dtype, jnp.floating)
        }
        return Monitored(embeddings=embeddings, teachers=self.distances(step))

    def distances(self, step: Step) -> dict[str, tuple[Tree, Tree]]:
        """For `Monitored.teachers`: (the student's part, the teacher's), for each teacher."""
        return {
            name: (teacher.source(step)[0], step.memory[name]["params"])
            for name, teacher in self.teachers().items()
        }

    def encode(self, step: Step, x: Any) -> Features:
        """What evaluation sees: the encoder of `encoder_state`, in evaluation mode."""
        params, stats = self.encoder_state(step)
        return step.net.encoder.apply({"params": params, **stats}, x, train=False)

    def towers(self, step: Step) -> Mapping[str, Callable[[jax.Array], jax.Array]]:
        """For methods that bring inputs of two kinds into one space: how each kind gets there.

        Args:
          step: the net and its variables.

        Returns:
          Name of a view -> a function of a batch of that view, [B, ...] -> [B, D], in evaluation
          mode; cosines between any of them have a meaning. `{}` by default.
        """
        del step
        return {}

    def encoder_state(self, step: Step) -> tuple[Tree, Tree]:
        """Parameters and collections of the encoder that a run is for.

        It is what evaluation sees and what another run can start from: the teacher's where one is
        declared as `evaluated`, and the student's otherwise.
        """
        for name, teacher in self.teachers().items():
            if teacher.evaluated:
                return teacher.encoder_state(step.memory[name])
        return encoder_part(step.params, step.batch_stats)

    def inherited(self) -> tuple[str, ...]:
        """Parts of the net that a run takes over from the run that it starts from.

        Each is a path such as "projector/dense0". "encoder" stands for that run's `encoder_state`.
        """
        return ("encoder",)

    def reconstruct(self, step: Step, views: Views) -> Mapping[str, jax.Array] | None:
        """For masked methods: `{"input", "reconstruction", "original"}`, each like the input."""
        del step, views
        return None

    def smoke(self) -> Method:
        """A copy small enough for a two-step test; the default is the method itself."""
        return self


def part_at(tree: Tree, path: str) -> Tree | None:
    """The part of a nested mapping at a path such as "a/b"; None if there is none."""
    for key in path.split("/"):
        if not isinstance(tree, Mapping) or key not in tree:
            return None
        tree = tree[key]
    return tree
