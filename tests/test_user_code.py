"""A user's file: loaded under a name of its own, with its helpers, its errors told by line."""

import json
import random
import sys
from pathlib import Path

import pytest
from tiny_runs import write_experiment

from jssl.cli import main
from jssl.config import user_code
from jssl.config.experiment import load, load_module
from jssl.config.overrides import describe, fingerprint
from jssl.errors import UserError


@pytest.mark.parametrize("name", ["random", "json", "numpy", "jssl", "tiny_runs"])
def test_a_file_replaces_no_module(name: str, tmp_path: Path) -> None:
    before = {key: sys.modules[key] for key in ("random", "json", "numpy", "jssl", "tiny_runs")}
    path = tmp_path / f"{name}.py"
    path.write_text(
        "import random, json, numpy, jssl.cli\n"
        "assert random.random() < 1 and json.dumps(1) == '1' and numpy.zeros(1).shape == (1,)\n"
        "MINE = 3\n"
    )
    assert load_module(str(path)).MINE == 3
    assert {key: sys.modules[key] for key in before} == before
    assert random.random() < 1
    assert json.dumps([]) == "[]"


def test_helpers_beside_a_file_are_its_own(tmp_path: Path) -> None:
    loaded = []
    for value in (1, 2):
        folder = tmp_path / str(value)
        (folder / "parts").mkdir(parents=True)
        (folder / "helper.py").write_text(f"import deeper\nVALUE = {value} + deeper.VALUE\n")
        (folder / "deeper.py").write_text("VALUE = 10\n")
        (folder / "parts" / "__init__.py").write_text("")
        (folder / "parts" / "one.py").write_text("from . import two\nONE = two.TWO\n")
        (folder / "parts" / "two.py").write_text(f"TWO = {value}\n")
        (folder / "own.py").write_text(
            "import helper, parts.one\nfrom helper import VALUE\n"
            "from parts.one import ONE as part\n"
            "def late():\n    import later\n    return later.VALUE\n"
        )
        (folder / "later.py").write_text(f"VALUE = {value * 100}\n")
        loaded.append(load_module(str(folder / "own.py")))
    assert [(m.VALUE, m.helper.VALUE, m.part, m.parts.one.ONE, m.late()) for m in loaded] == [
        (11, 11, 1, 1, 100),
        (12, 12, 2, 2, 200),
    ]
    assert not {"helper", "deeper", "parts", "later", "own"} & sys.modules.keys()
    assert list(user_code.files_of(tmp_path / "1" / "own.py")) == [
        *("own.py", "helper.py", "parts/__init__.py", "parts/one.py", "later.py"),
        *("deeper.py", "parts/two.py"),
    ]


def test_an_edited_file_is_read_again_and_no_cached_bytecode(tmp_path: Path) -> None:
    path, helper = tmp_path / "own.py", tmp_path / "helper.py"
    path.write_text("import helper\n")
    for value in (1, 2):  # of the same size within the same second
        helper.write_text(f"VALUE = {value}\n")
        assert value == load_module(str(path)).helper.VALUE
    assert not (tmp_path / "__pycache__").exists()


def test_names_on_record_are_the_authors(tmp_path: Path) -> None:
    path = write_experiment(tmp_path)
    one, other = load(str(path)), load(str(path))
    assert describe(one.method)["class"] == "own_run.Own"
    assert type(one.method) is not type(other.method)
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1\ny = x / 0\n", "line 2 `y = x / 0`: ZeroDivisionError: division by zero"),
        ("def get_experiment(:\n", "line 1 `def get_experiment(:`: SyntaxError"),
        ("def get_experiment():\n    return [][3]\n", "line 2 `return [][3]`: IndexError"),
        ("import nowhere_to_be_found\n", "line 1 `import nowhere_to_be_found`: ModuleNotFound"),
        ("import broken\n", "broken.py, line 2 `raise KeyError(3)`: KeyError: 3"),
        ("raise SystemExit('no')\n", "line 1 `raise SystemExit('no')`: SystemExit: no"),
        ("x = '\0'\n", "line 1"),
        (
            "from jssl.training.optim import Optimizer\nOptimizer('nonsense', 1.0)\n",
            "line 2 `Optimizer(",
        ),
    ],
)
@pytest.mark.parametrize("verb", ["train", "plan", "sweep"])
def test_an_error_inside_a_file_is_told_by_its_line(
    verb: str, text: str, says: str, tmp_path: Path, capsys
) -> None:
    path = tmp_path / "own.py"
    (tmp_path / "broken.py").write_text("# a helper\nraise KeyError(3)\n")
    path.write_text(text)
    if "Optimizer" in text:
        path.write_text(text + "raise ValueError\n")
        says = "line"
    assert main([verb, str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("jssl: error: ")
    assert captured.err.count("\n") == 1
    assert says in captured.err
    assert "Traceback" not in captured.err and "/jssl/" not in captured.err


def test_an_error_at_run_time_is_told_by_its_line() -> None:
    try:
        raise ValueError("of jssl")
    except ValueError as error:
        assert user_code.sentence(error) is None


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no file .*gone\.py"):
        load(str(tmp_path / "gone.py"))
