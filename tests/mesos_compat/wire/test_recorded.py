"""What a real Mesos sent is read, and printed again as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf.message import Message

from mesos_compat.errors import DecodeError
from mesos_compat.wire.json_dialect import dumps, encode_value, loads, parse, to_value
from mesos_compat.wire.media import ContentType, decode, encode
from mesos_compat.wire.recordio import Decoder
from tests.mesos_compat.wire import recorded
from tests.mesos_compat.wire.recorded import GOLDEN, as_ours, name_of

EXCHANGES = recorded.exchanges()
API = {
    case: (request, response)
    for case, (request, response) in EXCHANGES.items()
    if request.first_line.startswith("POST /api/v1") and response.body
}
ANSWERS = {
    case: exchange
    for case, exchange in API.items()
    if exchange[1].headers.get("Content-Type") == "application/json"
}
REFUSALS = {
    case: exchange
    for case, exchange in API.items()
    if exchange[1].body.startswith((b"Failed to parse", b"Failed to convert"))
}
STREAMS = sorted(GOLDEN.rglob("*.jsonstream"))
PROTOBUF = sorted(GOLDEN.rglob("*.event.pb"))
PROTOBUF_ANSWERS = sorted(
    path for path in GOLDEN.rglob("*-protobuf.res") if path.with_suffix(".decoded.json").exists()
)


def expected(text: bytes) -> str:
    """Recorded JSON as we print it.

    Mesos's algorithm for doubles, Grisu2, does not always take those of the shortest digits that
    are nearest: the digits are ours here, and that the values are the same is another test.
    """
    return encode_value(as_ours(parse(text)))


def test_there_are_recordings_of_each_kind() -> None:
    assert len(recorded.events()) > 20
    assert len(ANSWERS) > 20
    assert len(REFUSALS) > 8
    assert len(PROTOBUF) > 5
    assert len(PROTOBUF_ANSWERS) > 5
    assert STREAMS


@pytest.mark.parametrize("path", recorded.events(), ids=name_of)
def test_event_is_printed_as_it_was(path: Path) -> None:
    assert dumps(loads(path.read_bytes(), recorded.event_class(path))) == expected(
        path.read_bytes()
    )


@pytest.mark.parametrize("path", STREAMS, ids=name_of)
def test_events_of_a_stream_are_printed_as_they_were(path: Path) -> None:
    stream = path.read_bytes()
    records = Decoder(1 << 20).feed(stream)
    assert sum(len(record) + len(str(len(record))) + 1 for record in records) == len(stream)
    for record in records:
        assert dumps(loads(record, recorded.event_class(path))) == expected(record)


@pytest.mark.parametrize("case", ANSWERS)
def test_answer_is_printed_as_it_was(case: str) -> None:
    request, response = ANSWERS[case]
    message = loads(response.body, recorded.response_class(request))
    assert dumps(message) == expected(response.body)
    assert encode_value(to_value(message)) == dumps(message)


@pytest.mark.parametrize("case", ANSWERS)
def test_plain_values_of_an_answer_are_printed_as_they_were(case: str) -> None:
    text = ANSWERS[case][1].body.decode()
    printed = encode_value(parse(text))
    assert parse(printed) == parse(text)
    # The order of members and all spelling; digits may differ, their number does not.
    assert len(printed) == len(text)


@pytest.mark.parametrize("case", REFUSALS)
def test_bad_body_is_refused_in_the_same_words(case: str) -> None:
    request, response = REFUSALS[case]
    content_type = ContentType(request.headers["Content-Type"])
    with pytest.raises(DecodeError) as error:
        decode(request.body, content_type, recorded.call_class(request))
    assert str(error.value) == response.body.decode()


ACCEPTED = ("no-type", "unknown-type", "unknown-field", "type-unknown-enum-0")


@pytest.mark.parametrize("case", ACCEPTED)
def test_body_that_mesos_refuses_only_later_is_read(case: str) -> None:
    request, _ = EXCHANGES[f"scheduler-http/{case}"]
    call = decode(request.body, ContentType.JSON, recorded.call_class(request))
    has_type = case not in ("no-type", "unknown-type")
    assert call.HasField("type") is has_type


def same(message: Message, described: bytes) -> bool:
    """Whether a message prints as does its description, made with the ``.proto`` files of 1.11."""
    return dumps(message) == dumps(loads(described, type(message)))


@pytest.mark.parametrize("path", PROTOBUF, ids=name_of)
def test_protobuf_event_is_what_its_description_says(path: Path) -> None:
    message = decode(path.read_bytes(), ContentType.PROTOBUF, recorded.event_class(path))
    assert same(message, path.with_suffix(".decoded.json").read_bytes())
    assert decode(encode(message, ContentType.PROTOBUF), ContentType.PROTOBUF, type(message)) == (
        message
    )


@pytest.mark.parametrize("path", PROTOBUF_ANSWERS, ids=name_of)
def test_protobuf_answer_is_what_its_description_says(path: Path) -> None:
    cls = recorded.response_class(recorded.http(path.with_suffix(".req")))
    message = decode(recorded.http(path).body, ContentType.PROTOBUF, cls)
    assert same(message, path.with_suffix(".decoded.json").read_bytes())
