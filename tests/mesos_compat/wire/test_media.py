"""Media types, and messages in either encoding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesos_compat.errors import DecodeError, InvariantBroken
from mesos_compat.wire.json_dialect import dumps
from mesos_compat.wire.media import ContentType, accepts, content_type_of, decode, encode
from mesos_compat.wire.v1 import agent_pb2, mesos_pb2, quota_pb2, scheduler_pb2
from tests.mesos_compat.wire.messages import messages

JSON, PROTOBUF, RECORDIO = ContentType.JSON, ContentType.PROTOBUF, ContentType.RECORDIO
BOTH = (JSON, PROTOBUF)


@pytest.mark.parametrize(
    ("header", "content_type"),
    [
        ("application/json", JSON),
        ("application/x-protobuf", PROTOBUF),
        ("application/recordio", RECORDIO),
        # As recorded: what is not exactly one of these is answered with 415.
        ("application/json; charset=utf-8", None),
        ("Application/JSON", None),
        ("text/plain", None),
        ("", None),
    ],
)
def test_content_type_is_compared_whole(header: str, content_type: ContentType | None) -> None:
    assert content_type_of(header) is content_type


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("application/x-protobuf", PROTOBUF),
        ("APPLICATION/X-Protobuf", PROTOBUF),
        ("text/html, application/x-protobuf", PROTOBUF),
        ("application/x-protobuf, application/json", JSON),
        ("application/x-protobuf, */*;q=0.8", PROTOBUF),
        ("application/x-protobuf;q=0.5, application/json;q=0.5", JSON),
        ("application/json;q=0.2;level=1 , application/x-protobuf ; q = 0.3", PROTOBUF),
        ("application/json;level=1", JSON),
        # What an entry of its own says counts before what a range says.
        ("application/json;q=0, */*", PROTOBUF),
        ("application/json;q=0.0, application/*;q=0", None),
        ("*/*;q=0", None),
        ("application/json;q=high", None),
        ("application/json;q=nan", None),
        ("text/plain", None),
        ("text/*", None),
        ("", None),
        (",;,", None),
    ],
)
def test_accept_header_chooses_what_it_likes_best(
    header: str | None, chosen: ContentType | None
) -> None:
    assert accepts(header, BOTH) is chosen


def test_of_equally_liked_types_the_first_candidate_is_chosen() -> None:
    assert accepts("*/*", (PROTOBUF, JSON)) is PROTOBUF
    assert accepts("application/recordio", BOTH) is None
    assert accepts("application/recordio", (*BOTH, RECORDIO)) is RECORDIO


@given(st.text("aplicton/json*;q=0.1, "))
def test_any_accept_header_has_an_answer(header: str) -> None:
    assert accepts(header, BOTH) in (None, *BOTH)


@given(messages(scheduler_pb2.Call), st.sampled_from(BOTH))
def test_message_comes_back_from_either_encoding(
    call: scheduler_pb2.Call, content_type: ContentType
) -> None:
    assert decode(encode(call, content_type), content_type, scheduler_pb2.Call) == call


@pytest.mark.parametrize(
    ("body", "content_type", "error"),
    [
        (b"{", JSON, "Failed to parse body into JSON: syntax error at line 1 near: "),
        (b"[]", JSON, "Failed to convert JSON into Call protobuf: Expecting a JSON object"),
        (b"\xff\xff", PROTOBUF, "Failed to parse body into Call protobuf"),
        # A KILL without the task that it requires.
        (b"\x32\x00", PROTOBUF, "Failed to parse body into Call protobuf"),
    ],
)
def test_error_is_the_whole_text_of_the_answer(
    body: bytes, content_type: ContentType, error: str
) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(body, content_type, scheduler_pb2.Call)
    assert str(caught.value) == error


def spoilt(message: bytes) -> bytes:
    """The same bytes with text that is not UTF-8 where there was a word of this length."""
    assert message.count(b"SPOIL") == 1
    return message.replace(b"SPOIL", b"ab\xffcd")


def test_text_that_is_not_utf8_is_refused_wherever_it_is() -> None:
    task = mesos_pb2.TaskInfo(name="n", task_id={"value": "SPOIL"}, agent_id={"value": "a"})
    listed = mesos_pb2.Value.Set(item=["ok", "SPOIL"])
    keyed = quota_pb2.QuotaConfig(role="r")
    keyed.limits["SPOIL"].value = 1
    inside = agent_pb2.Call()
    inside.launch_container.container_id.parent.value = "SPOIL"
    inside.launch_container.container_id.value = "child"
    for message in (task, listed, keyed, inside):
        data = message.SerializeToString()
        assert decode(data, PROTOBUF, type(message)) == message
        with pytest.raises(DecodeError, match="Failed to parse body into"):
            decode(spoilt(data), PROTOBUF, type(message))


def test_bytes_that_are_not_utf8_are_nobodys_business() -> None:
    uuid = mesos_pb2.UUID(value=b"\xff\xfe")
    assert decode(uuid.SerializeToString(), PROTOBUF, mesos_pb2.UUID) == uuid


def test_messages_are_nested_to_a_bounded_depth() -> None:
    container_id = mesos_pb2.ContainerID(value="x")
    for _ in range(64):
        container_id = mesos_pb2.ContainerID(value="x", parent=container_id)
    assert decode(container_id.SerializeToString(), PROTOBUF, mesos_pb2.ContainerID)
    deeper = mesos_pb2.ContainerID(value="x", parent=container_id)
    with pytest.raises(DecodeError):
        decode(deeper.SerializeToString(), PROTOBUF, mesos_pb2.ContainerID)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_printable_message_or_an_error(data: bytes) -> None:
    try:
        call = decode(data, PROTOBUF, scheduler_pb2.Call)
    except DecodeError:
        return
    assert dumps(call).isascii()


def test_a_stream_is_no_message() -> None:
    with pytest.raises(InvariantBroken):
        encode(mesos_pb2.TaskID(value="t"), RECORDIO)
    with pytest.raises(InvariantBroken):
        decode(b"", RECORDIO, mesos_pb2.TaskID)
