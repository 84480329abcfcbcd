"""`jssl show`: every setting with its meaning, and what a run would do, without compiling."""

import dataclasses
import json
import logging
import re
from pathlib import Path

import jax
import pytest
from tiny_runs import write_experiment

from jssl.cli import main
from jssl.commands.showing import row, show
from jssl.config import experiment
from jssl.config.meanings import described, meaning
from jssl.config.overrides import override
from jssl.core.settings import settings
from jssl.training.program import build
from jssl.training.sharding import make_mesh


def test_every_setting_that_ships_has_a_type_and_a_meaning() -> None:
    lacking = set()
    for name in experiment.names():
        for setting in settings(experiment.load(name)):
            shown = row(setting)
            if not shown.type or not shown.meaning:
                owner = setting.owner
                lacking.add((getattr(owner, "func", type(owner)), setting.path.split(".")[-1]))
    assert not lacking, "not described under Attributes: or Args:"


def test_entries_of_a_docstring() -> None:
    class Documented:
        """Something.

        Attributes:
          size: of it, e.g. 3; more of the
            same.
          low, high: ends. And so on.

        Raises:
          other: never.
        """

    found = described(Documented)
    assert found == {
        "size": "of it, e.g. 3; more of the same.",
        "low": "ends. And so on.",
        "high": "ends. And so on.",
    }


def test_the_nearest_class_describes_an_inherited_setting() -> None:
    loaded = experiment.load("image/simclr_digits")
    method = dataclasses.make_dataclass("Own", [], bases=(type(loaded.method),), frozen=True)()
    found = {s.path: meaning(s) for s in settings(dataclasses.replace(loaded, method=method))}
    assert found["method.out"] == "width of the projection"


def test_what_a_run_would_do(tmp_path: Path, caplog) -> None:
    loaded = experiment.load(str(write_experiment(tmp_path)))
    with jax.log_compiles(), caplog.at_level(logging.WARNING, "jax"):
        shown = show(loaded)
    # A key and the default of a scalar are made by programs without arrays.
    large = re.compile(r"Compiling .*(\[\d|step|state|encode)")
    assert not list(filter(large.match, caplog.messages))
    splits = loaded.data.load()
    program = build(loaded, dict(splits.train[0]), len(splits.train), make_mesh(1))
    with jax.log_compiles(), caplog.at_level(logging.WARNING, "jax"):
        state = jax.jit(program.initial_state)(jax.random.key(0))
    assert list(filter(large.match, caplog.messages))  # so the silence above says something
    count = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    assert shown.facts["steps"] == program.steps == 9
    assert shown.facts["steps per epoch"] == program.steps_per_epoch
    assert shown.facts["number of parameters"] == count
    assert shown.facts["bytes of state"]["parameters"] == 4 * count
    held = sum(leaf.nbytes for leaf in jax.tree.leaves(state)) - 4  # less the step
    assert shown.facts["bytes of state"]["all"] == held
    assert shown.facts["peak learning rate"] == 0.01
    assert not shown.data
    assert not shown.refused


def test_a_larger_batch_is_shown_and_refused(tmp_path: Path, capsys) -> None:
    path = str(write_experiment(tmp_path))
    assert main(["show", path, "--set", "batch_size=5000"]) == 2
    printed = capsys.readouterr()
    assert "method.temperature" in printed.out
    assert printed.err.startswith("jssl: error: a run would not begin: ")
    assert printed.err.count("\n") == 1


def test_data_that_is_not_at_hand(tmp_path: Path, capsys) -> None:
    command = ["show", "image/simclr_cifar10", "--set", f"data.data_dir={tmp_path}"]
    assert main(command) == 0
    text = capsys.readouterr().out
    assert text.count("not at hand: ") == 1
    assert "steps                 19,400\n" in text  # 50,000 examples are known of CIFAR-10
    name = "video/simclr_files"  # of a folder of films nothing is known
    assert main(["show", name, "--json", "--set", f"data.path={tmp_path / 'none'}"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["data"]
    assert "steps" not in found["facts"]
    assert found["facts"]["peak learning rate"] > 0


def test_machines_get_every_key_that_can_be_set(capsys) -> None:
    assert main(["show", "image/simclr_digits", "--json", "--set", "method.out=64"]) == 0
    found = {s["key"]: s for s in json.loads(capsys.readouterr().out)["settings"]}
    assert found["method.out"]["value"] == 64
    assert found["method.temperature"]["range"] == "a positive number"
    loaded = experiment.load("image/simclr_digits")
    for key, setting in found.items():
        if isinstance(setting["value"], bool | int | float):
            override(loaded, f"{key}={setting['value']}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["image/simclr_digitz"], "did you mean 'image/simclr_digits'"),
        (["image/simclr_digits", "--set", "method.temprature=1"], "did you mean 'temperature'"),
        (["image/simclr_digits", "--set", "method.temperature=0"], "it must be a positive number"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], words: str, capsys) -> None:
    assert main(["show", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert words in printed.err
    assert printed.err.count("\n") == 1
