"""Valid request bodies of every ZooKeeper operation, over a handful of paths."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from conformance.crash.connection import encode_buffer

#: Everything that fuzzing means to create lies below this znode.
FUZZ_ROOT = b"/fuzz"
_SOME = tuple(b"/fuzz/" + name for name in (b"a", b"b", b"c", b"a/x", b"a/y", b"b/x", b"c/x/y"))
_ODD = (
    b"",
    b"/",
    b"/fuzz",
    b"/fuzz/",
    b"//",
    b"fuzz",
    b"/fuzz/../a",
    b"/fuzz/.",
    b"/fuzz/\0",
    b"/fuzz/\xc3\xa4",
    b"/fuzz/\xff",
    b"/fuzz/" + b"n" * 3000,
    b"/fuzz" + b"/d" * 200,
    b"/zookeeper",
    b"/zookeeper/config",
    b"/zookeeper/quota/fuzz/zookeeper_limits",
    b"/zookeeper/quota/fuzz/zookeeper_stats",
)
_ACLS = (
    ((31, b"world", b"anyone"),),
    ((31, b"auth", b""),),
    ((31, b"digest", b"u:D/InIHSb7yEEbrWz8b9l71RjZJU="), (1, b"world", b"anyone")),
    ((31, b"ip", b"127.0.0.1/8"),),
    ((31, b"sasl", b"bob"), (-1, b"x509", b"CN=a")),
    ((31, b"world", b"anyone"),) * 20,
    (),
)
_DATA = (b"", b"v", b"value", b"x" * 100, b"y" * 5000, b"count=3,bytes=-1")
_MULTI_END = struct.pack(">i?i", -1, True, -1)

Make = Callable[[random.Random], bytes]


def _path(rng: random.Random) -> bytes:
    return encode_buffer(rng.choice(_SOME if rng.random() < 0.8 else _ODD))


def _int(*values: int) -> bytes:
    return struct.pack(f">{len(values)}i", *values)


def _long(value: int) -> bytes:
    return struct.pack(">q", value)


def _version(rng: random.Random) -> bytes:
    return _int(rng.choice((-1, -1, 0, 1, 7)))


def _acl(rng: random.Random) -> bytes:
    entries = rng.choice(_ACLS) if rng.random() < 0.3 else _ACLS[0]
    encoded = (_int(p) + encode_buffer(s) + encode_buffer(i) for p, s, i in entries)
    return _int(len(entries)) + b"".join(encoded)


def _data(rng: random.Random) -> bytes:
    return encode_buffer(rng.choice(_DATA)) if rng.random() < 0.9 else _int(-1)


def _create(flags: tuple[int, ...]) -> Make:
    def make(rng: random.Random) -> bytes:
        return _path(rng) + _data(rng) + _acl(rng) + _int(rng.choice(flags))

    return make


def _create_ttl(rng: random.Random) -> bytes:
    return _create((5, 6))(rng) + _long(rng.choice((1, 1000, 2**40 - 1, 2**40, 0, -1)))


def _path_version(rng: random.Random) -> bytes:
    return _path(rng) + _version(rng)


def _path_watch(rng: random.Random) -> bytes:
    return _path(rng) + bytes((rng.randrange(2),))


def _path_mode(rng: random.Random) -> bytes:
    return _path(rng) + _int(rng.choice((0, 1, 2, 3, 4, 5, 9)))


def _set_data(rng: random.Random) -> bytes:
    return _path(rng) + _data(rng) + _version(rng)


def _set_acl(rng: random.Random) -> bytes:
    return _path(rng) + _acl(rng) + _version(rng)


def _paths(rng: random.Random) -> bytes:
    count = rng.choice((0, 1, 3, 20))
    return _int(count) + b"".join(_path(rng) for _ in range(count))


def _set_watches(vectors: int) -> Make:
    def make(rng: random.Random) -> bytes:
        return _long(rng.choice((0, 1, 2**40))) + b"".join(_paths(rng) for _ in range(vectors))

    return make


def _reconfig(rng: random.Random) -> bytes:
    texts = (b"", b"server.9=127.0.0.1:1:2:observer;3", b"9", b"nonsense")
    return b"".join(encode_buffer(rng.choice(texts)) for _ in range(3)) + _long(-1)


def _auth(rng: random.Random) -> bytes:
    scheme = rng.choice((b"digest", b"digest", b"ip"))
    return _int(0) + encode_buffer(scheme) + encode_buffer(rng.choice((b"u:p", b"bob:x")))


def _token(rng: random.Random) -> bytes:
    return encode_buffer(rng.choice((b"", b"n=user,r=abc", rng.randbytes(40))))


def _nothing(_rng: random.Random) -> bytes:
    return b""


#: Name, type and maker of each operation's record; createSession and closeSession are apart.
OPERATIONS: tuple[tuple[str, int, Make], ...] = (
    ("create", 1, _create((0, 1, 2, 3))),
    ("delete", 2, _path_version),
    ("exists", 3, _path_watch),
    ("getData", 4, _path_watch),
    ("setData", 5, _set_data),
    ("getACL", 6, _path),
    ("setACL", 7, _set_acl),
    ("getChildren", 8, _path_watch),
    ("sync", 9, _path),
    ("ping", 11, _nothing),
    ("getChildren2", 12, _path_watch),
    ("create2", 15, _create((0, 1, 2, 3))),
    ("reconfig", 16, _reconfig),
    ("checkWatches", 17, _path_mode),
    ("removeWatches", 18, _path_mode),
    ("createContainer", 19, _create((4,))),
    ("createTTL", 21, _create_ttl),
    ("setWatches", 101, _set_watches(3)),
    ("getEphemerals", 103, _path),
    ("getAllChildrenNumber", 104, _path),
    ("setWatches2", 105, _set_watches(5)),
    ("addWatch", 106, _path_mode),
    ("whoAmI", 107, _nothing),
)
_IN_MULTI: tuple[tuple[int, Make], ...] = (
    (1, _create((0, 1, 2, 3))),
    (2, _path_version),
    (5, _set_data),
    (13, _path_version),
    (15, _create((0, 2))),
    (19, _create((4,))),
    (21, _create_ttl),
)
_IN_MULTI_READ: tuple[tuple[int, Make], ...] = ((4, _path_watch), (8, _path_watch))


def make_multi(rng: random.Random) -> tuple[int, bytes]:
    """Type and record of a multi or multiRead, now and then holding what it must not."""
    reads = rng.random() < 0.3
    allowed = _IN_MULTI_READ if reads else _IN_MULTI
    parts = []
    for _ in range(rng.choice((0, 1, 2, 3, 10))):
        kind, make = rng.choice(allowed)
        if rng.random() < 0.02:
            kind = rng.choice((14, 22, 11, -11, 0, 102))
        parts.append(struct.pack(">i?i", kind, False, -1) + make(rng))
    end = _MULTI_END if rng.random() < 0.95 else b""
    return (22 if reads else 14), b"".join(parts) + end


#: Operations after which a server tends to close the connection, so they come last.
LAST_OPERATIONS: tuple[tuple[str, int, Make], ...] = (
    ("auth", 100, _auth),
    ("sasl", 102, _token),
    ("check alone", 13, _path_version),
    ("deleteContainer", 20, _path),
    ("createSession", -10, lambda _rng: _int(4000)),
    ("closeSession", -11, _nothing),
)
