"""The conformance suite: all checks that a method must pass, in one call."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from jssl.config import experiment as registry
from jssl.config.experiment import Experiment
from jssl.errors import UserError, nearest
from jssl.methods.base import Method
from jssl.testing import objective_checks as objective
from jssl.testing import run_checks as runs
from jssl.testing import trace_checks as traced
from jssl.testing.method_harness import MethodHarness
from jssl.testing.quick import quick_compilation
from jssl.testing.runs import small

CHECKS = {
    "contract": traced.contract,
    "permutation": objective.permutation,
    "view symmetry": objective.view_symmetry,
    "coupling": objective.coupling,
    "memory order": objective.memory_order,
    "finite differences": objective.finite_differences,
    "scale": objective.scale,
    "temperature": objective.temperature,
    "bfloat16": objective.precision,
    "extreme outputs": objective.extremes,
    "gradients reach": objective.reached,
    "gradients stop": objective.stopped,
    "repeatable": runs.repeatable,
    "resume": runs.resume,
    "mesh": runs.mesh,
    "streamed": runs.streamed,
    "accumulation": runs.accumulation,
    "one compilation": runs.compilations,
}


@dataclasses.dataclass(frozen=True)
class Check:
    """The outcome of one check.

    Attributes:
      name: a key of `CHECKS`.
      passed: None if the check does not apply.
      figure: the measured value.
      sentence: the reason for a failure or for not applying.
      seconds: duration of the check.
    """

    name: str
    passed: bool | None
    figure: str
    sentence: str
    seconds: float


@dataclasses.dataclass(frozen=True)
class Report:
    """Outcomes of all checks of a method.

    Attributes:
      subject: name of the method.
      checks: one outcome per check.
    """

    subject: str
    checks: tuple[Check, ...]

    @property
    def failures(self) -> list[Check]:
        """The failed checks."""
        return [check for check in self.checks if check.passed is False]

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return not self.failures

    def __getitem__(self, name: str) -> Check:
        """The outcome of the named check."""
        return {check.name: check for check in self.checks}[name]

    def __str__(self) -> str:
        """A human-readable table."""
        marks = {True: "ok", False: "FAILED", None: "-"}
        lines = [f"{self.subject}: {len(self.failures)} of {len(self.checks)} checks failed"]
        for check in self.checks:
            text = "; ".join(part for part in (check.figure, check.sentence) if part)
            lines.append(f"  {marks[check.passed]:<6}  {check.name:<18}  {text}")
        return "\n".join(lines)


def conformance(
    subject: Experiment | Method | str,
    *,
    checks: Sequence[str] | None = None,
    shrink: bool = True,
) -> Report:
    """Runs the conformance checks on a method.

    In your own tests: `assert (report := conformance(MyMethod())).ok, report`.

    Args:
      subject: an experiment, the name of one, or a method; a method alone is run with two views,
        `a` and `b`, of small random images and an MLP encoder.
      checks: names of `CHECKS`; None for all.
      shrink: whether to shrink the experiment first (`jssl.testing.small`), with simple views, and
        to compile with little optimisation.

    Returns:
      The report.

    Raises:
      UserError: an unknown check.
    """
    if isinstance(subject, str):
        subject = registry.load(subject)
    if isinstance(subject, Method):
        subject = around(subject)
    names = list(CHECKS) if checks is None else list(checks)
    for name in names:
        if name not in CHECKS:
            raise UserError(f"unknown check {name!r}: {nearest(name, CHECKS)}")
    if not shrink:
        return examine(MethodHarness(subject), names)
    with quick_compilation():
        return examine(MethodHarness(small(subject, simple_views=True)), names)


def examine(harness: MethodHarness, names: Sequence[str] = tuple(CHECKS)) -> Report:
    """Runs checks on an experiment without shrinking it.

    Args:
      harness: the harness of the experiment.
      names: names of the checks.

    Returns:
      The report.
    """
    done = []
    for name in names:
        start = time.perf_counter()
        outcome = CHECKS[name](harness)
        done.append(Check(name, *outcome, time.perf_counter() - start))
    return Report(type(harness.method).__name__, tuple(done))


def around(method: Method) -> Experiment:
    """Wraps a method in an experiment: an MLP, two views `a` and `b` of small random images."""
    from jssl.augmentations.colour import colour_jitter
    from jssl.augmentations.compose import Views, pipeline
    from jssl.augmentations.recipes import evaluation
    from jssl.data.arrays import noise_images
    from jssl.encoders.mlp import MLP
    from jssl.training.optim import Optimizer

    view = pipeline(lambda key, image: colour_jitter(key, image, brightness=0.4, contrast=0.4))
    return Experiment(
        method=method,
        encoder=MLP(hidden=(32, 32)),
        data=noise_images(8),
        views=Views(a=view, b=view),
        preprocess=evaluation(stats=None),
        optimizer=Optimizer(),
        batch_size=16,
        epochs=8,
    )
