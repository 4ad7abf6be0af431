"""Calls as POSTs, and streams of events: what all clients of the v1 APIs share."""

from __future__ import annotations

import base64
import os
import ssl as tls
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Final, Generic, Literal, NamedTuple, Self, TypeAlias, TypeVar
from urllib.parse import urljoin, urlsplit

import aiohttp
from google.protobuf.message import Message

from mesos_compat.wire.media import ContentType, content_type_of, decode, encode
from mesos_compat.wire.recordio import Decoder
from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.aio.tls import context_of
from mesozoic.errors import CallLost, CallRefused, Unreachable

#: How messages are written. Protobuf is faster, JSON can be read in a capture.
Codec: TypeAlias = Literal["protobuf", "json"]

M = TypeVar("M", bound=Message)

_CONTENT_TYPES: Final[Mapping[str, ContentType]] = {
    "protobuf": ContentType.PROTOBUF,
    "json": ContentType.JSON,
}
_CONNECT_S: Final = 10.0
#: Any call that is no stream is answered by then; a state of a large cluster takes seconds.
_CALL_S: Final = 120.0
_REDIRECTS_MAX: Final = 5
_REDIRECTED: Final = (307, 308)
#: The state of a large cluster is the largest record.
_RECORD_BYTES_MAX: Final = 512 * 1024 * 1024
_READ_BYTES: Final = 1 << 20
#: Idle connections are closed before a server closes them under a call.
_KEEP_ALIVE_S: Final = 10.0
STREAM_ID: Final = "Mesos-Stream-Id"


class Answer(NamedTuple):
    """What a call was answered with."""

    status: int
    body: bytes
    content_type: ContentType | None
    # The last of the redirections.
    url: str

    @property
    def text(self) -> str:
        """The body of an error: a sentence."""
        return self.body.decode("utf-8", "replace")


class Transport:
    """One pool of connections, one way to authenticate, one codec.

    ``token`` is for ``Authorization: Bearer``. ``unix_socket`` is a path to connect to instead
    of whatever the URLs say.
    """

    def __init__(
        self,
        *,
        credential: mesos_pb2.Credential | None = None,
        token: str | None = None,
        ssl: tls.SSLContext | None = None,
        codec: Codec = "protobuf",
        unix_socket: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Raises :class:`~mesozoic.errors.BadEnvironment` when TLS by variables does not work."""
        self._tls = ssl or context_of(os.environ if environment is None else environment)
        self._unix_socket = unix_socket
        self.content_type = _CONTENT_TYPES[codec]
        kind = self.content_type.value
        self._headers = {"Content-Type": kind, "Accept": kind}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        elif credential is not None:
            pair = f"{credential.principal}:{credential.secret}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair).decode('ascii')}"
        self._session: aiohttp.ClientSession | None = None

    @property
    def is_tls(self) -> bool:
        """Whether hosts without a scheme are meant to be https."""
        return self._tls is not None

    async def open(self) -> None:
        """Be ready; may be called again."""
        if self._session is None:
            connector: aiohttp.BaseConnector
            if self._unix_socket is not None:
                connector = aiohttp.UnixConnector(self._unix_socket, limit=0)
            else:
                connector = aiohttp.TCPConnector(
                    limit=0, ssl=self._tls or True, keepalive_timeout=_KEEP_ALIVE_S
                )
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=timeout, read_bufsize=_READ_BYTES
            )

    async def close(self) -> None:
        """End all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def post(
        self,
        url: str,
        call: Message,
        *,
        headers: Mapping[str, str] | None = None,
        follows: bool = True,
        timeout_s: float | None = _CALL_S,
    ) -> Answer:
        """Make a call; any status is an answer.

        Raises :class:`~mesozoic.errors.Unreachable` when it was not sent, and
        :class:`~mesozoic.errors.CallLost` when that is not known.
        """
        timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=_CONNECT_S)
        body = encode(call, self.content_type)
        response, at = await self.request(url, body, headers or {}, timeout, follows=follows)
        try:
            async with response:
                data = await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise CallLost(f"{at}: {_why(error)}") from error
        return Answer(response.status, data, _type_of(response), at)

    async def subscribe(
        self,
        url: str,
        call: Message,
        cls: type[M],
        *,
        headers: Mapping[str, str] | None = None,
    ) -> EventStream[M]:
        """Make a call that is answered by a stream of records.

        Raises as :meth:`post`, and :class:`~mesozoic.errors.CallRefused` for any other status
        than 200.
        """
        body = encode(call, self.content_type)
        return await self.stream(url, body, cls, headers=headers)

    async def stream(
        self,
        url: str,
        body: bytes | AsyncIterator[bytes],
        cls: type[M],
        *,
        headers: Mapping[str, str] | None = None,
    ) -> EventStream[M]:
        """As :meth:`subscribe`, with a body that is encoded."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S)
        response, at = await self.request(url, body, headers or {}, timeout, follows=True)
        if response.status != 200:
            async with response:
                text = (await response.read()).decode("utf-8", "replace")
            raise CallRefused(response.status, text)
        inner = response.headers.get("Message-Content-Type", "")
        kind = content_type_of(inner) or _type_of(response) or self.content_type
        return EventStream(response, at, cls, kind)

    async def request(
        self,
        url: str,
        body: bytes | AsyncIterator[bytes],
        headers: Mapping[str, str],
        timeout: aiohttp.ClientTimeout,
        *,
        follows: bool,
    ) -> tuple[aiohttp.ClientResponse, str]:
        """POST, and again where it is redirected to; the response is the caller's to close."""
        if self._session is None:
            raise Unreachable("this client is not open")
        for _ in range(_REDIRECTS_MAX):
            try:
                response = await self._session.post(
                    url,
                    data=body,
                    headers={**self._headers, **headers},
                    timeout=timeout,
                    allow_redirects=False,
                )
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                raise Unreachable(f"{url}: {_why(error)}") from error
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                raise CallLost(f"{url}: {_why(error)}") from error
            location = response.headers.get("Location", "")
            if not (follows and response.status in _REDIRECTED and location):
                return response, url
            response.release()
            url = redirected(url, location)
        raise CallRefused(response.status, f"{url}: redirected in circles")


