"""Running one check: a command, an HTTP GET or a connection by TCP.

Each runs in a thread of its own, since all of it blocks, and ends within its timeout.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from mesos_compat.errors import DecodeError
from mesos_compat.executors import processes
from mesos_compat.executors.actions import CommandProbe, HttpProbe, RunCheck, TcpProbe
from mesos_compat.executors.events import Checked, Event
from mesos_compat.executors.killing import SIGKILL

_MS_PER_SECOND: Final = 1_000
_HEAD_BYTES_MAX: Final = 64 * 1024
_REDIRECTS_MAX: Final = 50
_REDIRECTIONS: Final = (301, 302, 303, 307, 308)
_PORTS: Final = {"http": 80, "https": 443}
_EXIT_CODE_SHIFT: Final = 8


class CheckFailedError(Exception):
    """A check has no result; the message says why."""


class _Deadline:
    """Until when a check may take; None is for ever."""

    def __init__(self, timeout_ms: int | None) -> None:
        self._at_s = None
        if timeout_ms is not None:
            self._at_s = time.monotonic() + timeout_ms / _MS_PER_SECOND

    def left_s(self) -> float | None:
        """What may still pass. Raises ``TimeoutError`` when that is nothing, as sockets do."""
        if self._at_s is None:
            return None
        left = self._at_s - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left


def start(action: RunCheck, environment: Mapping[str, str], put: Callable[[Event], None]) -> None:
    """Run a check; ``environment`` is what a command of it has besides its own."""

    def run() -> None:
        try:
            put(Checked(action.check, _run(action, environment)))
        except (CheckFailedError, OSError, DecodeError) as error:
            put(Checked(action.check, None, str(error) or type(error).__name__))

    name = f"{action.check.kind.value} {action.check.run}"
    threading.Thread(target=run, name=name, daemon=True).start()


def _run(action: RunCheck, environment: Mapping[str, str]) -> int:
    match action.probe:
        case CommandProbe():
            return run_command(action.probe, environment, action.timeout_ms)
        case HttpProbe():
            return http_status(action.probe, action.timeout_ms)
        case TcpProbe():
            return int(tcp_connects(action.probe, action.timeout_ms))


def run_command(probe: CommandProbe, environment: Mapping[str, str], timeout_ms: int | None) -> int:
    """The exit code of a command. Raises :class:`CheckFailedError`."""
    try:
        child = processes.spawn(probe.command, {**environment, **probe.environment})
    except OSError as error:
        processes.complain(probe.command, error)
        return processes.CANNOT_EXECUTE >> _EXIT_CODE_SHIFT
    timed_out = threading.Event()

    def stop() -> None:
        timed_out.set()
        child.signal(SIGKILL)

    timer = None
    if timeout_ms is not None:
        timer = threading.Timer(timeout_ms / _MS_PER_SECOND, stop)
        timer.daemon = True
        timer.start()
    status = child.wait()
    if timer is not None:
        timer.cancel()
    if timed_out.is_set():
        raise CheckFailedError(f"Command timed out after {timeout_ms} ms")
    if status & 0x7F:
        raise CheckFailedError(f"Command was ended by signal {status & 0x7F}")
    return status >> _EXIT_CODE_SHIFT


def tcp_connects(probe: TcpProbe, timeout_ms: int | None) -> bool:
    """Whether somebody accepts a connection. Raises :class:`CheckFailedError`."""
    try:
        left_s = _Deadline(timeout_ms).left_s()
        socket.create_connection((probe.host, probe.port), left_s).close()
    except TimeoutError as error:
        raise CheckFailedError(f"TCP connection timed out after {timeout_ms} ms") from error
    except OSError:
        return False
    return True


def http_status(probe: HttpProbe, timeout_ms: int | None) -> int:
    """The status of a GET behind all redirections. Raises :class:`CheckFailedError`."""
    deadline = _Deadline(timeout_ms)
    try:
        for _ in range(_REDIRECTS_MAX + 1):
            status, location = _get(probe, deadline)
            if status not in _REDIRECTIONS or not location:
                return status
            probe = _redirected(probe, location)
    except TimeoutError as error:
        raise CheckFailedError(f"HTTP request timed out after {timeout_ms} ms") from error
    raise CheckFailedError(f"More than {_REDIRECTS_MAX} redirections")


def _get(probe: HttpProbe, deadline: _Deadline) -> tuple[int, str]:
    """The status and where the resource is instead, if anywhere."""
    connection = socket.create_connection((probe.host, probe.port), deadline.left_s())
    try:
        if probe.scheme == "https":
            connection = _wrap(connection, probe.host)
        host = f"[{probe.host}]" if ":" in probe.host else probe.host
        request = (
            f"GET {probe.path} HTTP/1.1\r\nHost: {host}:{probe.port}\r\n"
            "User-Agent: mesos-health-check\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        )
        connection.settimeout(deadline.left_s())
        connection.sendall(request.encode())
        head = bytearray()
        while b"\r\n\r\n" not in head:
            connection.settimeout(deadline.left_s())
            piece = connection.recv(_HEAD_BYTES_MAX)
            head += piece
            if not piece or len(head) > _HEAD_BYTES_MAX:
                break
    finally:
        connection.close()
    return _read_status(bytes(head))


def _read_status(head: bytes) -> tuple[int, str]:
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(None, 2)
    if len(parts) < 2 or not parts[0].startswith("HTTP/") or not parts[1].isdigit():
        raise CheckFailedError("The answer is not HTTP")
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if name.strip().lower() == "location":
            return int(parts[1]), value.strip()
    return int(parts[1]), ""


def _redirected(probe: HttpProbe, location: str) -> HttpProbe:
    from urllib.parse import urljoin, urlsplit

    host = f"[{probe.host}]" if ":" in probe.host else probe.host
    target = urlsplit(urljoin(f"{probe.scheme}://{host}:{probe.port}{probe.path}", location))
    try:
        port = target.port or _PORTS[target.scheme]
    except (KeyError, ValueError) as error:
        raise CheckFailedError(f"Cannot follow the redirection to '{location}'") from error
    path = target.path or "/"
    if target.query:
        path += f"?{target.query}"
    return HttpProbe(target.scheme, target.hostname or probe.host, port, path)


def _wrap(plain: socket.socket, host: str) -> socket.socket:
    """TLS without asking who it is: the check is for this very task."""
    import ssl

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=host)
