"""The interface of a method: its heads, its loss and its memory.

A method is a frozen dataclass of hyper-parameters with pure functions. The trainer calls, in this
order and for every method:

    forward       views -> outputs per example             (may run on micro-batches)
    objective     outputs of the global batch -> loss      (float32, no collectives)
    remember      outputs of the global batch -> memory    (queues, centres; after the loss)
    after_update  new parameters -> memory                 (teachers)
    next_params   new parameters -> those of the next step (methods in stages)

Each takes a `Step`, which holds the net, the parameters, the memory, the key and the progress of
the run. The split between `forward` and `objective` makes gradient accumulation exact: only
`objective` couples examples, so the gradients of a batch that is too large for memory are computed
by differentiating the objective once and running `forward` again on each micro-batch.
"""

from __future__ import annotations

import abc
import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from chex import ArrayTree

from jssl.core.ranges import Ranged
from jssl.encoders.features import Features
from jssl.errors import UserError
from jssl.health.alarm import Monitored
from jssl.methods.step import Memory, Step
from jssl.methods.teacher import MomentumTeacher, encoder_part
from jssl.methods.views import Spec, Views, inputs_of, the_input
from jssl.methods.weighing import Sum, Weighing
from jssl.nn import module as nn

__all__ = [
    "Loss",
    "Memory",
    "Method",
    "Metrics",
    "Outputs",
    "Spec",
    "Step",
    "Views",
    "part_at",
    "the_input",
]

