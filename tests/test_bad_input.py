"""Bad input: one clear sentence, a non-zero exit, and nothing lost."""

import shutil
from pathlib import Path

import chex
import jax
import numpy as np
import pytest
from PIL import Image
from tiny_runs import write_experiment

from jssl.cli import main
from jssl.logging.writer import read_metrics
from jssl.runs.loop import Options
from jssl.runs.run import reopen
from jssl.studies.session import restore


@pytest.fixture
def refused(capsys):
    """Runs a command that must fail, and looks for parts of what it says."""

    def run(*command: object, says: tuple[str, ...] | list[str]) -> str:
        capsys.readouterr()
        try:
            code = main([str(part) for part in command])
        except SystemExit as left:  # argparse's own way out
            code = left.code
        error = capsys.readouterr().err
        assert code == 2, error
        last = error.strip().splitlines()[-1]
        assert last.startswith("jssl"), error
        assert ": error: " in last
        assert "Traceback" not in error
        for part in says:
            assert part in last
        return last

    return run


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A finished run of 9 steps with checkpoints at 4, 8 and 9, of which 8 and 9 are kept."""
    folder = tmp_path_factory.mktemp("finished")
    assert main(train(write_experiment(folder), folder / "run")) == 0
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of it to be damaged."""
    return Path(shutil.copytree(finished / "run", tmp_path / "run"))


def train(experiment: Path, folder: Path, *more: str) -> list[str]:
    fixed = ["--no-evaluate", "--devices", "1", "--log-every", "1", "--checkpoint-every", "4"]
    return ["train", str(experiment), "--workdir", str(folder), *fixed, *more]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def cut(checkpoints: Path, step: int) -> None:
    files = [path for path in (checkpoints / str(step)).rglob("*") if path.is_file()]
    largest = max(files, key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[: largest.stat().st_size // 2])


# --- names and values -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["image/simclr_digit"], ["unknown experiment", "did you mean 'image/simclr_digits'"]),
        (["nowhere.py"], ["there is no file nowhere.py"]),
        (
            ["image/simclr_digits", "--set", "method.temprature=1"],
            ["unknown key 'temprature'", "did you mean 'temperature'"],
        ),
        (["image/simclr_digits", "--set", "metod.out=1"], ["did you mean 'method'"]),
        (
            ["image/simclr_digits", "--set", "method.temperature=hot"],
            ["method.temperature takes float", "'hot'"],
        ),
        (["image/simclr_digits", "--set", "batch_size"], ["key=value"]),
        (["image/simclr_digits", "--set", "optimizer.name=adamww"], ["'adamw'"]),
        (["image/simclr_digits", "--devices", "9"], ["9 devices", "8 are here"]),
        (["image/simclr_digits", "--devices", "0"], ["--devices", "0 is not between 1"]),
        (["image/simclr_digits", "--devices", "two"], ["'two' is not a whole number"]),
        (["image/simclr_digits", "--fsdp", "3"], ["3 does not divide 8 devices"]),
        (["image/simclr_digits", "--seed", "-1"], ["-1 is not between 0 and 4294967295"]),
        (["image/simclr_digits", "--seed", str(2**32)], ["is not between 0 and 4294967295"]),
        (["image/simclr_digits", "--probe-every", "-1"], ["--probe-every", "-1"]),
        (
            ["image/simclr_digits", "--set", "batch_size=2048"],
            ["batch of 2048 is larger than the data, which has 1197 examples", "at most 1197"],
        ),
        (
            ["image/simclr_digits", "--set", "batch_size=30"],
            ["batch_size 30", "8 devices", "a multiple of 8"],
        ),
        (
            ["image/simclr_digits", "--accumulate", "3", "--devices", "1"],
            ["batch_size 256", "3 micro-batches"],
        ),
        (
            ["image/simclr_digits", "--accumulate", "2", "--devices", "1"],
            ["batch statistics", "--approximate-accumulation"],
        ),
        (
            ["image/simclr_digits", "--set", "method.norm=bacth"],
            ["'bacth'", "did you mean 'batch'"],
        ),
        (["image/simclr_digits", "--set", "data.test=2000"], ["digits has 1797 images"]),
    ],
    ids=lambda value: "-".join(value[-1:]) if len(value) < 5 and "image" in value[0] else None,
)
def test_wrong_arguments(arguments, says, refused, tmp_path: Path) -> None:
    refused("train", *arguments, "--workdir", tmp_path / "run", says=says)
    assert not (tmp_path / "run").exists(), "nothing is written for a run that cannot be"


