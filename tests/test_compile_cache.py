"""The cache of compiled programs, and the commands that look at the machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jssl.cli import main
from jssl.commands import doctor
from jssl.errors import nearest
from jssl.runs import compile_cache

_SCRIPT = """
import sys
from pathlib import Path
import jax, jax.numpy as jnp
from jssl.runs import compile_cache
print(compile_cache.enable(Path(sys.argv[1])))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
print(float(jax.jit(lambda x: jnp.sin(x) + x)(jnp.float32(1.0))))
"""


def _run(folder: Path, **more: str) -> list[str]:
    keep = {
        k: v for k, v in os.environ.items() if not k.startswith(("JAX_COMP", "XLA", "JAX_PERS"))
    }
    env = {**keep, "JAX_PLATFORMS": "cpu", **more}
    command = [sys.executable, "-c", _SCRIPT, str(folder)]
    return subprocess.run(
        command, env=env, capture_output=True, text=True, check=True
    ).stdout.split()


def test_a_program_is_kept_and_read_back(tmp_path: Path) -> None:
    folder = tmp_path / "programs"
    first = _run(folder)
    count, size = compile_cache.size(folder)
    assert first[0] == str(folder)
    assert count >= 1
    assert size > 0
    assert _run(folder) == first
    assert compile_cache.size(folder)[0] == count, "the second process compiled something anew"
    (folder / "notes.txt").write_text("mine")
    assert compile_cache.clear(folder) > 0
    assert compile_cache.size(folder) == (0, 0)
    assert (folder / "notes.txt").read_text() == "mine"


def test_faked_devices_and_a_cache_of_the_users_own_are_left_alone(tmp_path: Path) -> None:
    faked = _run(tmp_path / "a", XLA_FLAGS="--xla_force_host_platform_device_count=2")
    assert faked[0] == "None"
    assert not (tmp_path / "a").exists()
    own = _run(tmp_path / "b", JAX_COMPILATION_CACHE_DIR=str(tmp_path / "own"))
    assert own[0] == str(tmp_path / "own")
    assert not (tmp_path / "b").exists()


def test_clean_says_what_it_deletes(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(compile_cache, "default_folder", lambda: tmp_path)
    assert main(["clean"]) == 0
    assert "holds no compiled programs" in capsys.readouterr().out
    (tmp_path / "jit_step-abc-cache").write_bytes(b"0" * 2**20)
    (tmp_path / "jit_step-abc-atime").write_bytes(b"0")
    assert main(["clean", "--dry-run"]) == 0
    assert "1 compiled programs, 1.0 MiB" in capsys.readouterr().out
    assert main(["clean"]) == 0
    assert not list(tmp_path.iterdir())


def test_doctor_names_versions_devices_and_what_is_slow(capsys) -> None:
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for part in ("JAX", "cores", "memory", "device 0", "flax", "jssl[video]", "fakes 8 devices"):
        assert part in said
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == doctor.version_line() + "\n"


def test_completion_knows_the_commands(capsys) -> None:
    pytest.importorskip("shtab")
    assert main(["completion", "bash"]) == 0
    said = capsys.readouterr().out
    assert "--no-compile-cache" in said
    assert "bisect" in said


def test_of_many_names_the_five_nearest_are_given() -> None:
    many = [f"image/simclr_{i}" for i in range(100)]
    assert nearest("image/simclr_1x", many).count("'image/") == 5
    assert "there are 100, such as" in nearest("zzz", many)
    assert nearest("b", ["a", "bb"]) == "did you mean 'bb'? (there are: a, bb)"
