"""A request as handlers see it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import parse_qsl

from aiohttp import web

from mesos_compat.http.answers import Answer, method_not_allowed, told
from mesos_compat.wire.media import ContentType, accepts, content_type_of

#: What nearly all routes can answer in; JSON where the client does not mind.
MESSAGES = (ContentType.JSON, ContentType.PROTOBUF)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. ``value`` is the name; ``claims`` are those of an executor's token."""

    value: str | None
    claims: dict[str, str]


@dataclass(slots=True)
class Request:
    """One request. ``rest`` is what of the path lies behind the route's."""

    raw: web.Request
    rest: str = ""
    principal: Principal | None = None

    @property
    def method(self) -> str:
        """GET, POST, ..."""
        return self.raw.method

    @property
    def who(self) -> str | None:
        """The principal's name, if anybody has said one."""
        return self.principal.value if self.principal is not None else None

    def header(self, name: str) -> str | None:
        """A header, if it was sent; its name in any case."""
        return self.raw.headers.get(name)

    @property
    def query(self) -> dict[str, str]:
        """The parameters behind the path; of equal ones the last."""
        return dict(self.raw.query)

    @property
    def target(self) -> str:
        """Path and query as they were sent."""
        return self.raw.raw_path

    async def body(self) -> bytes:
        """All of the body."""
        return await self.raw.read()

    def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes, for requests that are streams."""
        return self.raw.content.iter_any()

    async def form(self) -> dict[str, str]:
        """The body of an older endpoint: ``name=value&...``."""
        text = (await self.body()).decode("utf-8", "replace")
        return dict(parse_qsl(text, keep_blank_values=True))


def only(request: Request, *methods: str) -> Answer | None:
    """A refusal, unless the request's method is one of these."""
    if request.method in methods:
        return None
    return method_not_allowed(methods, request.method)


def body_type(request: Request) -> ContentType | Answer:
    """JSON or protobuf, as ``Content-Type`` says; else what is answered."""
    header = request.header("Content-Type")
    if header is None:
        return told(400, "Expecting 'Content-Type' to be present")
    found = content_type_of(header)
    if found is None or found is ContentType.RECORDIO:
        names = " or ".join(one.value for one in MESSAGES)
        return told(415, f"Expecting 'Content-Type' of {names}")
    return found


def answer_type(request: Request) -> ContentType | Answer:
    """JSON or protobuf, as ``Accept`` likes it; else what is answered."""
    found = accepts(request.header("Accept"), MESSAGES)
    if found is None:
        return told(
            406,
            "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'",
        )
    return found
