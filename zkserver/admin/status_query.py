"""Asking a running ZooKeeper server how it is, with its own four letter words.

Works against any server of the family. ``srvr`` alone is enough, because it is
the one word that is open by default; ``mntr`` adds details where it is allowed.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field

_ANSWER_BYTES_MAX = 4 * 1024 * 1024
_REFUSED = "is not executed because it is not in the whitelist"

# mntr keys that srvr does not know, with their names on the screen, in order.
_DETAILS = {
    "zk_global_sessions": "sessions",
    "zk_ephemerals_count": "ephemeral znodes",
    "zk_watch_count": "watches",
    "zk_approximate_data_size": "data bytes",
    "zk_uptime": "uptime ms",
    "zk_open_file_descriptor_count": "open files",
}
_SRVR_KEYS = {
    "Zookeeper version": "version",
    "Mode": "mode",
    "Zxid": "zxid",
    "Connections": "connections",
    "Outstanding": "outstanding",
    "Node count": "znodes",
    "Latency min/avg/max": "latency ms",
    "Received": "received",
    "Sent": "sent",
    "Proposal sizes last/min/max": "proposal bytes",
}


@dataclass(slots=True)
class ServerStatus:
    """What a server told, or why there is nothing to tell."""

    address: str
    serving: bool
    # Why it is not serving, or why details are missing; "" when all is well.
    problem: str = ""
    # Label and value as the server wrote it, in the order of the screen.
    details: dict[str, str] = field(default_factory=dict)

    def rows(self) -> list[tuple[str, str]]:
        """Label and value of every line to show."""
        shown = [("server", self.address), *self.details.items()]
        return [*shown, ("note", self.problem)] if self.problem else shown

    def facts(self) -> dict[str, object]:
        """The same for JSON: snake_case keys, whole numbers as numbers."""
        facts: dict[str, object] = {"address": self.address, "serving": self.serving}
        if self.problem:
            facts["problem"] = self.problem
        for label, value in self.details.items():
            number = value.removeprefix("-").isdecimal()
            facts[label.replace(" ", "_")] = int(value) if number else value
        return facts


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``, ``HOST`` (2181), ``[IPV6]:PORT`` or ``:PORT`` (this host).

    Raises ``ValueError`` saying what is expected.
    """
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, "2181"
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text}: an IPv6 address stands in brackets, as in [::1]:2181")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{text} must be HOST:PORT with a port from 1 to 65535")
    return host or "127.0.0.1", int(port)


def ask(host: str, port: int, word: str, timeout_s: float) -> str:
    """The answer to one four letter word, waited for at most ``timeout_s``.

    Raises ``OSError`` (``TimeoutError`` included) when there is no answer.
    """
    deadline = time.monotonic() + timeout_s
    received = bytearray()
    with socket.create_connection((host, port), timeout=timeout_s) as connection:
        connection.sendall(word.encode())
        while len(received) < _ANSWER_BYTES_MAX:
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                chunk = connection.recv(65536)
            except ConnectionResetError:
                # Some servers close before all that was sent to them has been read.
                break
            if not chunk:
                break
            received += chunk
    return received.decode("utf-8", "replace")


def query_status(host: str, port: int, timeout_s: float) -> ServerStatus:
    """Ask ``srvr``, and ``mntr`` or ``ruok`` where they help. Never raises for the network."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        answer = ask(host, port, "srvr", timeout_s)
        if answer.startswith("Zookeeper version:"):
            status = ServerStatus(address, True, details=_read_srvr(answer))
            monitor = ask(host, port, "mntr", timeout_s)
            status.details.update(_read_mntr(monitor))
            if _REFUSED in monitor:
                status.problem = "more details need mntr in 4lw.commands.whitelist"
            return status
        if _REFUSED in answer:
            return _ask_ruok(address, host, port, timeout_s)
    except TimeoutError:
        return ServerStatus(address, False, f"did not answer within {timeout_s:g} s")
    except OSError as error:
        return ServerStatus(address, False, f"cannot be reached: {error.strerror or error}")
    if "not currently serving requests" in answer:
        return ServerStatus(address, False, "is running but not serving (no quorum, or starting)")
    return ServerStatus(address, False, "answers, but not as a ZooKeeper server does")


def _ask_ruok(address: str, host: str, port: int, timeout_s: float) -> ServerStatus:
    if ask(host, port, "ruok", timeout_s) == "imok":
        return ServerStatus(address, True, "details need srvr in 4lw.commands.whitelist")
    return ServerStatus(
        address, False, "allows neither srvr nor ruok (4lw.commands.whitelist), so who knows"
    )


def _read_srvr(answer: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in answer.splitlines():
        key, colon, value = line.partition(":")
        if colon and key in _SRVR_KEYS:
            found[_SRVR_KEYS[key]] = value.strip()
    return {label: found[label] for label in _SRVR_KEYS.values() if label in found}


def _read_mntr(answer: str) -> dict[str, str]:
    found = dict(line.split("\t", 1) for line in answer.splitlines() if "\t" in line)
    return {label: found[key] for key, label in _DETAILS.items() if key in found}