Tree = ArrayTree  # its former name, which methods of users import
Outputs = dict[str, jax.Array]
Metrics = dict[str, jax.Array]
Loss = jax.Array | dict[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class Method(Ranged, abc.ABC):
    """Base class of methods; only `net`, `forward` and `objective` are required.

    Class attributes:
      paper: exact title of the paper.
      partial: parts of the paper's method that are not implemented, in full sentences; "" for none.
        The method's page and `jssl list` show them.
      views: views that the method reads, checked when an experiment is built.
      couples_batch: whether the objective of one example depends on the other examples. False
        means that the loss of a batch is the mean of the losses of its parts.
      permutation_invariant: whether the loss is invariant to permuting the batch.
      symmetric_views: two views that can be swapped without changing the loss; () for none.
      scale_invariant: outputs that can be multiplied by a constant without changing the loss.
      targets: outputs under `stop_gradient`, through which no parameter receives a gradient.
      unused_params: regular expressions of the paths of parameters that the loss does not depend
        on.
      tolerance_factor: factor on the tolerance for rounding errors of a step; a value above 1 needs
        a stated reason, such as the inverse of a covariance.
      revision: increased when the same settings give other numbers than before; part of a run's
        fingerprint from 2 up.

    `jssl.testing.conformance` checks all of them except the first three and the last.
    """

    paper: ClassVar[str] = ""
    partial: ClassVar[str] = ""
    views: ClassVar[Spec] = Spec()
    couples_batch: ClassVar[bool] = True
    permutation_invariant: ClassVar[bool] = True
    symmetric_views: ClassVar[tuple[str, ...]] = ()
    scale_invariant: ClassVar[tuple[str, ...]] = ()
    targets: ClassVar[tuple[str, ...]] = ()
    unused_params: ClassVar[tuple[str, ...]] = ()
    tolerance_factor: ClassVar[float] = 1.0
    revision: ClassVar[int] = 1

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuses hooks written for version 0.1; reads attributes by their former names too."""
        super().__init_subclass__(**options)
        for former, name in _FORMER_ATTRIBUTES.items():
            if former in vars(cls):
                setattr(cls, name, vars(cls)[former])
        for hook in _HOOKS:
            function = vars(cls).get(hook)
            if inspect.isfunction(function):
                first = [*inspect.signature(function).parameters, ""][1]
                if first in _FORMER:
                    raise UserError(
                        f"{cls.__name__}.{hook} takes {first!r} first, as in jssl 0.1; a "
                        f"hook now takes a step: {_HOOKS[hook]}; see docs/add_a_method.md"
                    )

    @abc.abstractmethod
    def net(self, encoder: nn.Module) -> nn.Module:
        """Adds heads to the encoder: returns a Linen module with an attribute `encoder`."""

    @abc.abstractmethod
    def forward(self, step: Step, views: Views) -> Outputs:
        """Runs the networks on the views.

        Args:
          step: state of the step; its methods `student` and `teacher` run the networks.
          views: arrays or mappings of arrays by name, with leading axis B.

        Returns:
          Arrays by name, with leading axis B.
        """

    @abc.abstractmethod
    def objective(self, step: Step, outputs: Outputs) -> tuple[Loss, Metrics]:
        """The loss of the global batch.

        Args:
          step: memory before the step, key and progress; without parameters.
          outputs: output of `forward` for all examples of the global batch.

        Returns:
          (loss, metrics): a float32 scalar or a dict of named ones that `weighing` combines, and
          float32 scalars by name.
        """

    def remember(self, step: Step, outputs: Outputs) -> Memory:
        """Updates the memory after the loss has been computed, e.g. pushes keys to a queue.

        Args:
          step: as in `objective`, with the same key.
          outputs: as in `objective`.

        Returns:
          The new memory; by default `step.memory`.
        """
        del outputs
        return step.memory

    def weighing(self) -> Weighing:
        """How named losses are combined, by default summed; see `jssl.methods.weighing`."""
        return Sum()

    def teachers(self) -> Mapping[str, MomentumTeacher]:
        """Momentum teachers by their names in the memory; none by default."""
        return {}

    def init(self, net: nn.Module, key: jax.Array, views: Views) -> ArrayTree:
        """Initial variables of `net`, from one forward pass on `inputs(views)`."""
        return net.init({"params": key, "dropout": key}, *self.inputs(views), train=True)

    def inputs(self, views: Views) -> tuple[Any, ...]:
        """Inputs on which `init` runs `net`; by default the first input among the views."""
        return (inputs_of(views)[0],)

    def init_memory(self, step: Step) -> Memory:
        """Memory before the first step: by default the teachers, initialised from the student."""
        return {name: teacher.new(step) for name, teacher in self.teachers().items()}

    def after_update(self, step: Step) -> Memory:
        """Memory after the optimizer's update, of which `step.params` is the result."""
        moved = {
            name: teacher.update(step, step.memory[name])
            for name, teacher in self.teachers().items()
        }
        return {**step.memory, **moved}

    def next_params(self, step: Step) -> ArrayTree:
        """Parameters of the next step; a method in stages may reset the student here.

        The trainer calls it after `after_update`. The optimizer's state is kept.
        """
        return step.params

    def scale_updates(self, step: Step, updates: ArrayTree) -> ArrayTree:
        """The updates that are applied, e.g. zero for frozen parameters."""
        del step
        return updates

    def monitor(self, step: Step, outputs: Outputs) -> Monitored:
        """What the collapse alarm monitors in each step; see `jssl.health.alarm.Monitored`.

        Args:
          step: parameters and memory that produced the outputs.
          outputs: output of `forward` for the batch.

        Returns:
          By default every float output [B, D] as an embedding, and the teachers.
        """
        embeddings = {
            name: x
            for name, x in outputs.items()
            if x.ndim == 2 and x.shape[1] > 1 and jnp.issubdtype(x.dtype, jnp.floating)
        }
        return Monitored(embeddings=embeddings, teachers=self.distances(step))

    def distances(self, step: Step) -> dict[str, tuple[ArrayTree, ArrayTree]]:
        """For `Monitored.teachers`: (student's part, teacher's parameters) for each teacher."""
        return {
            name: (teacher.source(step)[0], step.memory[name]["params"])
            for name, teacher in self.teachers().items()
        }

    def encode(self, step: Step, x: Any) -> Features:
        """Features for evaluation: the encoder of `encoder_state`, in evaluation mode."""
        params, stats = self.encoder_state(step)
        return step.net.encoder.apply({"params": params, **stats}, x, train=False)

    def towers(self, step: Step) -> Mapping[str, Callable[[jax.Array], jax.Array]]:
        """Embedding functions of methods that map inputs of two kinds into a joint space.

        Args:
          step: the net and its variables.

        Returns:
          Functions by name of the view, each mapping a batch [B, ...] of that view to [B, D], in
          evaluation mode. Cosine similarities between any of the outputs are meaningful. `{}` by
          default.
        """
        del step
        return {}

    def encoder_state(self, step: Step) -> tuple[ArrayTree, ArrayTree]:
        """Parameters and collections of the encoder that a run produces.

        Evaluation uses this encoder, and another run can be initialised from it. It is the
        teacher's if one is declared as `evaluated`, and the student's otherwise.
        """
        for name, teacher in self.teachers().items():
            if teacher.evaluated:
                return teacher.encoder_state(step.memory[name])
        return encoder_part(step.params, step.batch_stats)

    def of_student(self) -> Method | None:
        """The same method with the student's encoder evaluated, for a row beside the teacher's.

        None, the default, if the student is what is evaluated, or if only the teacher is of use.
        """
        return None

    def inherited(self) -> tuple[str, ...]:
        """Parts of the net that are loaded from the run given by `--init-from`.

        Each is a path such as "projector/dense0". "encoder" stands for that run's `encoder_state`.
        """
        return ("encoder",)

    def reconstruct(self, step: Step, views: Views) -> Mapping[str, jax.Array] | None:
        """For masked methods: `{"input", "reconstruction", "original"}`, each like the input."""
        del step, views
        return None

    def smoke(self) -> Method:
        """A copy that is small enough for a two-step test; by default the method itself."""
        return self


_FORMER_ATTRIBUTES = {
    "amplifies": "tolerance_factor",
    "permutable": "permutation_invariant",
    "unreached": "unused_params",
}
_FORMER = ("net", "outputs", "params", "rng", "updates")
_HOOKS = {
    "forward": "forward(self, step, views) -> outputs",
    "objective": "objective(self, step, outputs) -> (loss, metrics)",
    "init_memory": "init_memory(self, step) -> memory",
    "after_update": "after_update(self, step) -> memory",
    "next_params": "next_params(self, step) -> params",
    "scale_updates": "scale_updates(self, step, updates) -> updates",
    "monitor": "monitor(self, step, outputs) -> Monitored",
    "encode": "encode(self, step, x) -> Features",
    "towers": "towers(self, step) -> towers",
    "encoder_state": "encoder_state(self, step) -> (params, batch_stats)",
    "reconstruct": "reconstruct(self, step, views) -> pictures",
}


def part_at(tree: ArrayTree, path: str) -> ArrayTree | None:
    """The part of a nested mapping at a path such as "a/b"; None if there is none."""
    for key in path.split("/"):
        if not isinstance(tree, Mapping) or key not in tree:
            return None
        tree = tree[key]
    return tree
