"""What all calls have in common: a type, and the member that belongs to it."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message


def validate_whole(call: Message) -> str | None:
    """Checks that nothing required is missing and that the call has a type."""
    if not call.IsInitialized():
        # The stubs do not know of it.
        untyped: Any = call
        return f"Not initialized: {', '.join(untyped.FindInitializationErrors())}"
    return validate_present(call, "type")


def validate_present(message: Message, member: str) -> str | None:
    """Checks that ``member`` is set. An enumerator that we do not know counts as unset."""
    return None if message.HasField(member) else f"Expecting '{member}' to be present"
