"""Which handler a path belongs to: the longest prefix that has one.

libprocess trims a path from the right until it finds a route, so ``/api/v1/operator`` is served
by ``/api/v1`` and ``/quota/role`` by ``/quota``. The routes of the process that a program
is about are found with and without its name. Paths that end in ``.json`` are those of Mesos
before 1.0, which tools still ask for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from mesos_compat.http.answers import Answer, FileAnswer
    from mesos_compat.http.requests import Request
    from mesos_compat.http.streams import RecordStream

Handler = Callable[["Request"], Awaitable["Answer | FileAnswer | RecordStream"]]

_OLD_SUFFIX: Final = ".json"


@dataclass(frozen=True, slots=True)
class Route:
    """A path, who answers there, and who may ask.

    ``realm`` names the credentials that are asked for; None lets everybody in.
    """

    path: str
    handler: Handler
    realm: str | None
    #: Whether it is the program's own process that has it, and not one beside.
    is_own: bool


class Routes:
    """The routes of a program whose process is called ``process`` (``master``, ``slave(1)``)."""

    def __init__(self, process: str) -> None:
        self._process = process
        self._routes: dict[tuple[str, ...], Route] = {}

    def add(
        self, path: str, handler: Handler, realm: str | None = None, *, is_own: bool = True
    ) -> None:
        """Let ``handler`` answer at ``path`` and below, where no longer path is known."""
        route = Route(path, handler, realm, is_own)
        parts = _parts(path)
        self._routes[parts] = route
        if is_own:
            self._routes[(self._process, *parts)] = route

    def find(self, path: str) -> tuple[Route, str] | None:
        """The route for a path as it was sent, and what of the path lies behind it."""
        parts = _parts(path)
        found = self._longest(parts)
        if parts and parts[-1].endswith(_OLD_SUFFIX):
            old = self._longest((*parts[:-1], parts[-1].removesuffix(_OLD_SUFFIX)))
            # A route of its own goes before an old name of another one.
            if old is not None and (found is None or old[1] == ""):
                return old
        return found

    def _longest(self, parts: tuple[str, ...]) -> tuple[Route, str] | None:
        for length in range(len(parts), 0, -1):
            route = self._routes.get(parts[:length])
            if route is not None:
                return route, "/".join(parts[length:])
        root = self._routes.get(())
        return (root, "") if root is not None and not parts else None

    @property
    def paths(self) -> list[str]:
        """All paths, without those that only have the process's name in front."""
        return sorted({route.path for route in self._routes.values()})


def _parts(path: str) -> tuple[str, ...]:
    return tuple(unquote(part) for part in path.split("/") if part)
