"""The names that the top packages offer: complete, lazy, and known to type checkers."""

import dataclasses
import importlib
import json
import subprocess
import sys
import types
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tiny_runs import write_experiment

import jssl
from jssl.config import experiment
from jssl.core.lazy import table
from jssl.errors import Interrupted, UserError
from jssl.studies import session

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import write_front  # noqa: E402

PACKAGES = tuple(write_front.ALONE)


@pytest.mark.parametrize("name", PACKAGES)
def test_every_name_resolves_and_none_is_missing(name: str) -> None:
    package = importlib.import_module(name)
    stub = write_front.path(name).read_text()
    assert stub == write_front.stub(name), "run: python tools/write_front.py"
    assert sorted(table(name)) == package.__all__
    assert set(package.__all__) <= set(dir(package))
    for public, source in table(name).items():
        value = getattr(package, public)
        if source != name:
            assert value is getattr(importlib.import_module(source), public)
            assert value.__module__ == source, f"{public} is defined in {value.__module__}"
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = package.nothing


def test_every_method_is_among_the_names() -> None:
    for kind in experiment.methods().values():
        assert getattr(jssl.methods, kind.__name__) is kind


def _alone(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_import_is_cheap() -> None:
    script = "import sys, jssl\ndir(jssl), jssl.__all__\n"
    _alone(script + "bad = {'jax', 'flax', 'numpy'} & set(sys.modules)\nassert not bad, bad")
    # One method is imported without the others, and without the data or the run's side.
    script = "import sys, jssl\njssl.methods.SimCLR, jssl.objectives.nt_xent\n"
    script += "print(*(name for name in sys.modules if name.startswith('jssl.')))"
    loaded = set(_alone(script).split())
    assert "jssl.methods.contrastive.simclr" in loaded
    assert not loaded & {
        "jssl.methods.masked.mae",
        "jssl.data",
        "jssl.training.program",
        "jssl.studies.session",
    }


def test_a_name_keeps_its_meaning_when_a_module_of_that_name_is_imported() -> None:
    script = """
import importlib, types, jssl
importlib.import_module("jssl.encoders.vit")
assert jssl.encoders.vit("Ti").variant == "Ti"
for name in ("jssl.studies.session", "jssl.train"):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        pass
assert isinstance(jssl.train, types.FunctionType)
from jssl.encoders import vit
from jssl.augmentations import recipes, blur
assert callable(vit) and isinstance(recipes, types.ModuleType)
"""
    _alone(script)


def test_load_takes_overrides() -> None:
    assert jssl.load("image/simclr_digits", "method.out=64").method.out == 64
    with pytest.raises(UserError, match="did you mean 'temperature'"):
        jssl.load("image/simclr_digits", "method.temprature=1")


def test_train_and_evaluate_from_python(tmp_path: Path, monkeypatch) -> None:
    calls = []

    def train(run, options, **rest):
        calls.append((run, options, rest))
        run.open()
        return types.SimpleNamespace(signal=(len(calls) == 2 and 15) or None)

    monkeypatch.setattr(session, "train", train)
    monkeypatch.setattr(session, "evaluate", lambda run, options, **rest: (run, options))
    path = write_experiment(tmp_path)
    arguments = {"seed": 3, "overrides": ["epochs=0.06"], "evaluate": False, "devices": 1}
    run = jssl.train(path, tmp_path / "run", **arguments)
    (begun, options, rest), record = calls[0], json.loads(run.record_path.read_text())
    assert begun is run
    assert (run.seed, run.experiment.epochs, run.folder) == (3, 0.06, tmp_path / "run")
    assert (record["seed"], record["overrides"]) == (3, ["epochs=0.06"])
    assert options.devices == 1
    assert rest["evaluate"] is False
    with pytest.raises(Interrupted) as interrupted:
        jssl.train(path, tmp_path / "run", **arguments)
    assert interrupted.value.status == 143

    assert jssl.evaluate(run, devices=1)[0] is run
    reopened, options = jssl.evaluate(str(tmp_path / "run"), fsdp=2, trust=True)
    assert (reopened.fingerprint, options.fsdp) == (run.fingerprint, 2)
    with pytest.raises(UserError, match="--trust"):
        jssl.evaluate(tmp_path / "run")
    with pytest.raises(UserError, match="go with protocols"):
        jssl.evaluate(run, seed=1)

    unnamed = dataclasses.replace(jssl.load(path), name="")
    with pytest.raises(UserError, match="needs a folder"):
        jssl.train(unnamed)
    jssl.train(unnamed, tmp_path / "unnamed")
    with pytest.raises(UserError, match="without a name"):
        jssl.evaluate(tmp_path / "unnamed")
    for bad, words in (
        ({"stop": 3}, "has no option 'stop'"),
        ({"overrides": ["epoch=1"]}, "unknown key 'epoch'"),
    ):
        with pytest.raises(UserError, match=words):
            jssl.train(path, tmp_path / "other", **bad)
    assert len(calls) == 3


VIEWS = {name: jax.random.normal(jax.random.key(i), (8, 12)) for i, name in enumerate("ab")}


def test_a_method_on_its_own_learns() -> None:
    method = jssl.methods.BYOL(hidden=16, out=8)
    bound = jssl.bind(method, jssl.encoders.MLP(hidden=(16,)), VIEWS, steps=30)
    tx = optax.sgd(0.1)
    optimizer = tx.init(bound.params)

    @jax.jit  # what is bound is a pytree
    def step(bound, optimizer):
        found = bound.loss_and_gradients(VIEWS)
        updates, optimizer = tx.update(found.gradients, optimizer, bound.params)
        return bound.apply_updates(updates, found), optimizer, found.loss

    losses = []
    for _ in range(30):
        bound, optimizer, loss = step(bound, optimizer)
        losses.append(float(loss))
    assert losses[-1] < 0.7 * losses[0]
    assert int(bound.step) == 30
    teacher, student = bound.memory["teacher"]["params"], bound.params
    moved = jax.tree.map(
        lambda t, s: float(jnp.abs(t - s).max()), teacher["encoder"], student["encoder"]
    )
    assert max(jax.tree.leaves(moved)) > 0
    assert bound.encode(VIEWS["a"]).pooled.shape[0] == 8


def test_its_loss_and_gradients_are_those_of_the_objective() -> None:
    method = jssl.methods.SimCLR(hidden=(16,), out=8, norm="none")
    bound = jssl.bind(method, jssl.encoders.MLP(hidden=(16,), norm="none"), VIEWS)

    def loss(params):
        z = [bound.net.apply({"params": params}, VIEWS[n], train=True)[0] for n in "ab"]
        return jnp.mean(jssl.objectives.nt_xent(*z, temperature=method.temperature))

    expected, gradients = jax.jit(jax.value_and_grad(loss))(bound.params)
    found = bound.loss_and_gradients(VIEWS)
    np.testing.assert_allclose(found.loss, expected, rtol=1e-5)
    chex.assert_trees_all_close(found.gradients, gradients, rtol=1e-4, atol=1e-6)


def test_views_that_a_method_does_not_read_are_refused() -> None:
    with pytest.raises(UserError, match="SimCLR reads"):
        jssl.bind(jssl.methods.SimCLR(), jssl.encoders.MLP(), {"image": VIEWS["a"]})


def test_the_lines_of_the_documentation() -> None:
    page = (ROOT / "docs" / "add_a_method.md").read_text()
    block = page.split("## Without a trainer")[1].split("```python\n")[1].split("```")[0]

    def run(a, b):
        exec(block, names := {"images_a": a, "images_b": b})
        return names["found"].loss, names["found"].gradients, names["bound"].params

    images = jax.ShapeDtypeStruct((2, 16, 16, 3), jnp.float32)
    loss, gradients, params = jax.eval_shape(run, images, images)  # traced, not compiled
    assert loss.shape == ()
    assert jax.tree.map(jnp.shape, gradients) == jax.tree.map(jnp.shape, params)
