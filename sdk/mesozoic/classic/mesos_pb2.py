"""Mesos's messages by the names that they had before the v1 API: ``SlaveID``, ``slave_id``, ...

Both generations are the same on the wire (the v1 messages were made from the old ones by renaming),
so the old ones are made here from ours by renaming them back, and one becomes the other by
serializing it. Beside the messages there are the values of the enums (``TASK_RUNNING``,
``DRIVER_RUNNING``), as protoc puts them into a module.
"""

from __future__ import annotations

import re
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal import enum_type_wrapper
from google.protobuf.message import Message

from mesos_compat.wire.v1 import mesos_pb2 as v1

#: What was renamed, as whole names, and as beginnings of values of enums.
_RENAMED: Final = {"AgentID": "SlaveID", "AgentInfo": "SlaveInfo", "agent_id": "slave_id"}
_RENAMED_VALUE: Final = re.compile(r"^(REASON|SOURCE)_AGENT\b|^(REASON|SOURCE)_AGENT(?=_)")


def _older(name: str) -> str:
    return _RENAMED.get(name, name)


def _older_type(name: str) -> str:
    """Of ``.mesos.v1.AgentInfo.Capability``, ``.mesos.SlaveInfo.Capability``."""
    return ".".join(map(_older, name.replace(".mesos.v1.", ".mesos.").split(".")))


def _rename_enum(enum: descriptor_pb2.EnumDescriptorProto) -> None:
    for value in enum.value:
        value.name = _RENAMED_VALUE.sub(lambda m: f"{m[1] or m[2]}_SLAVE", value.name)


def _rename(message: descriptor_pb2.DescriptorProto) -> None:
    message.name = _older(message.name)
    for field in message.field:
        field.name = _older(field.name)
        field.ClearField("json_name")
        if field.type_name:
            field.type_name = _older_type(field.type_name)
    for nested in message.nested_type:
        _rename(nested)
    for enum in message.enum_type:
        _rename_enum(enum)


def _older_file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto()
    v1.DESCRIPTOR.CopyToProto(file)
    file.name, file.package = "mesozoic/classic/mesos.proto", "mesos"
    for message in file.message_type:
        _rename(message)
    for enum in file.enum_type:
        _rename_enum(enum)
    return file


def _make() -> dict[str, Any]:
    """Everything at the top level of the module, by name."""
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_older_file())
    file = pool.FindFileByName("mesozoic/classic/mesos.proto")
    made: dict[str, Any] = {
        name: message_factory.GetMessageClass(descriptor)
        for name, descriptor in file.message_types_by_name.items()
    }
    for name, descriptor in file.enum_types_by_name.items():
        made[name] = enum_type_wrapper.EnumTypeWrapper(descriptor)
        made.update((value.name, value.number) for value in descriptor.values)
    return made


_MADE: Final = _make()


def __getattr__(name: str) -> Any:
    try:
        return _MADE[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted(_MADE)


def older(message: Message) -> Any:
    """A message of the v1 API by its old names."""
    kind = _MADE[_older(message.DESCRIPTOR.name)]
    return kind.FromString(message.SerializePartialToString())
