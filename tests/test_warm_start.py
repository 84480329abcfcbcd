"""Pre-train, fine-tune on labels, distil: each stage starts from the run before."""

from pathlib import Path

import numpy as np
import pytest
from tiny_runs import write_experiment

from jssl.cli import main
from jssl.core.state import paths
from jssl.runs.loop import Options
from jssl.runs.restoring import prepare
from jssl.runs.run import read_record, reopen
from jssl.runs.warm_start import FILE, load
from jssl.studies.session import restore

pytestmark = pytest.mark.rotating

STAGE = '''"""A stage after pre-training, on a few dozen images."""

from jssl.augmentations.compose import Views, field, pipeline
from jssl.data import Digits, Part
from jssl.encoders.mlp import MLP
from jssl.config.experiment import Experiment
from jssl.methods.semisupervised.distill import Distill
from jssl.methods.semisupervised.finetune import FineTune
from jssl.training.optim import Optimizer


def get_experiment():
    return Experiment(
        method=METHOD(classes=10, hidden=HIDDEN, norm=NORM),
        encoder=MLP(hidden=(16,), norm=NORM),
        data=Part(Digits(), train=64),
        views=Views(image=pipeline(), label=field("label")),
        preprocess=pipeline(),
        optimizer=Optimizer("sgd", learning_rate=0.01, scaling="none"),
        batch_size=16,
        epochs=1,
    )
'''


def write_stage(
    folder: Path, name: str, method: str, hidden: tuple[int, ...] = (16,), norm: str = "none"
) -> str:
    path = folder / f"{name}.py"
    text = STAGE.replace("METHOD", method).replace("HIDDEN", repr(hidden))
    path.write_text(text.replace("NORM", repr(norm)))
    return str(path)


def train(name: str, folder: Path, *options: str) -> int:
    fixed = ["--devices", "1", "--no-evaluate", "--probe-every", "0", "--on-collapse", "off"]
    return main(["train", name, "--workdir", str(folder), *fixed, *options])


def leaves(tree: object) -> dict[str, np.ndarray]:
    return {name: np.asarray(leaf) for name, leaf in paths(tree).items()}


def start_of(folder: Path) -> dict[str, np.ndarray]:
    """The state with which a finished run began."""
    run = reopen(folder, trust=True)
    program, _ = prepare(run, Options(devices=1))
    return leaves(program.init(program.root_key(run.seed), load(run, program)))


def three_stages(folder: Path, norm: str) -> Path:
    """Three finished runs: pretrain, tune and distil."""
    pretrain = write_experiment(folder)
    pretrain.write_text(pretrain.read_text().replace('norm="none"', f'norm="{norm}"'))
    assert train(str(pretrain), folder / "pretrain") == 0
    tune = write_stage(folder, "tune", "FineTune", norm=norm)
    assert train(tune, folder / "tune", "--init-from", str(folder / "pretrain"), "--trust") == 0
    distil = write_stage(folder, "distil", "Distill", norm=norm)
    assert train(distil, folder / "distil", "--init-from", str(folder / "tune"), "--trust") == 0
    return folder


@pytest.fixture(scope="module")
def stages(tmp_path_factory) -> Path:
    return three_stages(tmp_path_factory.mktemp("stages"), "none")


def end_of(folder: Path) -> dict[str, np.ndarray]:
    return leaves(restore(reopen(folder, trust=True), Options(devices=1))[1])


def test_fine_tuning_begins_where_pretraining_ended(stages: Path) -> None:
    before, after = end_of(stages / "pretrain"), start_of(stages / "tune")
    taken = [n for n in after if n.startswith(("params/encoder/", "params/projector/dense0/"))]
    assert len(taken) >= 4
    for name in taken:
        np.testing.assert_array_equal(after[name], before[name])
    # The classifier is new, and the projector's last layer is left behind.
    assert after["params/projector/dense1/kernel"].shape == (16, 10)
    moved = end_of(stages / "tune")
    assert any(np.any(moved[name] != after[name]) for name in taken)


def test_distillation_begins_with_the_tuned_net_as_teacher_and_student(stages: Path) -> None:
    before, after = end_of(stages / "tune"), start_of(stages / "distil")
    names = [name for name in before if name.startswith("params/")]
    for name in names:
        np.testing.assert_array_equal(after[name], before[name])
        np.testing.assert_array_equal(after[f"memory/teacher/{name}"], before[name])
    ended = end_of(stages / "distil")
    for name in names:
        np.testing.assert_array_equal(ended[f"memory/teacher/{name}"], before[name])


def test_batch_statistics_go_along(tmp_path: Path) -> None:
    folder = three_stages(tmp_path, "batch")
    before, after = end_of(folder / "pretrain"), start_of(folder / "tune")
    part = ("encoder/", "projector/norm0/")
    names = [n for n in after if n.startswith(tuple(f"stats/batch_stats/{p}" for p in part))]
    assert len(names) == 4
    for name in names:
        np.testing.assert_array_equal(after[name], before[name])
    tuned, ended = end_of(folder / "tune"), end_of(folder / "distil")
    for name in (n for n in tuned if n.startswith("stats/")):
        np.testing.assert_array_equal(ended[f"memory/teacher/{name}"], tuned[name])


def test_where_a_run_started_is_on_record_and_in_its_fingerprint(stages: Path, capsys) -> None:
    record = read_record(stages / "tune")
    source = read_record(stages / "pretrain")
    assert record["start"] == {
        "folder": str(stages / "pretrain"),
        "fingerprint": source["fingerprint"],
        "step": 9,
    }
    assert (stages / "tune" / FILE).is_file()
    # The same command goes on; without its start it is another run.
    tune = str(stages / "tune.py")
    assert train(tune, stages / "tune", "--init-from", str(stages / "pretrain"), "--trust") == 0
    assert train(tune, stages / "tune") == 2
    assert "started from step 9" in capsys.readouterr().err


def test_what_does_not_fit_is_refused_in_a_sentence(stages: Path, capsys) -> None:
    wide = write_stage(stages, "wide", "FineTune", (24,))
    assert train(wide, stages / "wide", "--init-from", str(stages / "pretrain"), "--trust") == 2
    error = capsys.readouterr().err
    assert "params/projector/dense0" in error
    assert "has shape [24] here and has shape [16] there" in error
    assert not (stages / "wide").exists()
    deep = write_stage(stages, "deep", "FineTune", (16, 8, 8))
    assert train(deep, stages / "deep", "--init-from", str(stages / "pretrain"), "--trust") == 2
    assert "has no params/projector/dense2" in capsys.readouterr().err
    assert train(wide, stages / "wide", "--init-from", str(stages / "nowhere"), "--trust") == 2
    assert "is not the folder of a run" in capsys.readouterr().err
