"""The Python blocks of README and of docs/add_a_method.md run as they stand."""

import dataclasses
import os
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from tiny_runs import write_experiment

import jssl
from jssl.config import experiment
from jssl.config.experiment import Experiment
from jssl.methods.views import made_by
from jssl.testing.runs import small

ROOT = Path(__file__).resolve().parent.parent


def blocks(page: str) -> list[str]:
    """The Python blocks of a page, in order."""
    return [part.split("```")[0] for part in (ROOT / page).read_text().split("```python\n")[1:]]


FILES = [
    pytest.param(block, id=f"{page}:{next(x for x in block.split() if x.endswith('):'))[:-2]}")
    for page in ("README.md", "docs/add_a_method.md")
    for block in blocks(page)
    if "def get_experiment" in block
]


def traced(found: Experiment) -> dict:
    """Shapes of a step of a small copy: loss, gradients, metrics and memory. Nothing compiles."""
    found = small(found, batch_size=2, simple_views=True)
    example = {k: jnp.asarray(x) for k, x in found.data.load().train[0].items()}
    views = made_by(found.views, {**example, "index": jnp.int32(0)})

    def step(views):
        bound = jssl.bind(found.method, found.encoder, views)
        step = bound.loss_and_gradients(views)
        moved = bound.apply_updates(step.gradients, step)
        return {"step": (step.loss, step.gradients), "moved": (bound.params, moved.memory)}

    return jax.eval_shape(step, views)


@pytest.mark.parametrize("block", FILES)
def test_a_file_of_the_documentation_is_an_experiment(block: str, tmp_path: Path) -> None:
    path = tmp_path / "my_method.py"
    path.write_text(block)
    found = traced(experiment.load(str(path)))
    loss, gradients = found["step"]
    assert loss.shape == ()
    assert jax.tree.map(jnp.shape, gradients) == jax.tree.map(jnp.shape, found["moved"][0])


def test_every_block_is_run_by_a_test() -> None:
    others = [
        block
        for page in ("README.md", "docs/add_a_method.md")
        for block in blocks(page)
        if "def get_experiment" not in block
    ]
    # In order: load_encoder, in own/test_own_run.py; jssl.train below; jssl.bind, in test_front.py;
    # a table's function; conformance.
    marks = (
        "jssl.load_encoder(",
        "jssl.train(",
        "jssl.bind(",
        "def simclr_shapes()",
        "conformance(",
    )
    assert len(others) == len(marks)
    for block, mark in zip(others, marks, strict=True):
        assert mark in block
    names = {"Experiment": Experiment}
    exec(others[3], names)
    assert names["simclr_shapes"].__annotations__["return"] is Experiment


@pytest.mark.rotating
def test_the_verbs_of_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = [x for x in blocks("README.md") if "epochs=5" in x]
    monkeypatch.chdir(tmp_path)
    tiny = os.fspath(write_experiment(tmp_path))
    assert '"image/simclr_digits"' in block
    block = block.replace('"image/simclr_digits"', repr(tiny)).replace("epochs=5", "epochs=0.05")
    block = block.replace('["label_free"])', '["label_free"], trust=True)')  # a file of the user's
    exec(block, names := {})
    assert [record.protocol["name"] for record in names["records"]] == ["label_free"]
    assert (tmp_path / "runs" / "mine" / "report.html").exists()


def test_conformance_takes_the_name_of_a_file() -> None:
    (block,) = [x for x in blocks("docs/add_a_method.md") if "conformance(" in x]
    calls = []

    @dataclasses.dataclass
    class Report:
        ok: bool = True

    def conformance(what):
        calls.append(what)
        return Report()

    exec(block.replace("from jssl.testing import conformance\n", ""), {"conformance": conformance})
    assert calls == ["my_method.py"]
