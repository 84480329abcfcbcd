"""A lock that allows one run at a time in a folder and names the process that holds it.

The lock is a file, not a lock of the operating system, so that it also works on network file
systems and is human-readable. A killed process leaves it behind; the next run on the same machine
detects this and takes the lock over.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import platform
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from jssl.errors import UserError

FILE = "lock.json"


@dataclasses.dataclass(frozen=True)
class Holder:
    """The process that holds a lock.

    Attributes:
      host: name of its machine.
      boot: identifies the machine's boot and its process namespace (a container has its own); "" if
        the system does not report them.
      pid: its process number.
      began: when the process began, as the system reports it, so that a later process with the same
        number is not mistaken for it; "" if the system does not report it.
      since: local time at which the lock was taken.
    """

    host: str
    boot: str
    pid: int
    began: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"


def this_process() -> Holder:
    """This process as a holder."""
    pid = os.getpid()
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    return Holder(platform.node(), _boot(), pid, _began(pid), now)


def is_alive(holder: Holder) -> bool | None:
    """Whether a process is still running; None if this machine cannot determine it.

    Args:
      holder: of a lock.

    Returns:
      True or False for a process of this machine, None for one of another machine or container.
    """
    if holder.host != platform.node():
        return None
    here, there = _boot().split(), holder.boot.split()
    if here and there:
        if here[0] != there[0]:
            return False  # the machine was started anew since
        if here != there:
            return None
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it runs, as another user
    if _zombie(holder.pid):
        return False
    began = _began(holder.pid)
    return not (began and holder.began) or began == holder.began


class Lock:
    """A lock that this process holds.

    Args:
      path: of the lock's file.
      holder: this process.
    """

    def __init__(self, path: Path, holder: Holder) -> None:
        self._path = path
        self._holder = holder

    def check(self) -> None:
        """Checks that the folder still exists and still belongs to this run.

        Raises:
          UserError: if the folder was removed, or another process has taken the lock.
        """
        holder = _read(self._path)
        if holder == self._holder:
            return
        if holder is not None:
            raise UserError(
                f"{self._path.parent} was taken over by another run ({holder}); this one stops"
            )
        if not self._path.parent.is_dir():
            raise UserError(
                f"the run's folder {self._path.parent} was removed while the run was writing to "
                "it: the run stops, and nothing of it is left there; the same command starts again"
            )
        raise UserError(
            f"{self._path} was removed or damaged during the run, perhaps with all of the run's "
            "folder: the run stops, because another one may write there; the same command goes on "
            "from the newest checkpoint that is left"
        )

    def release(self) -> None:
        """Removes the file if it still belongs to this process."""
        if _read(self._path) == self._holder:
            self._path.unlink(missing_ok=True)


@contextlib.contextmanager
def hold(folder: Path, *, log: Callable[[str], None] = print) -> Iterator[Lock]:
    """Holds the lock of a run's folder, which is created if it is missing.

    Args:
      folder: the run's.
      log: prints a line if the lock of a dead process is taken over.

    Yields:
      The lock.

    Raises:
      UserError: if another process holds it, or the folder cannot be written.
    """
    folder = Path(folder)
    made = _make(folder)
    mine = this_process()
    path = folder / FILE
    try:
        with _alone(folder):
            _take(path, mine, log)
    except OSError as error:
        _remove_empty(made)
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    lock = Lock(path, mine)
    _held.append(lock)
    try:
        yield lock
    finally:
        _held.remove(lock)
        with contextlib.suppress(OSError):
            lock.release()
        _remove_empty(made)


def _take(path: Path, mine: Holder, log: Callable[[str], None]) -> None:
    if path.exists():
        other = _read(path)
        if other is None:
            raise UserError(
                f"{path} is damaged, so there is no telling which process writes to that folder: "
                f"make sure that none does, and remove {path}"
            )
        alive = is_alive(other)
        if alive:
            raise UserError(
                f"another run writes to {path.parent} ({other}): wait for it or stop it, or "
                "choose another --workdir"
            )
        if alive is None:
            raise UserError(
                f"another run writes to {path.parent} ({other}), and this machine, "
                f"{mine.host}, cannot see whether it still runs: if that machine is gone, or the "
                f"run on it has ended, remove {path} and give the same command again"
            )
        log(f"the lock of a run that has ended without removing it is taken over ({other})")
        path.unlink()
    partial = path.with_name(f"{path.name}.{mine.host}.{mine.pid}")
    partial.write_text(json.dumps(dataclasses.asdict(mine), indent=1) + "\n")
    try:
        os.link(partial, path)  # fails if another process has been quicker
    except FileExistsError:
        raise UserError(
            f"another run has just begun to write to {path.parent} ({_read(path)}): wait for it "
            "or stop it, or choose another --workdir"
        ) from None
    except OSError:  # a file system without links
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _read(path: Path) -> Holder | None:
    try:
        values = json.loads(path.read_text())
        return Holder(
            *(str(values[name]) for name in ("host", "boot")),
            int(values["pid"]),
            *(str(values[name]) for name in ("began", "since")),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


_held: list[Lock] = []
_threads = threading.Lock()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps two processes of one machine from taking over the same stale lock at once."""
    with _threads:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            with contextlib.suppress(ImportError, OSError):  # not on every system or file system
                import fcntl

                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _make(folder: Path) -> list[Path]:
    """Creates a folder and its parents; returns those that were missing, innermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; --workdir names a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror}") from error
    return missing


def _remove_empty(folders: list[Path]) -> None:
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _boot() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _stat(pid: int) -> list[str]:
    """The fields of Linux's record of a process from its state on; [] on other systems."""
    try:
        # The field before is the program's name in brackets, and may have spaces in it.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _zombie(pid: int) -> bool:
    """Whether a process has ended but has not been reaped by its parent."""
    return _stat(pid)[:1] in (["Z"], ["X"])


def _began(pid: int) -> str:
    fields = _stat(pid)
    if len(fields) > 19:
        return fields[19]
    with contextlib.suppress(OSError):
        done = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        return done.stdout.strip()
    return ""


def release_all() -> None:
    """Releases the locks of this process before it exits without unwinding."""
    for lock in list(_held):
        with contextlib.suppress(OSError):
            lock.release()
