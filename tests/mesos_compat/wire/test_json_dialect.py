"""Messages as JSON in Mesos's dialect: both directions, leniency, and hostile input."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import duration_pb2
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from mesos_compat.errors import DecodeError
from mesos_compat.wire import link_pb2
from mesos_compat.wire.json_dialect import (
    JsonConversionError,
    JsonSyntaxError,
    dumps,
    encode_value,
    from_value,
    loads,
    to_value,
)
from mesos_compat.wire.v1 import (
    agent_pb2,
    executor_pb2,
    maintenance_pb2,
    master_pb2,
    mesos_pb2,
    quota_pb2,
    scheduler_pb2,
)
from tests.mesos_compat.wire.messages import messages

TYPES: list[type[Message]] = [
    agent_pb2.Call,
    executor_pb2.Event,
    link_pb2.Call,
    link_pb2.Event,
    maintenance_pb2.Schedule,
    master_pb2.Call,
    master_pb2.Response,
    mesos_pb2.FrameworkInfo,
    mesos_pb2.TaskInfo,
    mesos_pb2.TaskStatus,
    quota_pb2.QuotaConfig,
    scheduler_pb2.Call,
    scheduler_pb2.Event,
]


@given(st.sampled_from(TYPES).flatmap(messages))
def test_any_message_comes_back_from_its_json(message: Message) -> None:
    text = dumps(message)
    assert text.isascii()
    assert "\n" not in text
    back = loads(text, type(message))
    assert back == message
    assert dumps(back) == text


@given(st.sampled_from(TYPES).flatmap(messages))
def test_plain_values_of_a_message_print_as_it_does(message: Message) -> None:
    value = to_value(message)
    assert encode_value(value) == dumps(message)
    assert from_value(value, type(message)) == message


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (
            mesos_pb2.TaskID(value='a/"é\x7f\n😀'),
            '{"value":"a/\\"\\u00e9\\u007f\\n\\ud83d\\ude00"}',
        ),
        (mesos_pb2.UUID(value=b"\0\xff"), '{"value":"AP8="}'),
        (mesos_pb2.TimeInfo(nanoseconds=-(1 << 63)), '{"nanoseconds":-9223372036854775808}'),
        (mesos_pb2.Value.Scalar(value=4), '{"value":4.0}'),
        (mesos_pb2.Value.Scalar(value=float("inf")), '{"value":"Infinity"}'),
        (mesos_pb2.Value.Scalar(value=float("nan")), '{"value":"NaN"}'),
        (mesos_pb2.Filters(), '{"refuse_seconds":5.0}'),
        (mesos_pb2.Labels(), "{}"),
        (mesos_pb2.Environment.Variable(name="A"), '{"name":"A","type":"VALUE"}'),
        (mesos_pb2.CommandInfo.URI(value="u"), '{"value":"u","extract":true}'),
        # The default of a deprecated field is not written, its value is.
        (mesos_pb2.Resource(name="x"), '{"name":"x"}'),
        (mesos_pb2.Resource(role="*"), '{"role":"*"}'),
        (duration_pb2.Duration(seconds=3), '{"seconds":3}'),
    ],
)
def test_message_is_printed_as_mesos_does(message: Message, text: str) -> None:
    assert dumps(message) == text


def test_fields_are_in_the_order_of_their_declaration() -> None:
    status = mesos_pb2.TaskStatus(
        task_id={"value": "t"},
        state=mesos_pb2.TASK_LOST,
        data=b"d",
        message="m",
        source=mesos_pb2.TaskStatus.SOURCE_MASTER,
        reason=mesos_pb2.TaskStatus.REASON_RECONCILIATION,
    )
    assert list(to_value(status)) == ["task_id", "state", "message", "source", "reason", "data"]


def test_map_is_an_object_in_the_order_of_its_keys() -> None:
    task = mesos_pb2.TaskInfo()
    task.limits["mem"].value = float("inf")
    task.limits["cpus"].value = 0.5
    assert dumps(task) == '{"limits":{"cpus":{"value":0.5},"mem":{"value":"Infinity"}}}'


def test_entry_of_a_map_without_a_value_has_the_default_of_its_type() -> None:
    source = mesos_pb2.Volume.Source.CSIVolume.StaticProvisioning
    static = from_value(
        {
            "volume_id": "v",
            "volume_capability": {"access_mode": {"mode": "UNKNOWN"}},
            "volume_context": [{"a": "1"}, {"b": None}],
        },
        source,
    )
    assert dict(static.volume_context) == {"a": "1", "b": ""}
    info = loads('{"user":"u","name":"n","offer_filters":{"r":null}}', mesos_pb2.FrameworkInfo)
    assert dict(info.offer_filters) == {"r": mesos_pb2.OfferFilters()}


def test_some_answers_have_their_lists_even_when_empty() -> None:
    state = master_pb2.Response.GetState()
    state.get_tasks.SetInParent()
    state.get_agents.SetInParent()
    assert to_value(state) == {
        "get_tasks": {"tasks": [], "unreachable_tasks": [], "completed_tasks": []},
        "get_agents": {"agents": [], "recovered_agents": []},
    }


def test_enum_value_that_is_not_known_is_left_out() -> None:
    # Field 1 of a capability, an enum, with a number that nobody has given a name.
    capability = mesos_pb2.MasterInfo.Capability.FromString(b"\x08\x7f")
    assert dumps(capability) == "{}"


@pytest.mark.parametrize(
    ("text", "cls", "same_as"),
    [
        ('{"type":"REVIVE","nonsense":[{}]}', scheduler_pb2.Call, '{"type":"REVIVE"}'),
        ('{"type":"NO_SUCH","framework_id":null}', scheduler_pb2.Call, "{}"),
        ('{"value":"1.5"}', mesos_pb2.Value.Scalar, '{"value":1.5}'),
        ('{"value":" 2 "}', mesos_pb2.Value.Scalar, '{"value":2.0}'),
        ('{"value":"-Infinity"}', mesos_pb2.Value.Scalar, '{"value":"-Infinity"}'),
        ('{"value":3}', mesos_pb2.Value.Scalar, '{"value":3.0}'),
        ('{"nanoseconds":"7"}', mesos_pb2.TimeInfo, '{"nanoseconds":7}'),
        ('{"nanoseconds":7.9}', mesos_pb2.TimeInfo, '{"nanoseconds":7}'),
        ('{"refuse_seconds":0}', mesos_pb2.Filters, '{"refuse_seconds":0.0}'),
        (
            '{"extract":"false","value":""}',
            mesos_pb2.CommandInfo.URI,
            '{"value":"","extract":false}',
        ),
        # One element stands for a list of it; lists of lists are one list; nulls do not count.
        ('{"item":"a"}', mesos_pb2.Value.Set, '{"item":["a"]}'),
        ('{"item":[["a",null],[["b"]],"c"]}', mesos_pb2.Value.Set, '{"item":["a","b","c"]}'),
        ('{"labels":{"key":"k"}}', mesos_pb2.Labels, '{"labels":[{"key":"k"}]}'),
        ('{"limits":{"a":null}}', quota_pb2.QuotaConfig, None),
        ('{"capabilities":["CHOWN","X"]}', mesos_pb2.CapabilityInfo, '{"capabilities":["CHOWN"]}'),
        # Base64 with blanks, without padding, or with half a byte too much.
        ('{"value":"AP 8="}', mesos_pb2.UUID, '{"value":"AP8="}'),
        ('{"value":"AP8"}', mesos_pb2.UUID, '{"value":"AP8="}'),
        ('{"value":"AP8A=%"}', mesos_pb2.UUID, '{"value":"AP8A"}'),
        ('{"value":"AP8AA"}', mesos_pb2.UUID, '{"value":"AP8A"}'),
        # Of a key that comes twice the last one counts, alone.
        ('{"labels":[{"key":"k"}],"labels":[]}', mesos_pb2.Labels, "{}"),
        (' \r\n\t{"value" : "x"} \n', mesos_pb2.TaskID, '{"value":"x"}'),
    ],
)
def test_lenient_input_is_read(text: str, cls: type[Message], same_as: str | None) -> None:
    if same_as is None:
        with pytest.raises(JsonConversionError, match=r'role, limits\["a"\]\.value'):
            loads(text, cls)
    else:
        assert dumps(loads(text, cls)) == same_as


def unexpected(kind: str, name: str) -> str:
    return f"Not expecting a JSON {kind} for field '{name}'"


def beyond(name: str) -> str:
    return f"Number out of range for field '{name}'"


@pytest.mark.parametrize(
    ("value", "cls", "error"),
    [
        ([1], scheduler_pb2.Call, "Expecting a JSON object"),
        (None, scheduler_pb2.Call, "Expecting a JSON object"),
        ({"type": 1}, scheduler_pb2.Call, unexpected("number", "type")),
        ({"type": ["REVIVE"]}, scheduler_pb2.Call, unexpected("array", "type")),
        ({"kill": "x"}, scheduler_pb2.Call, unexpected("string", "kill")),
        ({"kill": [{}]}, scheduler_pb2.Call, unexpected("array", "kill")),
        ({"value": 1}, mesos_pb2.TaskID, unexpected("number", "value")),
        ({"value": {}}, mesos_pb2.TaskID, unexpected("object", "value")),
        ({"value": True}, mesos_pb2.Value.Scalar, unexpected("boolean", "value")),
        ({"value": "\ud800"}, mesos_pb2.TaskID, "Expecting Unicode in strings"),
        ({"limits": {"\ud800": {}}}, quota_pb2.QuotaConfig, "Expecting Unicode in strings"),
        ({"value": 7}, mesos_pb2.UUID, unexpected("number", "value")),
        ({"checkpoint": 1}, mesos_pb2.FrameworkInfo, unexpected("number", "checkpoint")),
        ({"nanoseconds": False}, mesos_pb2.TimeInfo, unexpected("boolean", "nanoseconds")),
        ({"nanoseconds": 1 << 63}, mesos_pb2.TimeInfo, beyond("nanoseconds")),
        ({"nanoseconds": 1e300}, mesos_pb2.TimeInfo, beyond("nanoseconds")),
        ({"begin": -1, "end": 2}, mesos_pb2.Value.Range, beyond("begin")),
        ({"value": 10**400}, mesos_pb2.Value.Scalar, beyond("value")),
        ({"limits": {"cpus": 4}}, quota_pb2.QuotaConfig, unexpected("number", "value")),
        ({"limits": "all"}, quota_pb2.QuotaConfig, unexpected("string", "limits")),
        (
            {"value": "a%b"},
            mesos_pb2.UUID,
            "Failed to base64 decode bytes field 'value': Invalid character '%'",
        ),
        ({"name": "n", "type": "NO"}, mesos_pb2.Attribute, "Failed to find enum for 'NO'"),
        (
            {"value": "many"},
            mesos_pb2.Value.Scalar,
            "Failed to parse 'many' as a JSON number for field 'value':"
            " syntax error at line 1 near: many",
        ),
        (
            {"value": "[]"},
            mesos_pb2.Value.Scalar,
            "Failed to parse '[]' as a JSON number for field 'value': Unexpected JSON type parsed",
        ),
        (
            {"shell": "1"},
            mesos_pb2.CommandInfo,
            "Failed to parse '1' as a JSON boolean for field 'shell': Unexpected JSON type parsed",
        ),
        (
            {"decline": {"offer_ids": [{"value": "o"}, {}]}, "accept": {"offer_ids": [{}]}},
            scheduler_pb2.Call,
            "Missing required fields: accept.offer_ids[0].value, decline.offer_ids[1].value",
        ),
        (
            {"subscribe": {"framework_info": {}}},
            scheduler_pb2.Call,
            "Missing required fields: subscribe.framework_info.user, subscribe.framework_info.name",
        ),
        # Of several mistakes the alphabetically first is told.
        ({"type": 1, "framework_id": 2}, scheduler_pb2.Call, unexpected("number", "framework_id")),
    ],
)
def test_mistake_is_told_in_mesos_words(value: Any, cls: type[Message], error: str) -> None:
    with pytest.raises(JsonConversionError) as caught:
        from_value(value, cls)
    assert str(caught.value) == error


def nested(depth: int) -> str:
    return '{"value":"x","parent":' * depth + '{"value":"x"}' + "}" * depth


def test_messages_are_nested_to_a_bounded_depth() -> None:
    assert dumps(loads(nested(64), mesos_pb2.ContainerID)).count("parent") == 64
    with pytest.raises(JsonConversionError, match="nested more than 64 deep"):
        loads(nested(65), mesos_pb2.ContainerID)


@pytest.mark.parametrize("text", [nested(100_000), '{"a":' * 100_000, "[" * 100_000])
def test_depth_that_no_stack_would_bear_is_an_error(text: str) -> None:
    with pytest.raises(JsonSyntaxError, match="nested too deeply"):
        loads(text, mesos_pb2.ContainerID)


@given(st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
def test_any_bytes_are_a_message_or_an_error(data: bytes) -> None:
    try:
        call = loads(data, scheduler_pb2.Call)
    except DecodeError as error:
        # It becomes the body of an answer.
        str(error).encode()
    else:
        assert loads(dumps(call), scheduler_pb2.Call) == call


@given(messages(scheduler_pb2.Call), st.data())
def test_spoilt_json_is_a_message_or_an_error(
    call: scheduler_pb2.Call, data: st.DataObject
) -> None:
    text = dumps(call)
    at = data.draw(st.integers(0, len(text)))
    put = data.draw(
        st.sampled_from(['"', "{", "}", "[", "]", ",", "\\ud800", "1", "null", "-", ""])
    )
    cut = data.draw(st.integers(0, 3))
    try:
        read = loads(text[:at] + put + text[at + cut :], scheduler_pb2.Call)
    except DecodeError as error:
        str(error).encode()
    else:
        dumps(read)


_NAMES = st.sampled_from([field.name for field in scheduler_pb2.Call.DESCRIPTOR.fields])
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_NAMES | st.sampled_from(["value", "offer_ids", "operations"]), inner)
    ),
    max_leaves=10,
)


@given(st.dictionaries(_NAMES, _VALUES, max_size=3))
def test_any_values_are_a_message_or_an_error(value: dict[str, Any]) -> None:
    text = json.dumps(value, allow_nan=True)
    try:
        call = loads(text, scheduler_pb2.Call)
    except DecodeError as error:
        str(error).encode()
    else:
        assert loads(dumps(call), scheduler_pb2.Call) == call
