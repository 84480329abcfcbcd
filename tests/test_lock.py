"""One run in a folder at a time; the lock of a process that is gone is taken over."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from jssl.errors import UserError
from jssl.runs import lock


def leave(folder: Path, holder: lock.Holder) -> Path:
    """Leaves the lock of a holder in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / lock.FILE
    path.write_text(json.dumps(dataclasses.asdict(holder)))
    return path


def test_a_second_run_is_refused_and_the_folder_is_left_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "run"
    with lock.hold(folder) as held:
        held.check()
        with (
            pytest.raises(UserError, match=rf"another run writes to {folder} \(process \d+ on"),
            lock.hold(folder),
        ):
            pass
        held.check()
        assert [path.name for path in folder.iterdir()] == [lock.FILE]
    assert not (tmp_path / "a").exists(), "an empty folder that the lock has made is removed"
    with lock.hold(folder):
        (folder / "run.json").write_text("{}")
    assert [path.name for path in folder.iterdir()] == ["run.json"]


def test_another_process_that_lives_is_refused_and_taken_over_once_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from jssl.runs import lock\n"
        "with lock.hold(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "held\n"
    with pytest.raises(UserError, match=f"process {other.pid} on"), lock.hold(tmp_path):
        pass
    other.kill()
    said = []
    if Path("/proc/self/stat").exists():  # it is not yet waited for: a zombie has ended, too
        while lock._stat(other.pid)[0] != "Z":
            pass
    else:
        other.wait()
    with lock.hold(tmp_path, log=said.append):
        pass
    other.wait()
    other.stdout.close()
    assert len(said) == 1
    assert f"process {other.pid} on" in said[0] and "taken over" in said[0]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
def test_a_process_number_that_was_given_again_is_not_mistaken(tmp_path: Path) -> None:
    mine = lock.this_process()
    assert lock.is_alive(mine)
    for change in ({"began": "1"}, {"boot": "another-start " + mine.boot.split()[1]}):
        leave(tmp_path, dataclasses.replace(mine, **change))
        said = []
        with lock.hold(tmp_path, log=said.append):
            pass
        assert len(said) == 1


def test_another_machine_or_container_is_refused_with_the_file_to_remove(tmp_path: Path) -> None:
    mine = lock.this_process()
    for change in ({"host": "elsewhere"}, {"boot": mine.boot.split()[0] + " pid:[1]"}):
        path = leave(tmp_path, dataclasses.replace(mine, pid=1, **change))
        before = path.read_text()
        with (
            pytest.raises(UserError, match=rf"cannot see .* remove {re.escape(str(path))}"),
            lock.hold(tmp_path),
        ):
            pass
        assert path.read_text() == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}', "\x00"])
def test_a_damaged_lock_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / lock.FILE
    path.write_text(text)
    with pytest.raises(UserError, match=r"lock\.json is damaged"), lock.hold(tmp_path):
        pass
    assert path.read_text() == text


def test_a_folder_that_is_removed_or_taken_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with lock.hold(folder) as held:
        shutil.rmtree(folder)
        with pytest.raises(UserError, match=f"{folder} was removed while the run"):
            held.check()
    assert not folder.exists()
    with lock.hold(folder) as held:
        leave(folder, dataclasses.replace(lock.this_process(), host="elsewhere"))
        with pytest.raises(UserError, match=r"taken over by another run \(process \d+ on elsew"):
            held.check()
    assert (folder / lock.FILE).exists(), "another's lock is not removed"


def test_of_many_at_once_one_gets_it(tmp_path: Path) -> None:
    leave(tmp_path, dataclasses.replace(lock.this_process(), began="1"))
    start, held, refused, release = threading.Barrier(8), [], [], threading.Event()

    def attempt() -> None:
        start.wait()
        try:
            with lock.hold(tmp_path, log=lambda line: None):
                held.append(1)
                release.wait(10)
        except UserError as error:
            refused.append(str(error))
            if len(refused) == 7:
                release.set()

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(held), len(refused)) == (1, 7)


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file; --workdir names a folder"):
        lock.hold(tmp_path / "file").__enter__()
    assert os.listdir(tmp_path) == ["file"]
