"""The wheel: all of jssl and of the experiments, metadata that hold outside of the repository."""

import configparser
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from setuptools import find_packages

from jssl.commands import doctor

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def config() -> configparser.ConfigParser:
    found = configparser.ConfigParser()
    found.read(ROOT / "setup.cfg")
    return found


def tracked() -> list[str]:
    """Files of the packages that git knows."""
    command = ["git", "-C", str(ROOT), "ls-files", "jssl", "experiments"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode or not done.stdout:
        pytest.skip("not a repository")
    return [name for name in done.stdout.splitlines() if (ROOT / name).exists()]


def test_every_file_is_in_a_package_and_has_a_pattern(config) -> None:
    packages = {*find_packages(str(ROOT), include=["jssl*", "experiments*"])}
    data = config["options.package_data"]
    left_out = []
    for name in map(Path, tracked()):
        package = ".".join(name.parent.parts)
        patterns = [line.strip() for key in data for line in data[key].splitlines() if line.strip()]
        is_data = any(name.match(pattern) for pattern in patterns)
        if name.suffix == ".py":
            is_data = package in packages
        if not is_data:
            left_out.append(str(name))
    assert not left_out, f"setup.cfg leaves these out of the wheel: {left_out}"


def test_doctor_knows_every_extra(config) -> None:
    extras = {*config["options.extras_require"]} - {"test", "docs"}
    assert extras == {*doctor.EXTRAS}
    for extra, package in doctor.EXTRAS.items():
        assert re.search(rf"^{package}\b", config["options.extras_require"][extra], re.MULTILINE)


@pytest.mark.slow
def test_the_wheel_holds_what_git_holds(tmp_path: Path) -> None:
    """From a copy of the tracked files, so that nothing is taken from an earlier build."""
    source = tmp_path / "source"
    every = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True)
    for name in every.stdout.splitlines():
        if name.split("/")[0] in ("jssl", "experiments") or "/" not in name:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", str(tmp_path), str(source)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("jssl-*.whl")
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
        metadata = opened.read(next(n for n in names if n.endswith("METADATA"))).decode()
    held = {n.removeprefix("jssl/") if n.startswith("jssl/experiments/") else n for n in names}
    assert {n for n in held if ".dist-info/" not in n} == set(tracked())
    text = metadata.partition("\n\n")[2]
    assert "# jssl" in text
    assert not re.findall(r"\]\((?!https?:)[^)]*\)", text), (
        "a link that an index page cannot follow"
    )
