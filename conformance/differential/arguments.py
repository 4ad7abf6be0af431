"""The pools that arguments are drawn from: a small namespace, and what is wrong in all ways.

A pool is a tuple, and drawing is the generator's business, so that a seed says all.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
from typing import Final

from conformance.differential.operations import Acl

#: The super user that both servers are configured with.
SUPER_IDENTITY: Final = b"super:test"
SUPER_DIGEST: Final = "super:D/InIHSb7yEEbrWz8b9l71RjZJU="

USERS: Final = (b"ann:secret", b"bob:secret")
#: ``user:base64(sha1(user:password))`` of :data:`USERS`, as ACL ids name them.
USER_IDS: Final = tuple(
    user.partition(b":")[0] + b":" + base64.b64encode(hashlib.sha1(user).digest()) for user in USERS
)


def _namespace() -> tuple[bytes, ...]:
    top = [b"/a", b"/b", b"/c"]
    second = [parent + b"/" + name for parent in top for name in (b"x", b"y")]
    third = [parent + b"/" + name for parent in second for name in (b"x", b"\xc3\xbc")]
    fourth = [parent + b"/z" for parent in third[::2]]
    odd = [b"/a/...", b"/b/.x", b"/c/ "]
    return tuple(itertools.chain(top, top, second, third, fourth, odd))


#: Where most operations go; the first level is there twice to be there most of the time.
NAMESPACE: Final = _namespace()
#: What sequential creates may start from (a trailing slash is legal there).
SEQUENTIAL_PREFIXES: Final = (b"/a/s", b"/b/s", b"/a/x/s", b"/c/", b"/s", b"/", b"/b/y/", b"/a/")

SYSTEM_PATHS: Final = (
    b"/",
    b"/zookeeper",
    b"/zookeeper/config",
    b"/zookeeper/quota",
    b"/zookeeper/x",
)
QUOTA_PATHS: Final = (
    b"/zookeeper/quota/a",
    b"/zookeeper/quota/a/x",
    b"/zookeeper/quota/b",
    b"/zookeeper/quota/a/zookeeper_limits",
    b"/zookeeper/quota/a/x/zookeeper_limits",
    b"/zookeeper/quota/b/zookeeper_limits",
    b"/zookeeper/quota/a/zookeeper_stats",
    b"/zookeeper/quota/a/x/zookeeper_stats",
    b"/zookeeper/quota/b/zookeeper_stats",
)
LIMITS: Final = (
    b"count=10,bytes=-1",
    b"count=2,bytes=100",
    b"count=-1,bytes=30",
    b"count=-1,bytes=-1=;byteHardLimit=60;countHardLimit=4",
    b"count=3,bytes=20=;byteHardLimit=-1;countHardLimit=6",
    b"count=-1,bytes=-1=;byteHardLimit=40;countHardLimit=-1",
)

BAD_PATHS: Final = (
    None,
    b"",
    b"a",
    b"a/x",
    b"//",
    b"/a/",
    b"//a",
    b"/a//x",
    b"/a/x//",
    b"/.",
    b"/..",
    b"/a/.",
    b"/a/..",
    b"/a/./x",
    b"/a/../b",
    b"/a/\x00",
    b"/a\x00b",
    b"/a/\x01",
    b"/\x1f",
    b"/a/\x7f",
    b"/a/\xc2\x80",
    b"/a/\xc2\x9f",
    b"/a/\xc2\xa0",
    b"/a/\xed\x9f\xbf",
    # Malformed ones read as U+FFFD: no two of these may become the same path by that, or
    # the driver would not know which watches stand on one path.
    b"/c/\xed\xa0\x80",
    b"/a/\xee\x80\x80",
    b"/a/\xef\xa3\xbf",
    b"/a/\xef\xa4\x80",
    b"/a/\xef\xbf\xaf",
    b"/a/\xef\xbf\xb0",
    b"/a/\xef\xbf\xbf",
    b"/b/x\xef\xbf\xbd",
    b"/a/\xf0\x9f\xa6\x95",
    b"/a/\xff",
    b"/b/\xc3",
    b"/a/\xc0\xaf",
    b"/a/" + b"n" * 3000,
)

GOOD_VERSIONS: Final = (-1, -1, -1, -1, 0, 0, 1, 2, 3)
BAD_VERSIONS: Final = (-2, 100, 2**31 - 1, -(2**31))

GOOD_FLAGS: Final = (0, 0, 0, 0, 1, 1, 1, 2, 2, 3)
OTHER_FLAGS: Final = (4, 5, 6, -1, 7, 8, 16, 2**31 - 1, -(2**31))

GOOD_TTLS: Final = (1, 1000, 86_400_000, 2**40 - 1)
BAD_TTLS: Final = (0, -1, 2**40, 2**41 + 5, 2**63 - 1, -(2**63))

OPEN: Final = [Acl(31, b"world", b"anyone")]
GOOD_ACLS: Final[tuple[list[Acl], ...]] = (
    [Acl(1, b"world", b"anyone")],
    [Acl(4, b"world", b"anyone")],
    [Acl(31 - 1, b"world", b"anyone")],
    [Acl(31 - 8, b"world", b"anyone")],
    [Acl(31 - 16, b"world", b"anyone")],
    [Acl(31, b"digest", USER_IDS[0])],
    [Acl(31, b"digest", USER_IDS[1]), Acl(1, b"world", b"anyone")],
    [Acl(16, b"digest", USER_IDS[0]), Acl(15, b"world", b"anyone")],
    [Acl(31, b"ip", b"127.0.0.1")],
    [Acl(31, b"ip", b"127.0.0.1/8")],
    [Acl(31, b"ip", b"10.0.0.0/8"), Acl(1, b"ip", b"127.0.0.0/30")],
    [Acl(31, b"ip", b"0.0.0.0/0")],
    [Acl(31, b"world", b"anyone"), Acl(31, b"world", b"anyone")],
    [Acl(1, b"world", b"anyone"), Acl(2, b"world", b"anyone"), Acl(1, b"world", b"anyone")],
    [Acl(31, b"digest", b":x"), Acl(13, b"world", b"anyone")],
    [Acl(0, b"world", b"anyone")],
    [Acl(-1, b"world", b"anyone")],
    [Acl(255, b"world", b"anyone"), Acl(1, b"digest", b"carl:\xc3\xbc")],
)
#: Granted or not according to what the connection has authenticated as.
AUTH_ACLS: Final[tuple[list[Acl], ...]] = (
    [Acl(31, b"auth", b"")],
    [Acl(31, b"auth", b"ignored")],
    [Acl(15, b"auth", None), Acl(1, b"world", b"anyone")],
)
BAD_ACLS: Final[tuple[list[Acl] | None, ...]] = (
    None,
    [],
    [Acl(31, b"world", b"everyone")],
    [Acl(31, b"world", b"")],
    [Acl(31, b"world", None)],
    [Acl(31, None, b"anyone")],
    [Acl(31, None, None)],
    [Acl(31, b"", b"")],
    [Acl(31, b"digest", b"ann")],
    [Acl(31, b"digest", b"ann:")],
    [Acl(31, b"digest", b":")],
    [Acl(31, b"digest", b"ann:b:c")],
    [Acl(31, b"digest", b"")],
    [Acl(31, b"digest", None)],
    [Acl(31, b"ip", b"127.0.0.1/33")],
    [Acl(31, b"ip", b"127.0.0.1/-1")],
    [Acl(31, b"ip", b"127.0.0.1/x")],
    [Acl(31, b"ip", b"127.0.0.1/")],
    [Acl(31, b"ip", b"127.0.0")],
    [Acl(31, b"ip", b"127.0.0.256")],
    [Acl(31, b"ip", b"127.0.0.1.5")],
    [Acl(31, b"ip", b"127.0.0.1/8/8")],
    [Acl(31, b"ip", b"::1")],
    [Acl(31, b"ip", b"")],
    [Acl(31, b"ip", b"+1.2.3.4")],
    [Acl(31, b"super", b"")],
    [Acl(31, b"sasl", b"ann")],
    [Acl(31, b"x509", b"CN=ann")],
    [Acl(31, b"ensemble", b"x")],
    [Acl(31, b"nobody", b"x")],
    [Acl(31, b"World", b"anyone")],
    [Acl(31, b"world", b"anyone"), Acl(31, b"world", b"everyone")],
)

DATA: Final = (None, b"", b"x", b"value", b"0123456789" * 4, bytes(range(256)), b"\xff\x00")

#: Codes that no operation has; the server answers Unimplemented and closes.
UNKNOWN_OPS: Final = (0, -1, 10, 23, 24, 50, 99, 108, 200, 1000, -2, -9, 2**31 - 1, -(2**31))
WATCHER_TYPES_BAD: Final = (0, -1, 6, 100, -(2**31))
ADD_WATCH_MODES_BAD: Final = (-1, 2, 3, 100, 2**31 - 1)
EPHEMERAL_PREFIXES: Final = (None, b"", b"/", b" ", b"/a", b"/a/x", b"/b/", b"/a/s", b"nowhere")
RECONFIG_TEXTS: Final = (
    None,
    b"",
    b"server.1=127.0.0.1:1:2:participant;127.0.0.1:3",
    b"server.x",
    b"1",
    b"1,2",
)
