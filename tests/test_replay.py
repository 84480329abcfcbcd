"""A step of a run can be had back, and the place where two runs part is found."""

from pathlib import Path

import jax
import pytest

from jssl.cli import main
from jssl.errors import UserError
from jssl.runs.bisect import bisect
from jssl.runs.loop import Options, fit
from jssl.runs.replay import replay
from jssl.runs.run import Run, reopen

pytestmark = pytest.mark.rotating(shares=9)

TEMPLATE = """
import dataclasses
import jax.numpy as jnp
from jssl.augmentations.compose import Views, pipeline
from jssl.augmentations.colour import colour_jitter
from jssl.augmentations.recipes import evaluation
from jssl.data import Digits
from jssl.encoders.mlp import MLP
from jssl.config.experiment import Experiment
from jssl.methods.contrastive.simclr import SimCLR
from jssl.training.optim import Optimizer


class Mine(SimCLR):
    def objective(self, step, outputs):
        a, b = outputs["a"], outputs["b"]
        PLANTED
        return super().objective(step, {**outputs, "a": a})


def get_experiment():
    view = pipeline(lambda key, x: colour_jitter(key, x, brightness=0.4, contrast=0.4))
    return Experiment(
        method=Mine(hidden=(16,), out=8, temperature=0.2),
        encoder=MLP(hidden=(16,)),
        data=Digits(),
        views=Views(a=view, b=view),
        preprocess=evaluation(stats=None),
        optimizer=Optimizer("sgd", learning_rate=0.1, scaling="none"),
        batch_size=32,
        epochs=1.2,
    )
"""
BUG = "a = a.at[0, 0].add(jnp.where(step.progress.step >= 36, 0.5, 0.0))"  # seen in step 37
POISON = "a = a.at[0, 0].multiply(jnp.where(step.progress.step == 22, jnp.nan, 1.0))"
QUIET = {"log_every": 10, "probe_every": 0, "devices": 1}


def trained(folder: Path, planted: str, *, keep: int = 2, **options: object) -> Path:
    """A run of the template in a file of the same name, which is then lost."""
    from jssl.config.experiment import load

    path = folder.parent / "mine.py"
    path.write_text(TEMPLATE.replace("PLANTED", planted))
    run = Run(load(str(path)), 0, folder)
    try:
        fit(run, Options(**QUIET, keep_last=keep, **options), log=lambda line: None)
    except UserError as error:
        assert "finite" in str(error)
    path.write_text("raise SystemExit('the copy in the run folder is what counts')")
    return folder


def test_bisect_finds_a_planted_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    one = trained(tmp_path / "one", "pass", keep=20)
    other = trained(tmp_path / "other", BUG, keep=20)
    assert main(["bisect", str(one), str(other), "--trust", "--devices", "1"]) == 0
    text = capsys.readouterr().out
    # Views and outputs agree; the line sits in the loss.
    assert text.count("executing ") == 2
    assert "first difference: step 37, metrics/" in text or "difference: step 37, loss" in text
    runs = [reopen(folder, as_it_was=True, trust=True) for folder in (one, other)]
    found = bisect(*runs, Options(devices=1))
    assert found.step == 37 and found.norms[2] > 1e-6
    assert bisect(runs[0], runs[0], Options(devices=1), tolerance=0.0) is None


def test_replay_shows_the_step_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder = trained(tmp_path / "run", POISON, checkpoint_every=15)
    found = replay(reopen(folder, as_it_was=True, trust=True), 20, Options(devices=1))
    assert found.first_bad is None and found.module is None
    assert found.recorded["loss"] == pytest.approx(found.metrics["loss"], rel=1e-6)
    alarms = {name for name in found.metrics if name.startswith("alarm/")}
    assert alarms and alarms <= found.recorded.keys()  # measured in every tenth step
    assert any(name.startswith("gradients/encoder") for name in found.norms)
    assert "every number of the step is finite" in str(found)
    # The step that ended the run: nothing is wrong before the loss.
    assert main(["replay", str(folder), "--step", "23", "--trust", "--devices", "1"]) == 0
    said = capsys.readouterr().out
    assert "first leaf that is not finite: loss\n" in said
    assert "alarm/" not in said  # not measured in this step
    with pytest.raises(UserError, match="no step 9999"):
        replay(reopen(folder, as_it_was=True, trust=True), 9999, Options(devices=1))
    assert jax.device_count() >= 1
