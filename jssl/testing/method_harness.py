"""Views, outputs, losses and gradients of a method after a short run, cached for the checks."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from jssl.config.experiment import Experiment
from jssl.core.state import TrainState
from jssl.methods.step import Step
from jssl.testing.run_harness import STEPS, RunHarness
from jssl.testing.trees import on_host, split
from jssl.training.gradients import loss_and_gradients


class Outcome(NamedTuple):
    """Outcome of a check.

    Attributes:
      passed: None if the check does not apply.
      figure: the measured value, e.g. "1.2e-07" or "exact".
      sentence: the reason for a failure or for not applying; "" if there is none.
    """

    passed: bool | None
    figure: str = ""
    sentence: str = ""


class MethodHarness(RunHarness):
    """Test harness: a method in a small experiment, after a few training steps.

    Args:
      experiment: the experiment under test; see `jssl.testing.small`.
    """

    def __init__(self, experiment: Experiment) -> None:
        super().__init__(experiment)
        self.loss_key = jax.random.key(2)
        self.forward_key, self.objective_key = jax.random.split(self.loss_key)
        self._evaluate: Callable[..., tuple[jax.Array, ArrayTree, ArrayTree]] | None = None
        self._fixed = False  # whether temperatures must be static

    @functools.cached_property
    def batch(self) -> ArrayTree:
        """The first examples of the training split."""
        index = np.arange(self.experiment.batch_size)
        return {**self.source[index], "index": index.astype(np.int32)}

    @functools.cached_property
    def views(self) -> ArrayTree:
        """Views of the batch."""
        return jax.jit(self.experiment.views)(jax.random.key(1), self.batch)

    @functools.cached_property
    def _traced(self) -> Callable[..., ArrayTree]:
        """(params, memory, views) -> outputs; traced once, for shapes, values and gradients."""

        def forward(
            params: ArrayTree, stats: ArrayTree, memory: ArrayTree, views: ArrayTree
        ) -> ArrayTree:
            progress = self.program.progress(STEPS)
            step = Step(self.program.net, params, stats, memory, self.forward_key, progress)
            return self.method.forward(step, views)

        forward = jax.jit(forward)
        return lambda params, memory, views: forward(params, self.state.stats, memory, views)

    @functools.cached_property
    def _pulled(self) -> Callable[..., tuple[ArrayTree, ArrayTree, ArrayTree]]:
        """One program for the outputs and all vector-Jacobian products of `forward`."""

        def compute(
            params: ArrayTree, memory: ArrayTree, views: ArrayTree, cotangents: ArrayTree
        ) -> tuple[ArrayTree, ArrayTree, ArrayTree]:
            inside, rebuild = split(memory)

            def forward(params: ArrayTree, inside: list[jax.Array]) -> tuple[ArrayTree, ArrayTree]:
                outputs = self._traced(params, rebuild(inside), views)
                floats = self.floats(outputs)
                return floats, {k: x for k, x in outputs.items() if k not in floats}

            floats, pull, rest = jax.vjp(forward, params, inside, has_aux=True)
            return {**floats, **rest}, *pull({k: cotangents[k] for k in floats})

        return jax.jit(compute)

    def pull(
        self, cotangents: ArrayTree, views: ArrayTree | None = None
    ) -> tuple[ArrayTree, ArrayTree, ArrayTree]:
        """(outputs, gradients of the parameters, gradients of the memory's float leaves).

        Args:
          cotangents: output -> d loss / d output; missing entries are zero.
          views: None for the views of the batch.
        """
        state, views = self.state, self.views if views is None else views
        shapes = jax.eval_shape(self._traced, state.params, state.memory, views)
        given = {
            name: cotangents[name] if name in cotangents else np.zeros(x.shape, x.dtype)
            for name, x in self.floats(shapes).items()
        }
        given = on_host(given)
        return self._pulled(state.params, state.memory, views, given)

    @functools.cached_property
    def outputs(self) -> ArrayTree:
        """Outputs of `forward` for the views of the batch."""
        return self.pull({})[0]

    def objective(
        self, outputs: ArrayTree, memory: ArrayTree | None = None, **temperatures: Any
    ) -> tuple[jax.Array, ArrayTree]:
        """(loss, new memory), with the same key and progress in every call."""
        method = dataclasses.replace(self.method, **temperatures)
        step = Step(
            self.program.net,
            memory=self.state.memory if memory is None else memory,
            key=self.objective_key,
            progress=self.program.progress(STEPS),
        )
        loss, _ = method.objective(step, outputs)
        if isinstance(loss, dict):
            loss = method.weighing().total(loss, method.weighing().init(), step.progress)
        return loss, method.remember(step, outputs)

    def floats(self, outputs: ArrayTree | None = None) -> dict[str, jax.Array]:
        """The outputs of floating-point dtype."""
        found = self.outputs if outputs is None else outputs
        return {k: x for k, x in found.items() if jnp.issubdtype(x.dtype, jnp.floating)}

    @property
    def differentiated(self) -> list[str]:
        """Names of the differentiated outputs: floats that are not declared targets."""
        return [name for name in self.floats() if name not in self.method.targets]

    @functools.cached_property
    def temperatures(self) -> dict[str, float]:
        """The method's temperatures by field name."""
        found = {
            field.name: getattr(self.method, field.name)
            for field in dataclasses.fields(self.method)
            if field.name.endswith("temperature")
        }
        return {name: value for name, value in found.items() if isinstance(value, float)}

    def evaluate(
        self, outputs: ArrayTree, memory: ArrayTree, **temperatures: float
    ) -> tuple[jax.Array, ArrayTree, ArrayTree]:
        """(loss, new memory, gradients of `differentiated`); all calls share one program.

        Args:
          outputs: outputs with the shapes of `forward`.
          memory: the method's memory.
          **temperatures: temperatures that replace those of the method.
        """
        values = {**self.temperatures, **temperatures}
        outputs, memory = on_host(outputs), on_host(memory)
        if self._evaluate is None:
            try:
                self._evaluate = jax.jit(self._objective_and_slope)
                return self._evaluate(outputs, memory, values)
            except TypeError:  # the method branches on the value: compile once per value
                self._evaluate = jax.jit(
                    lambda outputs, memory, values: self._objective_and_slope(
                        outputs, memory, dict(values)
                    ),
                    static_argnums=2,
                )
                self._fixed = True
        return self._evaluate(outputs, memory, tuple(values.items()) if self._fixed else values)

    def _objective_and_slope(
        self, outputs: ArrayTree, memory: ArrayTree, temperatures: dict[str, Any]
    ) -> tuple[jax.Array, ArrayTree, ArrayTree]:
        own = {k: outputs[k] for k in self.differentiated}
        (loss, memory), slope = jax.value_and_grad(
            lambda own: self.objective({**outputs, **own}, memory, **temperatures), has_aux=True
        )(own)
        return loss, memory, slope

    def loss(self, outputs: ArrayTree) -> jax.Array:
        """The loss of given outputs."""
        return self.evaluate(outputs, self.state.memory)[0]

    def loss_and_slope(self, changed: ArrayTree) -> tuple[jax.Array, ArrayTree]:
        """(loss, gradients of `differentiated`) with some outputs replaced."""
        loss, _, slope = self.evaluate({**self.outputs, **changed}, self.state.memory)
        return loss, slope

    @functools.cached_property
    def slopes(self) -> tuple[ArrayTree, ArrayTree, ArrayTree]:
        """(d loss / d params, d loss / d memory through `forward`, d targets / d params).

        The third is {} if the method declares no targets.
        """
        _, params, memory = self.pull(self.loss_and_slope({})[1])
        if not self.method.targets:
            return params, memory, {}
        # Weights that vary between entries: a plain sum can be constant after a norm.
        weights = {
            name: np.cos(np.arange(x.size)).reshape(x.shape).astype(x.dtype)
            for name, x in self.floats().items()
            if name in self.method.targets
        }
        _, through, inside = self.pull(weights)
        return params, [np.abs(a) + np.abs(b) for a, b in zip(memory, inside, strict=True)], through

    def gradients(self, state: TrainState, pieces: int) -> ArrayTree:
        """Gradients of the batch's loss over `pieces` micro-batches, as in the train step."""

        def compute(state: TrainState, views: ArrayTree) -> ArrayTree:
            progress = self.program.progress(STEPS)
            step = self.program.at(state, self.loss_key).replace(progress=progress)
            return loss_and_gradients(self.method, step, views, accumulate=pieces).gradients

        return jax.jit(compute)(state, self.views)

    def changed(self, **fields: Any) -> MethodHarness:
        """A harness of the same experiment with some fields replaced."""
        return MethodHarness(dataclasses.replace(self.experiment, **fields))
