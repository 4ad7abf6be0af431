"""Apache's files as Apache writes them, by packers of our own: snapshots and logs."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

OPEN = ((31, "world", "anyone"),)
CREATE, DELETE, SET, ERROR, CREATE_SESSION, CLOSE_SESSION = 1, 2, 5, -1, -10, -11
NOW_MS = 1_700_000_000_000


def string(text: str) -> bytes:
    return buffer(text.encode())


def buffer(data: bytes | None) -> bytes:
    return struct.pack(">i", -1) if data is None else struct.pack(">i", len(data)) + data


def acl(entries: Sequence[tuple[int, str, str]] = OPEN) -> bytes:
    packed = [
        struct.pack(">i", perms) + string(scheme) + string(who) for perms, scheme, who in entries
    ]
    return struct.pack(">i", len(packed)) + b"".join(packed)


def create(path: str, cversion: int, data: bytes = b"", *, ephemeral: bool = False) -> bytes:
    flag = b"\1" if ephemeral else b"\0"
    return string(path) + buffer(data) + acl() + flag + struct.pack(">i", cversion)


def entry(zxid: int, kind: int, body: bytes, session_id: int = 7) -> bytes:
    return struct.pack(">qiqqi", session_id, 1, zxid, NOW_MS + zxid, kind) + body


def log_bytes(entries: Sequence[bytes], *, zeros: int = 1000, tail: bytes = b"") -> bytes:
    parts = [b"ZKLG", struct.pack(">iq", 2, 0)]
    for one in entries:
        parts += [struct.pack(">qi", zlib.adler32(one), len(one)), one, b"B"]
    return b"".join(parts) + tail + bytes(zeros)


def node(
    path: str, data: bytes | None = b"", key: int = -1, owner: int = 0, zxid: int = 0
) -> bytes:
    stat = struct.pack(">qqqqiiiqq", zxid, zxid, 0, 0, 0, 0, 0, owner, zxid)
    return string(path) + buffer(data) + struct.pack(">q", key) + stat


def snapshot_bytes(
    nodes: Sequence[bytes] = (), sessions: Sequence[tuple[int, int]] = (), *, digest: bytes = b""
) -> bytes:
    """``nodes`` behind the root and the system's; ``digest`` comes behind the first seal."""
    parts = [b"ZKSN", struct.pack(">iq", 2, -1), struct.pack(">i", len(sessions))]
    parts += [struct.pack(">qi", *session) for session in sessions]
    parts.append(struct.pack(">i", 0))
    parts += [node(""), node("/zookeeper"), node("/zookeeper/quota"), *nodes, string("/")]
    whole = sealed(b"".join(parts))
    return sealed(whole + digest) if digest else whole


def sealed(data: bytes) -> bytes:
    return data + struct.pack(">q", zlib.adler32(data)) + string("/")


def directory(
    place: Path, snapshots: dict[int, bytes] | None = None, logs: dict[int, bytes] | None = None
) -> str:
    """A dataDir with these files in its version-2, by their zxids."""
    where = place / "version-2"
    where.mkdir(parents=True, exist_ok=True)
    for zxid, content in (snapshots or {}).items():
        (where / f"snapshot.{zxid:x}").write_bytes(content)
    for zxid, content in (logs or {}).items():
        (where / f"log.{zxid:x}").write_bytes(content)
    return str(place)
