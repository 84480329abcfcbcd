"""The alarm's figures, its diagnoses, and that it changes nothing."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.cli import main
from jssl.config import experiment as registry
from jssl.health import alarm, monitor
from jssl.logging.writer import read_metrics
from jssl.methods.classifier import Classifier
from jssl.methods.pretext.diet import DIET
from jssl.methods.step import Step
from jssl.testing import small, trajectory
from jssl.testing.faults import cases, watch
from jssl.testing.quick import quick_compilation

EXPERIMENT = str(Path(__file__).parent / "run_experiment.py")


def test_embedding_statistics_have_closed_forms() -> None:
    draw = np.random.default_rng(0)
    even = np.eye(8, dtype=np.float32).repeat(4, axis=0)  # 8 directions, equally often
    found = alarm.embedding_statistics(jnp.asarray(np.concatenate([even, -even])))
    assert found["rank"] == pytest.approx(8 * 0.125 / 0.126, rel=1e-5)
    assert found["spread"] == pytest.approx(1, rel=1e-5)
    x = draw.normal(size=(50, 12)).astype(np.float32) * 3
    z = x / np.linalg.norm(x, axis=1, keepdims=True)
    values = np.linalg.eigvalsh(np.cov(z.T, bias=True))
    wide = draw.normal(size=(20, 400)).astype(np.float32)  # D > N goes through the other product
    for data, eigen in ((x, values), (wide, None)):
        found = alarm.embedding_statistics(jnp.asarray(data))
        unit = data / np.linalg.norm(data, axis=1, keepdims=True)
        if eigen is None:
            eigen = np.linalg.svd(unit - unit.mean(0), compute_uv=False) ** 2
        cosines = unit @ unit.T
        off = cosines[~np.eye(len(unit), dtype=bool)].mean()
        shares = eigen / eigen.sum()
        assert found["rank"] == pytest.approx((shares / (shares + 1e-3)).sum(), rel=1e-4)
        assert found["spread"] == pytest.approx(
            unit.std(axis=0).mean() * math.sqrt(unit.shape[1]), rel=1e-4
        )
        assert found["cosine"] == pytest.approx(off, abs=1e-5)
    for dead in (np.zeros((9, 5), np.float32), np.ones((9, 5), np.float32)):
        found = alarm.embedding_statistics(jnp.asarray(dead))
        assert all(np.isfinite(float(v)) for v in found.values())
        assert found["spread"] < 1e-5
    some_dead = np.where(np.arange(9)[:, None] % 3 == 0, 0, draw.normal(size=(9, 5)))
    found = jax.jit(alarm.embedding_statistics)(some_dead.astype(np.float32))
    assert all(np.isfinite(float(v)) for v in found.values())


def test_other_statistics_have_closed_forms() -> None:
    draw = np.random.default_rng(1)
    a, b = draw.normal(size=(2, 30, 6)).astype(np.float32)
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b)]
    cosines = unit[0] @ unit[1].T
    found = alarm.pair_statistics(jnp.asarray(a), jnp.asarray(b))
    off = cosines[~np.eye(30, dtype=bool)].mean()
    assert found["alignment"] == pytest.approx(np.trace(cosines) / 30, abs=1e-5)
    assert found["margin"] == pytest.approx(np.trace(cosines) / 30 - off, abs=1e-5)
    p = np.zeros((40, 4), np.float32)
    p[:20, 0] = p[20:, 1] = 1
    found = alarm.assignment_statistics(jnp.asarray(p))
    assert [float(found[k]) for k in ("entropy", "usage", "largest")] == pytest.approx(
        [0, 0.5, 0.5]
    )
    uniform = alarm.assignment_statistics(jnp.full((8, 4), 0.25))
    assert float(uniform["entropy"]) == pytest.approx(1) == float(uniform["usage"])
    target = draw.normal(size=(5, 7, 3)).astype(np.float32)
    hidden = draw.random((5, 7)) < 0.6
    mean = target[hidden].mean(0)
    found = alarm.prediction_statistics(
        jnp.broadcast_to(mean, target.shape), jnp.asarray(target), jnp.asarray(hidden)
    )
    assert float(found["unexplained"]) == pytest.approx(1, rel=1e-5)
    assert float(found["hidden"]) == pytest.approx(hidden.mean(), rel=1e-5)
    nothing = alarm.prediction_statistics(target, target, jnp.zeros((5, 7), bool))
    assert float(nothing["unexplained"]) == 0


def test_features_are_not_judged_as_embeddings_are() -> None:
    x = {"z": jnp.ones((4, 8)) + 0.01 * jax.random.normal(jax.random.key(0), (4, 8))}
    inputs = {"batch": {}, "views": {}, "params": {"w": jnp.ones((2, 2))}}
    one = alarm.measure(alarm.Monitored(embeddings=x), **inputs)
    two = alarm.measure(alarm.Monitored(features=x), **inputs)
    assert {"alarm/z/spread", "alarm/z/full_rank"} <= one.keys()
    assert not {"alarm/z/spread", "alarm/z/full_rank"} & two.keys()
    assert two["alarm/z/feature_spread"] == one["alarm/z/spread"] < 0.1


def rows(count: int, **figures: object) -> list[dict[str, float]]:
    """Records every ten steps; a figure is a number or a function of the step."""
    base = {"loss": 1.0, "gradient_norm": 1.0, "parameter_norm": 1.0}
    values = base | {f"alarm/{k}" if "/" in k or k == "trivial_loss" else k: v
                     for k, v in figures.items()}  # fmt: skip
    return [
        {"step": s, **{k: v(s) if callable(v) else v for k, v in values.items()}}
        for s in (1, *range(10, 10 * count, 10))
    ]


@pytest.mark.parametrize(
    ("figures", "diagnosis"),
    [
        ({"z/spread": 1e-5, "z/cosine": 1.0}, "complete collapse"),
        ({"z/spread": 0.05, "z/cosine": 0.99}, "complete collapse"),
        ({"z/feature_spread": 1e-5, "z/cosine": 1.0}, "complete collapse"),
        (
            {"z/feature_spread": lambda s: 0.5 if s < 50 else 0.002, "z/cosine": 1.0},
            "complete collapse",
        ),
        ({"z/rank": 3.0, "z/full_rank": 128.0}, "dimensional collapse"),
        ({"loss": 5.54, "trivial_loss": 5.545}, "loss stuck at its trivial value"),
        ({"loss": 50.0, "trivial_loss": 5.545}, "loss above its trivial value"),
        ({"t/entropy": 0.999, "t/usage": 1.0, "t/largest": 0.02}, "uniform teacher"),
        ({"t/entropy": 0.01, "t/usage": 0.1, "t/largest": 0.99}, "one prototype takes all"),
        ({"r/unexplained": 1.01, "r/hidden": 0.75}, "no better than the mean patch"),
        ({"r/unexplained": 0.1, "r/hidden": 0.01}, "nothing is masked"),
        ({"v/margin": 0.001, "v/alignment": 0.5}, "views indistinct"),
        ({"teacher/distance": 0.0}, "teacher equals student"),
        ({"gradient_norm": 0.0, "z/spread": 1.0}, "no gradient"),
        ({"parameter_norm": lambda s: 1e3 * s, "z/spread": 1.0}, "divergence"),
        ({"input/spread": 0.0}, "constant input"),
        ({"input/difference": 0.0}, "identical views"),
    ],
)
def test_each_diagnosis_has_its_rule(figures: dict, diagnosis: str) -> None:
    found = monitor.diagnose(rows(40, **figures), grace=100)
    assert [v.name for v in found] == [diagnosis]
    assert str(found[0]).startswith(f"{diagnosis}") and "likely: " in str(found[0])


def test_early_and_improving_figures_are_no_alarm() -> None:
    low = {"z/rank": 1.5, "z/full_rank": 128.0}
    assert monitor.diagnose(rows(10, **low), grace=100) == []  # before the grace period is over
    rising = {**low, "z/rank": lambda s: 1.0 + s / 400}
    assert monitor.diagnose(rows(40, **rising), grace=100) == []
    cone = {"z/feature_spread": 0.02, "z/cosine": 0.999}  # so they were from the start
    assert monitor.diagnose(rows(40, **cone), grace=100) == []
    once = rows(40, **{"z/spread": 0.9, "z/cosine": 0.1})
    once[-1] |= {"alarm/z/spread": 0.0}
    assert monitor.diagnose(once, grace=100) == []  # one record is not enough


def test_the_noise_of_single_batches_is_no_alarm() -> None:
    noisy = {"loss": lambda s: 5.54 if s % 70 else 5.3, "trivial_loss": 5.545}
    history = rows(200, **noisy)
    assert history[-1]["loss"] == history[-2]["loss"] == history[-3]["loss"] == 5.54
    assert monitor.diagnose(history, grace=100) == []
    assert monitor.diagnose(rows(200, loss=5.54, trivial_loss=5.545), grace=100) != []


def test_smoothed_targets_have_a_floor() -> None:
    lowest = Classifier.monitor(DIET(smoothing=0.8), Step(), {"logits": jnp.zeros((4, 512))})
    target = np.full(512, 0.8 / 512)
    target[0] += 0.2
    assert lowest.lowest_loss == pytest.approx(-(target * np.log(target)).sum(), rel=1e-6)
    figures = {"loss": 6.15, "trivial_loss": lowest.trivial_loss}  # 0.986 of it, and learning
    assert monitor.diagnose(rows(40, **figures), grace=100) != []
    learning = [row | {"alarm/lowest_loss": lowest.lowest_loss} for row in rows(40, **figures)]
    assert monitor.diagnose(learning, grace=100) == []


def test_one_thing_to_choose_from_has_a_trivial_loss_of_0() -> None:
    figures = {"loss": 0.0, "trivial_loss": 0.0, "gradient_norm": 0.0, "z/spread": 1.0}
    assert [v.name for v in monitor.diagnose(rows(40, **figures), grace=100)] == ["no gradient"]


def test_idle_steps_are_not_judged() -> None:
    dead = rows(40, **{"gradient_norm": 0.0, "z/spread": 1.0})
    assert monitor.HealthMonitor(100, dead).record() != []
    assert monitor.HealthMonitor(100, [row | {"alarm/idle": 1.0} for row in dead]).record() == []
    assert monitor.HealthMonitor(100, [row | {"alarm/idle": 0.0} for row in dead]).record() != []


def test_a_watch_is_its_history() -> None:
    history = rows(40, **{"z/spread": lambda s: max(1 - s / 150, 0.0), "z/cosine": 0.0})
    whole = monitor.HealthMonitor(100, history)
    resumed = monitor.HealthMonitor(100, history[:17])
    for row in history[17:]:
        resumed.see(row)
    assert whole.record() == resumed.record() != []


@pytest.mark.rotating
@pytest.mark.optimised
def test_the_alarm_changes_no_bit() -> None:
    # In a process of its own, with the compiler as users have it: without its fusion emitters
    # (conftest.py) it rounds a program with an alarm otherwise.
    subprocess.run(
        [sys.executable, "-c", "import test_alarm; test_alarm.compare_bits()"],
        cwd=Path(__file__).parent,
        env={**os.environ, "XLA_FLAGS": ""},
        check=True,
        timeout=300,
    )


def compare_bits() -> None:
    case = small(registry.load("image/simclr_digits"))
    off, on = (trajectory(case, steps=3, alarm_every=every) for every in (0, 2))
    assert [k for k in off.state if off.state[k].tobytes() != on.state[k].tobytes()] == []
    assert [k for k in off.metrics if off.metrics[k].tobytes() != on.metrics[k].tobytes()] == []
    # Measured in the first step and then every second one; zero in between.
    assert (on.metrics["alarm/projection/spread"] > 0).tolist() == [True, True, False]


@pytest.mark.rotating
def test_stop_ends_the_run_with_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    command = ["train", EXPERIMENT, "--workdir", str(tmp_path / "run"), "--no-evaluate"]
    command += ["--devices", "1", "--probe-every", "0", "--checkpoint-every", "1000"]
    command += ["--set", "method.momentum=0.0", "method.momentum_end=0.0", "epochs=2"]
    assert main([*command, "--on-collapse", "stop"]) == 3
    text = capsys.readouterr().err
    assert "alarm: teacher equals student (teacher) at step 20" in text
    assert "stopped and saved at step" in text
    found = json.loads((tmp_path / "run/alarms.json").read_text())
    assert [(a["name"], a["step"]) for a in found] == [("teacher equals student", 20)]
    assert (tmp_path / "run/checkpoints").exists()
    stopped = read_metrics(tmp_path / "run")[-1]["step"]
    # Resumed with a warning only: it goes to the end and says what it said before, no more.
    assert main([*command, "--on-collapse", "warn"]) == 0
    text = capsys.readouterr().err
    assert "alarm:" not in text
    resumed = json.loads((tmp_path / "run/alarms.json").read_text())
    assert resumed[0]["step"] == 20 and resumed[0]["last_step"] > stopped - 10
    assert len(resumed) == 1


QUICK = ("projector zeroed", "loss detached")


@pytest.mark.rotating
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case,
            id=f"{type(case.experiment.method).__name__}-{case.name}",
            marks=() if case.name in QUICK else pytest.mark.slow,
        )
        for case in cases()
    ],
)
def test_fault(case: object) -> None:
    with quick_compilation():
        outcome = watch(case.experiment, steps=300 if not case.diagnosis else case.within)
    said = [diagnosis.name for diagnosis in outcome.diagnoses]
    if case.diagnosis:
        assert case.diagnosis in said, said
    else:
        assert said == []


def test_figures_are_those_of_the_global_batch() -> None:
    x = jax.random.normal(jax.random.key(0), (1024, 16))
    thin = alarm.embedding_statistics(x)
    assert float(thin["full_rank"]) == 16
    chosen = alarm.embedding_statistics(x[::4])
    assert {k: float(v) for k, v in thin.items()} == {k: float(v) for k, v in chosen.items()}
