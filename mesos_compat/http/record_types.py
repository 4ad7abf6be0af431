"""Which types the bodies of the agent's operator API have, streams of records among them.

Source: ``Http::api`` of Mesos's agent. A body of ``application/recordio`` is a stream of
messages, whose type is said by a header of its own.
"""

from __future__ import annotations

from typing import Final

from mesos_compat.http.answers import Answer, told
from mesos_compat.http.conversations import StreamForm
from mesos_compat.http.requests import MESSAGES, Request
from mesos_compat.wire.media import ContentType, accepts, content_type_of

CONTENT: Final = "Message-Content-Type"
ACCEPT: Final = "Message-Accept"
_NAMES: Final = " or ".join(one.value for one in MESSAGES)


def request_form(request: Request) -> StreamForm | Answer:
    """What the request's body is; with a media type it is a stream."""
    header = request.header("Content-Type")
    if header is None:
        return told(400, "Expecting 'Content-Type' to be present")
    found = content_type_of(header)
    if found is None:
        return told(415, f"Expecting 'Content-Type' of {_NAMES} or {ContentType.RECORDIO.value}")
    inner = request.header(CONTENT)
    if found is not ContentType.RECORDIO:
        if inner is not None:
            return told(415, f"Expecting '{CONTENT}' to be not set for non-streaming requests")
        return StreamForm(found)
    if inner is None:
        return told(400, f"Expecting '{CONTENT}' to be set for streaming requests")
    message_type = content_type_of(inner)
    if message_type is None or message_type is ContentType.RECORDIO:
        return told(415, f"Expecting '{CONTENT}' of {_NAMES}")
    return StreamForm(message_type, ContentType.RECORDIO.value)


def answer_form(request: Request) -> StreamForm | Answer:
    """What the answer may be; with a media type it is a stream."""
    found = accepts(request.header("Accept"), (*MESSAGES, ContentType.RECORDIO))
    if found is None:
        names = ", ".join(f"'{one.value}'" for one in (*MESSAGES, ContentType.RECORDIO))
        return told(406, f"Expecting 'Accept' to allow one of {names}")
    inner = request.header(ACCEPT)
    if found is not ContentType.RECORDIO:
        if inner is not None:
            return told(406, f"Expecting '{ACCEPT}' to be not set for non-streaming responses")
        return StreamForm(found)
    message_type = accepts(inner, MESSAGES)
    if message_type is None:
        return told(406, f"Expecting '{ACCEPT}' to allow {_NAMES}")
    return StreamForm(message_type, ContentType.RECORDIO.value, {CONTENT: message_type.value})
