"""What the fields of a type of message are, as printing and reading ask for it.

The library's descriptors have changed how they tell this from version to version; how the
``.proto`` file has it, which they can all give, has not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from mesos_compat.errors import invariant

_REPEATED: Final = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
_REQUIRED: Final = descriptor_pb2.FieldDescriptorProto.LABEL_REQUIRED


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a type of message."""

    #: What ``ListFields`` has beside its value.
    descriptor: FieldDescriptor
    name: str
    number: int
    #: One of ``FieldDescriptor.TYPE_...``.
    type: int
    #: Of a map too, which is a list of entries.
    is_repeated: bool
    is_required: bool
    #: The default that the ``.proto`` file gives, but for a deprecated field; else None.
    default: Any
    #: Of the messages that are its values, or of the entries of a map; else None.
    message_type: Descriptor | None
    is_map: bool
    #: The names and numbers of the values of an enum; else empty.
    enum_numbers: dict[str, int]

    @property
    def inner(self) -> Descriptor:
        """The type of its values, which are messages."""
        inner = self.message_type
        invariant(inner is not None, "a field of no messages", name=self.name)
        return inner  # type: ignore[return-value]

    @property
    def entry(self) -> tuple[Field, Field]:
        """What the keys and the values of a map are."""
        key, value = fields_of(self.inner)
        return key, value


@cache
def fields_of(descriptor: Descriptor) -> tuple[Field, ...]:
    """The fields of a type of message, in the order of their declaration."""
    source = descriptor_pb2.DescriptorProto()
    descriptor.CopyToProto(source)
    return tuple(map(_field, descriptor.fields, source.field))


def _field(descriptor: FieldDescriptor, source: descriptor_pb2.FieldDescriptorProto) -> Field:
    inner = descriptor.message_type
    enum = descriptor.enum_type
    has_default = source.HasField("default_value") and not source.options.deprecated
    return Field(
        descriptor=descriptor,
        name=source.name,
        number=source.number,
        type=descriptor.type,
        is_repeated=source.label == _REPEATED,
        is_required=source.label == _REQUIRED,
        default=descriptor.default_value if has_default else None,
        message_type=inner,
        is_map=inner is not None and inner.GetOptions().map_entry,
        enum_numbers={} if enum is None else {value.name: value.number for value in enum.values},
    )
