"""Fine-tuning to forecast: what the head is taught, when, and the protocol on a small run."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jssl.cli import main
from jssl.config import experiment as registry
from jssl.core.progress import Progress
from jssl.core.state import paths
from jssl.errors import UserError
from jssl.evaluation.forecast_tuning import ForecastRecipe, Future, TunedForecast, forecasting
from jssl.evaluation.protocols.finetune import ForecastFineTuning, forecast_errors
from jssl.evaluation.record import Record
from jssl.methods.step import Step
from jssl.runs.loop import Options, fit
from jssl.runs.run import Run

pytestmark = pytest.mark.rotating(shares=9)


def test_the_future_is_measured_from_its_past_and_errors_are_on_the_scale_of_the_data():
    draw = np.random.default_rng(0)
    past, future = draw.normal(3, 5, (12, 2)), draw.normal(3, 5, (4, 2))
    found = Future()(None, {"series": jnp.asarray(past), "future": jnp.asarray(future)})
    mean, spread = past.mean(0), np.sqrt(past.var(0) + 1e-5)
    np.testing.assert_allclose(found["target"], ((future - mean) / spread).T, rtol=1e-5)
    method = TunedForecast(channels=2, horizon=4)
    guess = draw.normal(size=(1, 2, 4))
    outputs = {
        "prediction": jnp.asarray(guess),
        "right": found["target"][None],
        "spread": found["spread"][None],
    }
    progress = Progress(0, 10, 5)
    loss, metrics = method.objective(Step(memory={}, progress=progress), outputs)
    error = guess[0].T * spread + mean - future
    np.testing.assert_allclose(loss, np.mean(error**2), rtol=1e-5)
    np.testing.assert_allclose(metrics["mae"], np.mean(np.abs(error)), rtol=1e-5)


def test_the_head_learns_alone_at_first():
    method = TunedForecast(head_epochs=2.0)
    updates = {"encoder": {"kernel": jnp.ones(3)}, "head": {"kernel": jnp.ones(3)}}
    for step, moves in ((0, 0.0), (9, 0.0), (10, 1.0)):
        found = method.scale_updates(Step(progress=Progress(jnp.int32(step), 20, 5)), updates)
        np.testing.assert_array_equal(found["encoder"]["kernel"], moves)
        np.testing.assert_array_equal(found["head"]["kernel"], 1.0)


SMALL = """
import dataclasses

from jssl.config.experiment import load


def get_experiment():
    return dataclasses.replace(load("series/patchtst_etth1").smoke(), epochs=1)
"""


def test_protocol_forecasts_from_the_run_and_from_scratch(tmp_path):
    folder, file = tmp_path / "run", tmp_path / "small.py"
    file.write_text(SMALL)
    train = ["train", str(file), "--workdir", str(folder), "--devices", "2"]
    assert main([*train, "--no-evaluate", "--probe-every", "0"]) == 0
    settings = ["recipe.epochs=8", "recipe.head_epochs=1", "recipe.learning_rate=0.01"]
    command = [
        "evaluate",
        str(folder),
        "--trust",
        "--devices",
        "2",
        "--protocol",
        "forecast_finetune",
    ]
    assert main([*command, "--set", *settings, "recipe.batch_size=32"]) == 0
    record = Record.load(folder / "evaluations" / "forecast_finetune.json")
    assert list(record.rows) == ["trained", "untrained"]
    assert record.details["trained"]["start"]["folder"] == str(folder)
    assert record.details["untrained"]["start"] is None
    # A forecast of the past's mean has this error; the daily pattern is easy to learn.
    splits = registry.load("series/patchtst_etth1").smoke().data.load()
    test = splits.test[np.arange(len(splits.test))]
    nothing = np.mean((test["future"] - test["series"].mean(axis=1, keepdims=True)) ** 2)
    errors = [row["mse"]["value"] for row in record.rows.values()]
    assert errors[0] != errors[1] and max(errors) < 0.7 * nothing
    for row in record.rows.values():
        assert set(row) == {"mse", "mae", "validation mse", "validation mae"}


def test_what_cannot_be_tuned_to_forecast_says_so():
    protocol, few = ForecastFineTuning(), SimpleNamespace(run=None)
    assert protocol.measure(few, "raw") is None
    with pytest.raises(UserError, match="starts from a run's folder"):
        protocol.measure(few, "trained")
    small = registry.load("series/patchtst_waves").smoke()
    with pytest.raises(UserError, match="needs data with a past and a future"):
        forecasting(small, small.data.load().train[0], ForecastRecipe())


def test_the_encoder_stays_until_its_time_and_the_errors_are_those_of_the_net(tmp_path):
    small = registry.load("series/patchtst_etth1").smoke()
    example = small.data.load().train[0]
    recipe = ForecastRecipe(epochs=0.5, head_epochs=1, learning_rate=0.01, batch_size=32)
    made = forecasting(small, example, recipe)
    options = Options(devices=1, probe_every=0, on_collapse="off")
    done = fit(Run(made, 0, tmp_path / "run"), options, log=lambda line: None)
    start = done.program.init(done.program.root_key(0))
    before, after = paths(start.params), paths(done.state.params)
    moved = {k for k in before if np.abs(np.asarray(before[k]) - np.asarray(after[k])).max() > 0}
    assert moved == {k for k in before if k.startswith("head")}
    test = done.splits.test[np.arange(len(done.splits.test))]
    shown = jax.vmap(lambda x: made.preprocess(None, {"series": x}))(test["series"])
    out = np.asarray(done.program.net.apply({"params": done.state.params}, shown, train=False))
    mean, spread = test["series"].mean(1), np.sqrt(test["series"].var(1) + 1e-5)
    error = out.transpose(0, 2, 1) * spread[:, None] + mean[:, None] - test["future"]
    found = forecast_errors(done, done.splits.test)
    np.testing.assert_allclose(found["mse"], np.mean(error**2), rtol=1e-4)
    np.testing.assert_allclose(found["mae"], np.mean(np.abs(error)), rtol=1e-4)
