"""Hypothesis strategies for messages of any type, by what their descriptors say."""

from __future__ import annotations

from typing import Any, TypeVar

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

from mesos_compat.wire.fields import Field, fields_of

M = TypeVar("M", bound=Message)

#: Text as JSON and protobuf can both hold it: no halves of surrogate pairs.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)

_INT32 = st.integers(-(1 << 31), (1 << 31) - 1)
_INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
_UINT32 = st.integers(0, (1 << 32) - 1)
_UINT64 = st.integers(0, (1 << 64) - 1)
_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=6),
    FieldDescriptor.TYPE_DOUBLE: st.floats(allow_nan=False),
    FieldDescriptor.TYPE_INT32: _INT32,
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_STRING: texts,
    FieldDescriptor.TYPE_UINT32: _UINT32,
    FieldDescriptor.TYPE_UINT64: _UINT64,
}
#: Below this depth only what is required is there.
_DEPTH_MAX = 3


@st.composite
def messages(draw: st.DrawFn, cls: type[M]) -> M:
    """Messages with all that is required, and what has a default, which comes back as set."""
    message: Any = cls()
    _fill(draw, message, 0)
    filled: M = message
    return filled


def _fill(draw: st.DrawFn, message: Any, depth: int) -> None:
    descriptor: Descriptor = message.DESCRIPTOR
    fields = fields_of(descriptor)
    needed = {field.name for field in fields if field.is_required or field.default is not None}
    if depth < _DEPTH_MAX:
        names = [field.name for field in fields]
        needed |= set(draw(st.lists(st.sampled_from(names), max_size=4)) if names else ())
    for field in fields:
        if field.name in needed:
            _set(draw, message, field, depth)


def _set(draw: st.DrawFn, message: Any, field: Field, depth: int) -> None:
    times = draw(st.integers(1, 2)) if field.is_repeated else 1
    value = getattr(message, field.name)
    for _ in range(times):
        if field.is_map:
            key = draw(texts)
            value_field = field.entry[1]
            if value_field.message_type is not None:
                _fill(draw, value[key], depth + 1)
            else:
                value[key] = draw(_scalars(value_field))
        elif field.message_type is not None:
            inner = value.add() if field.is_repeated else value
            inner.SetInParent()
            _fill(draw, inner, depth + 1)
        elif field.is_repeated:
            value.append(draw(_scalars(field)))
        else:
            setattr(message, field.name, draw(_scalars(field)))


def _scalars(field: Field) -> st.SearchStrategy[Any]:
    if field.enum_numbers:
        return st.sampled_from(sorted(field.enum_numbers.values()))
    return _SCALARS[field.type]