def test_unknown_commands_and_arguments(refused) -> None:
    refused("trian", says=["trian"])
    refused("train", "image/simclr_digits", "--epochs", "3", says=["--epochs"])
    refused("report", says=["a run's folder"])


def test_files_that_are_no_experiments(refused, tmp_path: Path) -> None:
    path = tmp_path / "own_empty.py"
    path.write_text("x = 1\n")
    refused("train", path, says=["defines no get_experiment()"])
    path.write_text("def get_experiment():\n    return 3\n")
    refused("train", path, says=["returned int, not Experiment"])


# --- data -----------------------------------------------------------------------------------------


def test_missing_and_corrupt_npz(refused, tmp_path: Path) -> None:
    data = tmp_path / "images.npz"
    command = train(write_experiment(tmp_path, f"Npz({str(data)!r})"), tmp_path / "run")
    refused(*command, says=[f"there is no file {data}"])
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (64, 8, 8, 1), dtype=np.uint8)
    np.savez(data, image=image, label=np.arange(64) % 4)
    whole = data.read_bytes()
    data.write_bytes(whole[: len(whole) // 2])
    refused(*command, says=[str(data), "not a readable .npz file", "numpy.savez"])
    np.savez(data, image=image, label=np.arange(63))
    refused(*command, says=[str(data), "64", "63"])
    np.savez(data, picture=image)
    refused(*command, says=["picture", "it needs image"])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("workers", ["threads", "processes"])
@pytest.mark.parametrize("damage", ["no image", "cut short"])
def test_a_folder_with_one_unreadable_image(
    damage: str, workers: str, refused, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    for number in range(48):
        path = tmp_path / "images" / f"class{number % 2}" / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)
    spec = f"ImageFolder({str(tmp_path / 'images')!r}, size=8)"
    command = train(write_experiment(tmp_path, spec), tmp_path / "run", "--set", "epochs=1")
    if workers == "processes":
        command += ["--data-path", "stream", "--probe-every", "0", "--workers", "1"]
    bad = tmp_path / "images" / "class1" / "17.png"
    content = bad.read_bytes()
    bad.write_bytes(b"not an image" if damage == "no image" else content[: len(content) // 2])
    if workers == "processes":  # every file is read in one epoch, if it is in train at all
        command[-1:] = ["1", "--set", "data.fraction=0.05", "batch_size=2"]
    refused(*command, says=[str(bad)])
    bad.write_bytes(content)
    if damage == "no image" and workers == "threads":
        assert main(command) == 0


def test_a_missing_tfds_set_names_the_command_that_fetches_it(refused, tmp_path: Path) -> None:
    setting = f"data.data_dir={tmp_path}"
    command = ["train", "image/simclr_cifar10", "--workdir", tmp_path / "run", "--set", setting]
    refused(*command, says=["cifar10", str(tmp_path), "tfds build"])


# --- numbers that stop being numbers --------------------------------------------------------------


@pytest.mark.rotating
def test_nan_stops_the_run_and_keeps_the_last_good_checkpoint(
    refused, tmp_path: Path, capsys
) -> None:
    folder = tmp_path / "run"
    command = train(write_experiment(tmp_path), folder, "--set", "method.breaks_at=6")
    refused(
        *command,
        says=["loss", "stopped being finite at step 7", "last good checkpoint is step 4", "0.0"],
    )
    last = read_metrics(folder)[-1]
    assert last["step"] == 7
    assert np.isnan(last["loss"])
    _, state, _ = restore(reopen(folder, trust=True), Options(devices=1))
    assert int(state.step) == 4
    assert all(np.isfinite(np.asarray(leaf)).all() for leaf in jax.tree.leaves(state))
    # What is left can be measured and shown.
    capsys.readouterr()
    assert main(["evaluate", str(folder), "--trust", "--devices", "1"]) == 0
    said = capsys.readouterr().out
    assert "trained" in said
    assert "untrained" in said
    assert main(["report", str(folder), "--trust", "--devices", "1"]) == 0
    assert capsys.readouterr().out.count("report.html") == 1
    assert (folder / "report.html").read_text().rstrip().endswith("</html>")


def test_an_overflowing_update_is_found_before_it_is_saved(refused, tmp_path: Path) -> None:
    command = train(write_experiment(tmp_path), tmp_path / "run", "--checkpoint-every", "1")
    command += ["--set", "optimizer.learning_rate=3e38"]
    says = ["parameter_norm", "stopped being finite at step 1", "no checkpoint yet"]
    refused(*command, says=says)


# --- folders --------------------------------------------------------------------------------------


def test_a_folder_of_another_experiment_is_left_alone(refused, finished: Path, run: Path) -> None:
    before = contents(run)
    own = finished / "own_run.py"
    for change, says in (
        (["--seed", "1"], "The seed was 0, is 1."),
        (
            ["--set", "method.temperature=0.3"],
            "First difference: method.temperature was 0.1, is 0.3.",
        ),
        (["--set", "optimizer.name=lars"], "optimizer.name was 'sgd', is 'lars'"),
    ):
        refused(*train(own, run, *change), says=["holds another run", "choose another", says])
    refused(*train(Path("image/simclr_digits"), run), says=["holds another run", "own_run"])
    assert contents(run) == before


def test_a_folder_whose_record_is_lost_is_left_alone(refused, finished: Path, run: Path) -> None:
    (run / "run.json").unlink()
    before = contents(run)
    refused(*train(finished / "own_run.py", run), says=["checkpoints and no run.json"])
    assert contents(run) == before


def test_a_file_in_place_of_the_folder(refused, finished: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    refused(*train(finished / "own_run.py", tmp_path / "file"), says=["file is a file"])
    refused(*train(finished / "own_run.py", tmp_path / "file" / "run"), says=["cannot make"])
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("command", ["evaluate", "report"])
def test_folders_that_are_no_runs(command: str, refused, run: Path, tmp_path: Path) -> None:
    refused(command, tmp_path / "nowhere", says=["is not the folder of a run", "no run.json"])
    refused(command, tmp_path, says=["is not the folder of a run"])
    record = run / "run.json"
    whole = record.read_text()
    for text in (whole[: len(whole) // 2], "[]", "{}", "", "\0"):
        record.write_text(text)
        refused(command, run, says=["run.json is damaged", "restore it from a copy"])
    record.write_text(whole.replace('"temperature": 0.1', '"temperature": 0.7'))
    record.write_text(whole.replace("own_run.py", "gone.py"))
    shutil.rmtree(run / "source")
    refused(command, run, "--trust", says=["there is no file", "gone.py"])
    record.write_text(whole)
    shutil.rmtree(run / "checkpoints")
    refused(command, run, "--trust", says=["has no checkpoint yet: train it first"])


def test_an_experiment_that_has_changed_since(refused, tmp_path: Path) -> None:
    own = write_experiment(tmp_path)
    assert main(train(own, tmp_path / "run", "--stop-at", "1")) == 0
    own.write_text(own.read_text().replace("hidden=(16,), out=8", "hidden=(16,), out=4"))
    says = ["has changed since", "method.out was 8, is 4"]
    refused("evaluate", tmp_path / "run", "--trust", says=says)
    # Also where the numbers of the experiment are the same and its code is not.
    own.write_text(own.read_text().replace("out=4", "out=8").replace("Own", "Other"))
    refused(
        "evaluate",
        tmp_path / "run",
        "--trust",
        says=["method.class was 'own_run.Own', is 'own_run.Other'"],
    )


def test_damaged_metrics_are_named_by_line(refused, finished: Path, run: Path, capsys) -> None:
    path = run / "metrics.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], lines[1][:10] + "\n", *lines[2:]]))
    refused(*train(finished / "own_run.py", run), says=["line 2 of", "metrics.jsonl"])
    path.write_text("".join([*lines, '{"step": 10, "lo']))  # torn by a kill: repaired
    assert main(train(finished / "own_run.py", run)) == 0
    assert [row["step"] for row in read_metrics(run) if "loss" in row] == list(range(1, 10))


# --- checkpoints ----------------------------------------------------------------------------------


def test_a_truncated_checkpoint_costs_its_steps_only(finished: Path, run: Path, capsys) -> None:
    _, expected, _ = restore(reopen(run, trust=True), Options(devices=1))
    cut(run / "checkpoints", 9)
    assert main(train(finished / "own_run.py", run)) == 0
    said = capsys.readouterr().out
    assert "warning: checkpoint 9 in" in said
    assert "the previous one is used" in said
    assert "resumed at step 8 of 9" in said
    _, state, _ = restore(reopen(run, trust=True), Options(devices=1), log=print)
    assert "warning" not in capsys.readouterr().out
    chex.assert_trees_all_equal(expected, state)


def test_no_whole_checkpoint_is_left(refused, finished: Path, run: Path) -> None:
    for step in (8, 9):
        cut(run / "checkpoints", step)
    before = contents(run)
    says = ["checkpoint 9", "checkpoint 8", "no whole checkpoint is left"]
    refused(*train(finished / "own_run.py", run), says=says)
    refused("evaluate", run, "--trust", says=says)
    assert contents(run) == before
