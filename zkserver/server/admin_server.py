"""The AdminServer and the port of Prometheus: a thread that sleeps until somebody asks.

The ports are bound at the start. aiohttp is imported when the first connection comes: a server
that nobody ever asks pays neither the memory nor the time. All answers are made in the server's
own thread, between two turns of its loop, so they are of one moment.

As with Apache's, a port that is taken is told in the log and stops nothing.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from typing import TYPE_CHECKING, Final

from zkserver.config import Config
from zkserver.log_output import log

if TYPE_CHECKING:
    import asyncio
    import ssl

    from aiohttp import web

    from zkserver.server.admin_desk import AdminDesk
    from zkserver.server.app import Server

_BACKLOG: Final = 16
_STOP_S: Final = 2.0


class AdminServer:
    """The ports, and the thread that serves them."""

    def __init__(self, server: Server) -> None:
        """Bind what the configuration asks for; raises ``StartError`` for bad certificates."""
        self.server = server
        config = server.config
        self.sockets: dict[str, socket.socket] = {}
        if config.admin_enabled:
            self._bind("AdminServer", config.admin_address, config.admin_port)
        if config.metrics_enabled:
            self._bind("Prometheus", config.metrics_address, config.metrics_port)
        self.tls = _tls_of(config)
        self._stop_read, self._stop_write = os.pipe()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="zkserver-admin", daemon=True)

    def _bind(self, what: str, address: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((address, port))
            bound.listen(_BACKLOG)
            bound.setblocking(False)
        except OSError as error:
            bound.close()
            log("warning", "not_served", what=what, port=port, why=error.strerror or str(error))
            return
        self.sockets[what] = bound

    @property
    def places(self) -> list[str]:
        """Where it is reached, one line for each port."""
        config, scheme = self.server.config, "http" if self.tls is None else "https"
        paths = {"AdminServer": (scheme, config.admin_url), "Prometheus": ("http", "/metrics")}
        lines = []
        for what, bound in self.sockets.items():
            host, port = bound.getsockname()[:2]
            host = f"[{host}]" if ":" in host else host
            lines.append(f"{what} at {paths[what][0]}://{host}:{port}{paths[what][1]}")
        return lines

    def start(self) -> None:
        """Serve from now on; does nothing without ports."""
        if self.sockets:
            self._thread.start()

    def stop(self) -> None:
        """Close the ports; answers under way are given up."""
        os.write(self._stop_write, b"\0")
        loop, stopping = self._loop, self._stopping
        if loop is not None and stopping is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(stopping.set)
        if self._thread.is_alive():
            self._thread.join(_STOP_S)
        for bound in self.sockets.values():
            bound.close()

    def _run(self) -> None:
        ports = [one.fileno() for one in self.sockets.values()]
        ready, _, _ = select.select([self._stop_read, *ports], [], [])
        if self._stop_read in ready:
            return
        import asyncio

        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001 - nothing of this may stop the server
            log("error", "admin_failed", why=f"{type(error).__name__}: {error}")

    async def _serve(self) -> None:
        import asyncio

        from aiohttp import web

        from zkserver.admin.http_api import AdminApi, metrics_application
        from zkserver.server.admin_desk import AdminDesk

        stopping = self._stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        config = self.server.config
        desk: AdminDesk = AdminDesk(self.server)
        applications: dict[str, web.Application] = {
            "AdminServer": AdminApi(desk, config.admin_url).application(),
            "Prometheus": metrics_application(desk),
        }
        runners = []
        for what, bound in self.sockets.items():
            runner = web.AppRunner(
                applications[what],
                access_log=None,
                keepalive_timeout=config.admin_idle_timeout_ms / 1000,
            )
            await runner.setup()
            tls = self.tls if what == "AdminServer" else None
            await web.SockSite(runner, bound, ssl_context=tls).start()
            runners.append(runner)
        if not select.select([self._stop_read], [], [], 0)[0]:
            await stopping.wait()
        for runner in runners:
            await runner.cleanup()


def _tls_of(config: Config) -> ssl.SSLContext | None:
    if not (config.admin_enabled and config.admin_force_https and config.quorum_tls):
        return None
    from dataclasses import replace

    from zkserver.tls.contexts import make_context

    wanted = "need" if config.admin_need_client_auth else "none"
    return make_context(replace(config.quorum_tls, client_auth=wanted), is_server=True)
