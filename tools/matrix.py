"""Tests jssl with several versions of Python and JAX, each in an environment of its own.

    python tools/matrix.py FOLDER                     # all environments, about half an hour each
    python tools/matrix.py FOLDER --only newest       # one of them
    python tools/matrix.py FOLDER --tests tests/nn    # other tests

An environment is made below FOLDER and reused if it is there. In each, the tests of `TESTS` and the
commands of `COMMANDS` are run, with warnings as errors as in the suite. The outcome is written to
results/support/NAME.json, from which `docs/write_support.py` makes docs/support.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
RECORDS = ROOT / "results" / "support"
EXTRAS = "test,video,text,tiff,meshes,audio,parquet"
TESTS = (
    "tests/objectives",
    "tests/nn",
    "tests/encoders",
    "tests/methods",
    "tests/evaluation",
    "tests/test_checkpoint.py",
    "tests/test_cli.py",
    "tests/test_conformance.py",
    "tests/test_gradients.py",
    "tests/test_layers.py",
    "tests/test_resume.py",
    "tests/test_sharding.py",
    "tests/weights",
)
COMMANDS = (
    ("doctor",),
    ("list",),
    ("train", "image/simclr_digits", "--set", "epochs=1", "--workdir", "{folder}/run"),
    ("report", "{folder}/run"),
)
SHOWN = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "chex", "grain", "numpy")


class Environment(NamedTuple):
    """One row of the support matrix.

    Attributes:
      name: of its folder and of its record.
      python: minor version, as "3.12".
      requirements: arguments of `pip install` besides jssl itself.
    """

    name: str
    python: str
    requirements: tuple[str, ...]


ENVIRONMENTS = (
    Environment("pinned", "3.11", ("-r", "requirements.txt")),
    Environment("middle", "3.12", ("jax==0.11.2",)),
    Environment("newest", "3.13", ("-r", "requirements-newest.txt")),
)


def interpreter(version: str) -> str:
    """The path of an interpreter of that minor version.

    Raises:
      SystemExit: if none is on the PATH or under pyenv.
    """
    found = shutil.which(f"python{version}")
    if found and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode:
        found = None  # a shim of pyenv whose version is not chosen
    roots = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for path in sorted(roots.glob(f"{version}.*/bin/python"), reverse=True):
        found = found or str(path)
    if not found:
        raise SystemExit(f"Python {version} was not found on the PATH or under pyenv")
    return found


def make(environment: Environment, folder: Path) -> Path:
    """The interpreter of the environment, which is made if it is missing."""
    home = folder / environment.name
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        subprocess.run([interpreter(environment.python), "-m", "venv", home], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        wanted = [*environment.requirements, "--editable", f".[{EXTRAS}]"]
        subprocess.run([*install, *wanted], cwd=ROOT, check=True)
        (home / "complete").touch()
    return python


def versions(python: Path) -> dict[str, str]:
    """Versions of Python and of the packages in `SHOWN`."""
    code = (
        "import importlib.metadata as m, json, platform; "
        f"print(json.dumps({{'python': platform.python_version(), "
        f"**{{p: m.version(p) for p in {SHOWN}}}}}))"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def counts(text: str) -> dict[str, int]:
    """Outcomes in the last line of pytest's output, as {"passed": 12, "skipped": 1}."""
    last = next((s for s in reversed(text.splitlines()) if re.search(r"\d+ \w+.* in ", s)), "")
    found = re.findall(r"(\d+) (passed|failed|skipped|errors?)\b", last)
    return {word.rstrip("s") if "error" in word else word: int(n) for n, word in found}


def examine(environment: Environment, folder: Path, tests: tuple[str, ...]) -> dict[str, object]:
    """Runs the tests and the commands of one environment.

    Returns:
      Its record.
    """
    python = make(environment, folder)
    print(f"{environment.name}: Python {environment.python}", flush=True)
    start = time.perf_counter()
    command = [python, "-m", "pytest", "-q", "-m", "not slow", "-n", "2", "--dist", "worksteal"]
    report = folder / f"{environment.name}.txt"
    with report.open("w") as file:
        subprocess.run([*command, *tests], cwd=ROOT, stdout=file, stderr=file, check=False)
    minutes = (time.perf_counter() - start) / 60
    outcome = counts(report.read_text())
    found = re.findall(r"^(?:FAILED|ERROR) (\S+)", report.read_text(), re.MULTILINE)
    failed = list(dict.fromkeys(found))  # a test is listed again where its worker ended
    place = folder / f"{environment.name}_commands"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    ran: dict[str, int] = {}
    for words in COMMANDS:
        filled = [word.format(folder=place) for word in words]
        done = subprocess.run(
            [python, "-m", "jssl", *filled], cwd=place, capture_output=True, text=True, check=False
        )
        ran[" ".join(words).replace("{folder}/", "")] = done.returncode
        if done.returncode:
            print(done.stderr[-2000:], flush=True)
    print(f"  {outcome}, {minutes:.0f} minutes, commands {ran}", flush=True)
    return {
        "name": environment.name,
        "date": datetime.date.today().isoformat(),
        "versions": versions(python),
        "tests": list(tests),
        "outcome": outcome,
        "failed": failed,
        "commands": ran,
    }


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the environments are kept")
    names = [environment.name for environment in ENVIRONMENTS]
    parser.add_argument("--only", choices=names, help="one environment")
    parser.add_argument("--tests", nargs="+", default=TESTS, help="files and folders of tests")
    args = parser.parse_args()
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    bad = 0
    for environment in ENVIRONMENTS:
        if args.only in (None, environment.name):
            record = examine(environment, folder, tuple(args.tests))
            bad += bool(record["failed"]) or any(record["commands"].values())
            if tuple(args.tests) == TESTS:  # the record of a part would claim too much
                RECORDS.mkdir(parents=True, exist_ok=True)
                path = RECORDS / f"{environment.name}.json"
                path.write_text(json.dumps(record, indent=1) + "\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
