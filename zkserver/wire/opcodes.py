"""The numbers of the ZooKeeper protocol.

Source: ``ZooDefs.OpCode``, ``KeeperException.Code``, ``CreateMode``,
``Watcher.Event`` and ``AddWatchMode`` of Apache ZooKeeper 3.4 to 3.9.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final


class Op(IntEnum):
    """The operation of a request (the ``type`` of its header)."""

    NOTIFICATION = 0
    CREATE = 1
    DELETE = 2
    EXISTS = 3
    GET_DATA = 4
    SET_DATA = 5
    GET_ACL = 6
    SET_ACL = 7
    GET_CHILDREN = 8
    SYNC = 9
    PING = 11
    GET_CHILDREN2 = 12
    CHECK = 13
    MULTI = 14
    CREATE2 = 15
    RECONFIG = 16
    CHECK_WATCHES = 17
    REMOVE_WATCHES = 18
    CREATE_CONTAINER = 19
    DELETE_CONTAINER = 20
    CREATE_TTL = 21
    MULTI_READ = 22
    AUTH = 100
    SET_WATCHES = 101
    SASL = 102
    GET_EPHEMERALS = 103
    GET_ALL_CHILDREN_NUMBER = 104
    SET_WATCHES2 = 105
    ADD_WATCH = 106
    WHO_AM_I = 107
    CREATE_SESSION = -10
    CLOSE_SESSION = -11
    #: Ours: a client has moved its session to another connection, maybe on another server.
    ATTACH_SESSION = -12
    #: Ours: the leader ends a session that was not heard from.
    EXPIRE_SESSION = -13
    #: Ours: the leader gives the ensemble its id, and the membership it was started with.
    FOUND = -14
    ERROR = -1


class Code(IntEnum):
    """The error code of a reply."""

    OK = 0
    RUNTIME_INCONSISTENCY = -2
    MARSHALLING_ERROR = -5
    UNIMPLEMENTED = -6
    BAD_ARGUMENTS = -8
    NEW_CONFIG_NO_QUORUM = -13
    RECONFIG_IN_PROGRESS = -14
    NO_NODE = -101
    NO_AUTH = -102
    BAD_VERSION = -103
    NO_CHILDREN_FOR_EPHEMERALS = -108
    NODE_EXISTS = -110
    NOT_EMPTY = -111
    SESSION_EXPIRED = -112
    INVALID_ACL = -114
    AUTH_FAILED = -115
    SESSION_MOVED = -118
    NOT_READ_ONLY = -119
    EPHEMERAL_ON_LOCAL_SESSION = -120
    NO_WATCHER = -121
    RECONFIG_DISABLED = -123
    SESSION_CLOSED_REQUIRE_SASL_AUTH = -124
    QUOTA_EXCEEDED = -125
    THROTTLED_OP = -127


class CreateMode(IntEnum):
    """The flags of a create request."""

    PERSISTENT = 0
    EPHEMERAL = 1
    PERSISTENT_SEQUENTIAL = 2
    EPHEMERAL_SEQUENTIAL = 3
    CONTAINER = 4
    PERSISTENT_WITH_TTL = 5
    PERSISTENT_SEQUENTIAL_WITH_TTL = 6


TTL_MODES: Final = (CreateMode.PERSISTENT_WITH_TTL, CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL)


class Perm(IntFlag):
    """The permission bits of an ACL entry."""

    READ = 1
    WRITE = 2
    CREATE = 4
    DELETE = 8
    ADMIN = 16
    ALL = 31


class EventType(IntEnum):
    """The type of a watch event; others exist only inside client libraries."""

    NODE_CREATED = 1
    NODE_DELETED = 2
    NODE_DATA_CHANGED = 3
    NODE_CHILDREN_CHANGED = 4


class WatcherType(IntEnum):
    """Which watches checkWatches and removeWatches mean (4 and 5 since 3.9)."""

    CHILDREN = 1
    DATA = 2
    ANY = 3
    PERSISTENT = 4
    PERSISTENT_RECURSIVE = 5


#: The state that every notification of a server carries (SyncConnected).
STATE_SYNC_CONNECTED: Final = 3

#: The xids that do not count a client's requests.
XID_NOTIFICATION: Final = -1
XID_PING: Final = -2

#: Requests which change the replicated state and therefore go through the log.
WRITES: Final = frozenset(
    int(op)
    for op in (
        Op.CREATE,
        Op.DELETE,
        Op.SET_DATA,
        Op.SET_ACL,
        Op.MULTI,
        Op.CREATE2,
        Op.CREATE_CONTAINER,
        Op.CREATE_TTL,
        Op.RECONFIG,
        Op.CLOSE_SESSION,
    )
)

#: Operations that only the server itself may put into the log.
INTERNAL: Final = frozenset(
    int(op)
    for op in (
        Op.CREATE_SESSION,
        Op.ATTACH_SESSION,
        Op.EXPIRE_SESSION,
        Op.FOUND,
        Op.DELETE_CONTAINER,
    )
)

#: What ``cons`` calls the last operation of a connection (``Request.op2String``).
OP_NAMES: Final[dict[int, str]] = {
    Op.NOTIFICATION: "NOTI",
    Op.CREATE: "CREA",
    Op.CREATE2: "CREA",
    Op.CREATE_CONTAINER: "CREA",
    Op.CREATE_TTL: "CREA",
    Op.DELETE: "DELE",
    Op.EXISTS: "EXIS",
    Op.GET_DATA: "GETD",
    Op.SET_DATA: "SETD",
    Op.GET_ACL: "GETA",
    Op.SET_ACL: "SETA",
    Op.GET_CHILDREN: "GETC",
    Op.GET_CHILDREN2: "GETC",
    Op.GET_ALL_CHILDREN_NUMBER: "GETACN",
    Op.GET_EPHEMERALS: "GETE",
    Op.SYNC: "SYNC",
    Op.PING: "PING",
    Op.CHECK: "CHEC",
    Op.MULTI: "MULT",
    Op.MULTI_READ: "MLTR",
    Op.RECONFIG: "RECO",
    Op.CHECK_WATCHES: "CHKW",
    Op.REMOVE_WATCHES: "REMW",
    Op.SET_WATCHES: "SETW",
    Op.SET_WATCHES2: "STW2",
    Op.ADD_WATCH: "ADDW",
    Op.WHO_AM_I: "HOMI",
    Op.CREATE_SESSION: "SESS",
    Op.CLOSE_SESSION: "CLOS",
    Op.AUTH: "AUTH",
    Op.SASL: "SASL",
}