def redirected(url: str, location: str) -> str:
    """Where a ``Location`` points to; Mesos's are relative to the scheme: ``//host:port/path``.

    Raises :class:`~mesozoic.errors.CallRefused` where it leads from TLS to none.
    """
    target = urljoin(url, location)
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
        raise CallRefused(307, f"{url}: not following a redirection out of TLS, to {target}")
    return target


def _type_of(response: aiohttp.ClientResponse) -> ContentType | None:
    return content_type_of(response.headers.get("Content-Type", "").partition(";")[0].strip())


def _why(error: BaseException) -> str:
    return str(error) or type(error).__name__


class EventStream(Generic[M]):
    """Messages as they come. ``async with`` closes it."""

    def __init__(
        self, response: aiohttp.ClientResponse, url: str, cls: type[M], content_type: ContentType
    ) -> None:
        self._response = response
        self._cls = cls
        self._content_type = content_type
        self._decoder = Decoder(_RECORD_BYTES_MAX)
        #: Where the stream comes from, after redirections.
        self.url = url
        #: What calls of a scheduler must carry.
        self.stream_id = response.headers.get(STREAM_ID, "")

    async def read(self) -> list[M] | None:
        """The messages that the next bytes complete, often none or one; None at the end.

        Raises :class:`~mesozoic.errors.CallLost` when the connection breaks, or what comes is
        not a stream of such messages.
        """
        try:
            data = await self._response.content.readany()
            if not data:
                return None
            return [
                decode(record, self._content_type, self._cls) for record in self._decoder.feed(data)
            ]
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise CallLost(_why(error)) from error
        except ValueError as error:
            # Of the decoders.
            raise CallLost(f"what came is no {self._cls.DESCRIPTOR.full_name}: {error}") from error

    async def __aiter__(self) -> AsyncIterator[M]:
        while (messages := await self.read()) is not None:
            for message in messages:
                yield message

    def close(self) -> None:
        """Close the connection; whoever is at the other end notices."""
        self._response.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
