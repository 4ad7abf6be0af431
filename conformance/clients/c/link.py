"""A loopback TCP proxy between a client and a server that can be cut and mended.

A program in any language controls it over a second port, one line per order: ``cut``
closes every connection and turns new ones away, ``mend`` lets them through again. Each
order is answered by ``done`` once it holds, so a program knows that from there on no
byte passes (or may pass), and needs no waiting time.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

_CHUNK_BYTES = 65536


class Link:
    """The proxy; a context manager that carries bytes to ``target`` (``host:port``)."""

    def __init__(self, target: str) -> None:
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        # Guards the two below; an accepted connection is known before it is carried.
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._whole = True
        self._port = self._listen()
        self._control_port = self._listen()

    @staticmethod
    def _listen() -> socket.socket:
        return socket.create_server(("127.0.0.1", 0))

    @property
    def address(self) -> str:
        """``host:port`` for the client to use in place of the server's."""
        return f"127.0.0.1:{self._port.getsockname()[1]}"

    @property
    def control(self) -> str:
        """``host:port`` that takes the orders."""
        return f"127.0.0.1:{self._control_port.getsockname()[1]}"

    def cut(self) -> None:
        """Close all connections; new ones are closed as soon as they are made."""
        with self._lock:
            self._whole = False
            for conn in self._sockets:
                _shut(conn)
            self._sockets.clear()

    def mend(self) -> None:
        """Let new connections through again."""
        with self._lock:
            self._whole = True

    def __enter__(self) -> Self:
        self._start(self._accept)
        self._start(self._obey_all)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        for listener in (self._port, self._control_port):
            # Closing alone does not wake the thread that waits in accept.
            _shut(listener)
            listener.close()
        self.cut()

    @staticmethod
    def _start(job: object, *args: object) -> None:
        assert callable(job)
        threading.Thread(target=job, args=args, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._port.accept()
            except OSError:
                return
            self._start(self._carry, client)

    def _carry(self, client: socket.socket) -> None:
        with client, socket.socket() as server:
            with self._lock:
                if not self._whole:
                    return
                self._sockets |= {client, server}
            try:
                server.connect(self._target)
                for conn in (client, server):
                    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join()
            except OSError:
                # The server is gone or the link was cut: closing tells the client.
                pass
            finally:
                with self._lock:
                    self._sockets -= {client, server}

    def _obey_all(self) -> None:
        while True:
            try:
                conn, _ = self._control_port.accept()
            except OSError:
                return
            self._start(self._obey, conn)

    def _obey(self, conn: socket.socket) -> None:
        with conn, contextlib.suppress(OSError), conn.makefile("rw", encoding="ascii") as lines:
            for order in lines:
                {"cut": self.cut, "mend": self.mend}[order.strip()]()
                lines.write("done\n")
                lines.flush()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Copy until one side ends, then end both, as a router that lost a link would."""
    try:
        while chunk := source.recv(_CHUNK_BYTES):
            sink.sendall(chunk)
    except OSError:
        pass
    finally:
        _shut(source)
        _shut(sink)


def _shut(conn: socket.socket) -> None:
    with contextlib.suppress(OSError):
        conn.shutdown(socket.SHUT_RDWR)
