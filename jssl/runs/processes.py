"""Several processes of one run: how they connect, and how they detect that one has ended.

JAX's own heartbeat considers a process dead after 100 seconds and then ends the others from C++.
Here each process keeps a connection to process 0, which the operating system closes as soon as a
process ends, for whatever reason; an unreachable machine is detected by TCP keep-alive probes.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import os
import secrets
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from jssl.errors import Interrupted, UserError
from jssl.runs import lock

T = TypeVar("T")
LOST = 4  # exit status of a process that leaves because another one has ended
_SETTLE_SECONDS = 3.0  # an error may be the first sign that another process has ended
_CONNECT_SECONDS = 60.0
_PROBE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}  # seconds, seconds, times
_BYE = b"\xff\xff\xff\xff"  # this process has done its part
_FAILED = b"\xff\xff\xff\xfe"  # it has an error of its own to print
_BIND = "JAX_COORDINATOR_BIND_ADDRESS"


@contextlib.contextmanager
def joined(
    coordinator: str | None, count: int | None, index: int | None, *, detect: bool
) -> Iterator[None]:
    """Connects the processes of a run, before JAX looks for devices.

    Inside the block, the end of one process ends all of them with a message; an error of this
    process is printed and ends it at once.

    Args:
      coordinator: HOST:PORT at which process 0 listens; None if `detect`.
      count: how many processes there are; None if `detect`.
      index: which one this is; None if `detect`.
      detect: take the other three from the TPU pod or Slurm.

    Raises:
      UserError: if the three are inconsistent, or the processes cannot connect.
    """
    named = (coordinator, count, index)
    if all(value is None for value in named) and not detect:
        yield
        return
    if None in named and not (detect and named == (None, None, None)):
        raise UserError("--coordinator, --processes and --process are given together")
    peers = _join(*named)
    try:
        yield
    except Interrupted:  # all were, and all have saved
        peers.bye()
        raise
    except BaseException as error:
        peers.settle()
        _tell(error)
        peers.leave(getattr(error, "status", 130 if isinstance(error, KeyboardInterrupt) else 1))
    peers.bye()


def first(action: Callable[[], T]) -> T | None:
    """Runs a function in process 0 only; if it fails, it fails in every process.

    Args:
      action: the function.

    Returns:
      What it returned in process 0; None in the others.

    Raises:
      UserError: in all processes, what it raised in process 0.
    """
    import jax

    if jax.process_count() == 1:
        return action()
    client = _client()
    key = f"jssl/first/{next(_keys)}"
    if jax.process_index():
        said = client.blocking_key_value_get(key, int(1000 * 10 * _CONNECT_SECONDS))
        if said != "done":
            raise UserError(said)
        return None
    try:
        done = action()
    except UserError as error:
        client.key_value_set(key, str(error))
        raise
    client.key_value_set(key, "done")
    return done


def bind_address(coordinator: str) -> str:
    """The address at which process 0 listens: only the one that the others connect to.

    A host name that /etc/hosts of this machine maps to loopback would exclude the other machines;
    in that case all interfaces are used, and a message says so.

    Args:
      coordinator: HOST:PORT.

    Returns:
      HOST:PORT for JAX.

    Raises:
      UserError: if it is not an address of this machine with a free port.
    """
    chosen = os.environ.get(_BIND, coordinator)
    host, _, port = chosen.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise UserError(f"{chosen!r} is not HOST:PORT, e.g. 10.0.0.1:1234, as --coordinator is")
    try:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
    except OSError as error:
        raise UserError(
            f"process 0 cannot listen on {chosen}: {error.strerror or error}; --coordinator names "
            "an address of the machine of process 0 and a free port (where the other machines see "
            f"it under another address, {_BIND} says where it listens)"
        ) from error
    local = all(ipaddress.ip_address(entry[4][0].split("%")[0]).is_loopback for entry in found)
    if local and host != "localhost" and not _is_literal(host):
        print(
            f"warning: {host} is this machine's loopback address in its own list of hosts, so "
            "process 0 listens on all interfaces; give --coordinator an IP address instead",
            file=sys.stderr,
        )
        return f"[::]:{port}"
    return chosen


class _Peers:
    """The connections by which processes detect each other's end.

    Args:
      index: of this process.
      count: of all.
      host: of process 0, for the connections.
      early: open files with low descriptors, to be replaced by the connections of process 0. The
        system closes the files of a killed process in this order, so that the others learn of its
        end here before JAX does and ends them with its own message.
    """

    def __init__(self, index: int, count: int, host: str, early: list[int]) -> None:
        self.index, self.count, self.host, self._early = index, count, host, early
        self._sockets: dict[int, socket.socket] = {}
        self._done = self._failed = False
        self._leaving = threading.Lock()
        threading.Thread(target=self._listen if index == 0 else self._connect, daemon=True).start()

    def settle(self) -> None:
        """Waits briefly; if another process was killed, reports it and ends this process.

        Process 0 waits longest, since JAX ends the others when it exits.
        """
        self._failed = True
        self._send(_FAILED)
        time.sleep(_SETTLE_SECONDS + (self.index == 0))

    def bye(self) -> None:
        """Tells the other processes that this one has finished."""
        self._done = True
        self._send(_BYE)

    def leave(self, status: int) -> None:
        """Ends this process at once; a normal exit would wait in JAX for dead processes.

        Args:
          status: exit status.
        """
        self._leaving.acquire()
        lock.release_all()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)

    def _send(self, message: bytes) -> None:
        for peer in list(self._sockets.values()):
            with contextlib.suppress(OSError):
                peer.sendall(message)

    def _listen(self) -> None:
        family = socket.getaddrinfo(self.host, 0, type=socket.SOCK_STREAM)[0][0]
        server = socket.create_server((self.host, 0), family=family)
        with contextlib.suppress(OSError), server:
            token = secrets.token_hex(16)
            _client().key_value_set("jssl/watch", f"{server.getsockname()[1]} {token}")
            server.settimeout(_CONNECT_SECONDS)
            while len(self._sockets) < self.count - 1:
                peer, _ = server.accept()
                peer.settimeout(_CONNECT_SECONDS)
                said = _receive(peer, 36)
                if said[:32] != token.encode():
                    peer.close()
                    continue
                self._watch(int.from_bytes(said[32:], "big"), peer)

    def _connect(self) -> None:
        with contextlib.suppress(Exception):  # then JAX's heartbeat is what is left
            found = _client().blocking_key_value_get("jssl/watch", int(1000 * _CONNECT_SECONDS))
            port, token = found.split()
            peer = socket.create_connection((self.host, int(port)), _CONNECT_SECONDS)
            peer.sendall(token.encode() + self.index.to_bytes(4, "big"))
            self._watch(0, peer)

    def _watch(self, index: int, peer: socket.socket) -> None:
        peer.settimeout(None)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _PROBE.items():
            if hasattr(socket, name):
                peer.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        if self._early:
            low = self._early.pop()
            os.dup2(peer.fileno(), low, inheritable=False)
            peer.close()
            peer = socket.socket(fileno=low)
        self._sockets[index] = peer
        if self._done:
            peer.sendall(_BYE)
        threading.Thread(target=self._wait, args=(index, peer), daemon=True).start()

    def _wait(self, index: int, peer: socket.socket) -> None:
        """Process 0 listens to all others and informs them; they listen to process 0 only."""
        done, failed, lost = False, False, index
        while True:
            try:
                said = _receive(peer, 4)
            except OSError:
                said = b""
            if said == _BYE:
                done = True
            elif said == _FAILED:
                failed = True
            elif len(said) == 4:
                lost = int.from_bytes(said, "big")
                break
            else:
                break
        if (done or (failed and self._failed)) and lost == index:
            return  # it has done its part, or each has an error to print
        if not self._leaving.acquire(blocking=False):
            return
        if self.index == 0:
            self._send(lost.to_bytes(4, "big"))
        print(
            f"jssl: error: process {lost} of {self.count} has ended or its machine is out of "
            f"reach, so process {self.index} stops too; see what process {lost} printed last. The "
            "newest checkpoint is kept: the same commands, given again for all processes, go on "
            "from it",
            file=sys.stderr,
            flush=True,
        )
        lock.release_all()
        os._exit(LOST)


def _join(coordinator: str | None, count: int | None, index: int | None) -> _Peers:
    import jax
    from jax._src import clusters, distributed

    local = None
    if coordinator is None:
        try:
            found = clusters.ClusterEnv.auto_detect_unset_distributed_params(
                None, None, None, None, None, 300
            )
        except Exception as error:
            raise UserError(f"--distributed finds no cluster to join: {error}") from error
        coordinator, count, index, local = found
        if None in (coordinator, count, index):
            raise UserError(
                "--distributed finds neither a TPU pod nor Slurm, nor any other cluster that JAX "
                "knows; give --coordinator, --processes and --process"
            )
    if not index < count:
        raise UserError(f"--process {index}: with --processes {count} they are 0 to {count - 1}")
    bind = bind_address(coordinator) if index == 0 else None
    _bind_collectives(coordinator)
    early = [os.open(os.devnull, os.O_RDONLY) for _ in range(count - 1)] if index == 0 else []
    try:
        jax.distributed.initialize(coordinator, count, index, local, coordinator_bind_address=bind)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"process {index} of {count} could not join the others at {coordinator}: {reason}; all "
            "processes are started with the same --coordinator and --processes, and process 0 runs "
            "on that machine"
        ) from error
    listens = (bind or coordinator).rpartition(":")[0].strip("[]")
    assert distributed.global_state.client is not None
    return _Peers(index, count, listens, early)


def _bind_collectives(coordinator: str) -> None:
    """Makes CPU collectives listen on the interface that routes to process 0.

    By default Gloo uses the address of the machine's host name, which may be another interface.
    """
    from jax._src.lib import _jax

    host, _, port = coordinator.rpartition(":")
    make = getattr(_jax, "make_gloo_tcp_collectives", None)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_DGRAM
        )[0]
        with socket.socket(family, kind, protocol) as route:
            route.connect(address)  # sends nothing: asks the system for the way there
            mine = route.getsockname()[0]
    except (OSError, ValueError):
        return
    if make is not None and not isinstance(make, functools.partial):
        _jax.make_gloo_tcp_collectives = functools.partial(make, hostname=mine)


def _tell(error: BaseException) -> None:
    if isinstance(error, UserError):
        print(f"jssl: error: {error}", file=sys.stderr, flush=True)
    elif isinstance(error, KeyboardInterrupt):
        print("jssl: interrupted", file=sys.stderr, flush=True)
    else:
        traceback.print_exception(error)


def _receive(peer: socket.socket, size: int) -> bytes:
    said = b""
    while len(said) < size:
        part = peer.recv(size - len(said))
        if not part:
            break
        said += part
    return said


def _client() -> Any:
    from jax._src import distributed

    return distributed.global_state.client


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


_keys = iter(range(2**62))
