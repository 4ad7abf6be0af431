"""Makes message classes of the compiled ``.proto`` files. See :mod:`mesos_compat.wire.v1`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

from google.protobuf import descriptor_pb2, duration_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message_factory import GetMessageClass

#: What ``make protos`` writes.
COMPILED: Final = "mesos.binpb"


@cache
def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    pool.AddSerializedFile(duration_pb2.DESCRIPTOR.serialized_pb)
    compiled = Path(__file__).with_name(COMPILED).read_bytes()
    # Each file stands behind those that it imports.
    for file in descriptor_pb2.FileDescriptorSet.FromString(compiled).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


def fill(module: dict[str, Any], proto: str) -> None:
    """Put the messages and enums of the file ``proto`` into a module's namespace."""
    file = _pool().FindFileByName(proto)
    module["DESCRIPTOR"] = file
    for name, message in file.message_types_by_name.items():
        module[name] = GetMessageClass(message)
    for name, enum in file.enum_types_by_name.items():
        module[name] = EnumTypeWrapper(enum)
        module.update((value.name, value.number) for value in enum.values)
