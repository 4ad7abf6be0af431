"""UUIDs out of given random bytes: for cores that have no randomness of their own. Pure."""

from __future__ import annotations

from typing import Final

BYTES: Final = 16


def version_4(random: bytes) -> bytes:
    """16 random bytes as a UUID of version 4 (RFC 4122); Mesos refuses what is of no version."""
    raw = bytearray(random)
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    return bytes(raw)


def text(raw: bytes) -> str:
    """A UUID as it is written."""
    digits = raw.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
