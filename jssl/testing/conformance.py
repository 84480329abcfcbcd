"""Everything a method owes its users, in one call."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from jssl import experiment as registry
from jssl.errors import UserError, nearest
from jssl.experiment import Experiment
from jssl.methods.base import Method
from jssl.testing import objective_checks as objective
from jssl.testing import run_checks as runs
from jssl.testing.bench import Bench
from jssl.testing.quick import quick_compilation
from jssl.testing.runs import small

CHECKS = {
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
      passed: None where it does not apply.
      figure: the number behind it.
      sentence: what is wrong, or why it does not apply.
      seconds: that it took.
    """

    name: str
    passed: bool | None
    figure: str
    sentence: str
    seconds: float


@dataclasses.dataclass(frozen=True)
class Report:
    """What a method passed and what it did not.

    Attributes:
      subject: the method's name.
      checks: one outcome a check.
    """

    subject: str
    checks: tuple[Check, ...]

    @property
    def failures(self) -> list[Check]:
        """Checks that failed."""
        return [check for check in self.checks if check.passed is False]

    @property
    def ok(self) -> bool:
        """Whether none failed."""
        return not self.failures

    def __getitem__(self, name: str) -> Check:
        """The check of a name."""
        return {check.name: check for check in self.checks}[name]

    def __str__(self) -> str:
        """A table for people."""
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
    """Holds a method to everything that jssl promises of its methods.

    Call it in a test of your own: `assert (report := conformance(MyMethod())).ok, report`.

    Args:
      subject: an experiment, the name of one, or a method; a method alone gets two views, `a` and
        `b`, of small random images and an MLP as its encoder.
      checks: names of `CHECKS`; None for all.
      shrink: whether the experiment is made small first (`jssl.testing.small`), with simple views,
        and compiled without much optimisation.

    Returns:
      The report.

    Raises:
      UserError: for a check that does not exist.
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
        return examine(Bench(subject), names)
    with quick_compilation():
        return examine(Bench(small(subject, simple_views=True)), names)


def examine(bench: Bench, names: Sequence[str] = tuple(CHECKS)) -> Report:
    """Runs checks on an experiment as it is.

    Args:
      bench: the experiment.
      names: of the checks.

    Returns:
      The report.
    """
    done = []
    for name in names:
        start = time.perf_counter()
        outcome = CHECKS[name](bench)
        done.append(Check(name, *outcome, time.perf_counter() - start))
    return Report(type(bench.method).__name__, tuple(done))


def around(method: Method) -> Experiment:
    """A method in an experiment: an MLP, two views `a` and `b` of small random images."""
    from jssl.augmentations.colour import colour_jitter
    from jssl.augmentations.compose import Views, pipeline
    from jssl.augmentations.recipes import evaluation
    from jssl.data.arrays import noise_images
    from jssl.encoders.mlp import MLP
    from jssl.optim import Optimizer

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
