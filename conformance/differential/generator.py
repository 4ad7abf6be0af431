"""Makes requests from a seed: mostly about a small namespace, sometimes wrong in a chosen way.

The generator does not model the servers. It knows only what the lock step driver has
seen: the last zxid, a few sequential names that were made (nobody could guess them), and
on which paths the connection has persistent watches, since 3.8.0 treats watcher types
on those differently from later releases (see :mod:`conformance.differential.known`).
"""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from conformance.differential import arguments as pool
from conformance.differential import operations as make
from conformance.differential.operations import Acl, Place, Request
from conformance.rawclient import pack_bytes
from zkserver.wire.opcodes import Op

_SEQUENTIAL_KEPT = 24
_BURST_MAX = 12


@dataclass(slots=True)
class SessionView:
    """What the generator may know of the session that will send the request.

    The sets name what *may* be watched: a request that fails watches nothing.
    """

    #: The zxid that the session saw last.
    last_zxid: int = 0
    #: Path to mode of the watches by addWatch and setWatches2 on the present connection.
    persistent: dict[bytes, int] = field(default_factory=dict)
    #: Paths with standard watches on the present connection.
    standard: set[bytes] = field(default_factory=set)
    #: Paths that it has asked to watch in any way, on any connection so far.
    watched: set[bytes] = field(default_factory=set)

    def reconnected(self) -> None:
        """Watches belong to the connection, so a new one has none."""
        self.persistent.clear()
        self.standard.clear()

    def note(self, request: Request) -> None:
        """Remember what ``request``, if it succeeds, makes the connection watch."""
        if request.op in (Op.SET_WATCHES, Op.SET_WATCHES2):
            lists = [paths for paths in request.arguments[1:] if isinstance(paths, list)]
            for number, paths in enumerate(lists):
                self.watched.update(paths)
                if number < 3:
                    self.standard.update(paths)
                else:
                    self.persistent.update(dict.fromkeys(paths, number - 3))
        elif request.arguments and isinstance(path := request.arguments[0], bytes):
            if request.op == Op.ADD_WATCH and isinstance(mode := request.arguments[1], int):
                self.watched.add(path)
                self.persistent[path] = mode
            elif request.op in _WATCHING_READS and request.arguments[1]:
                self.watched.add(path)
                self.standard.add(path)


_WATCHING_READS: Final = (Op.EXISTS, Op.GET_DATA, Op.GET_CHILDREN, Op.GET_CHILDREN2)


class Generator:
    """An endless stream of requests, a function of the seed and of what the driver tells it.

    ``single_writes`` allows one write in a burst, a precaution where hard quotas are on: if
    they are checked against the applied tree and not the writes still on their way, a
    pipelined second write would be refused or not as the threads happen to run.
    """

    def __init__(self, seed: int, *, single_writes: bool = False) -> None:
        self.random = random.Random(seed)
        self._single_writes = single_writes
        self._sequential: deque[bytes] = deque(maxlen=_SEQUENTIAL_KEPT)
        self._kinds = [kind for kind, _ in self._table()]
        self._weights = [weight for _, weight in self._table()]

    def created(self, path: bytes) -> None:
        """Tell of a sequential name that a server made, so that it can be used again."""
        if path not in pool.NAMESPACE and path not in self._sequential:
            self._sequential.append(path)

    def burst(self, view: SessionView) -> list[Request]:
        """One to twelve requests that may be sent in one write."""
        size = 1 if self.random.random() < 0.3 else self.random.randint(2, _BURST_MAX)
        requests: list[Request] = []
        settled = True
        while len(requests) < size:
            request = self.request(view)
            if request.writes and not settled:
                continue
            if requests and request.place in (Place.ALONE, Place.FIRST):
                continue
            requests.append(request)
            view.note(request)
            settled = settled and not self._unsettles(request)
            if request.place is Place.ALONE:
                break
        return requests

    def _unsettles(self, request: Request) -> bool:
        """Whether a write behind ``request`` in the same burst would have no certain answer.

        Two runs of 3.8.0 once disagreed about NoAuth; the likely cause is that a write behind
        a pipelined setACL is checked against the old list or the new one as its threads
        happen to run. And it registers the watch of exists without READ: the driver must
        have taken that watch away before anything can fire it.
        """
        if request.op == Op.EXISTS:
            return bool(request.arguments[1])
        return request.op == Op.SET_ACL or (self._single_writes and request.writes)

    def request(self, view: SessionView) -> Request:
        """One request, damaged now and then."""
        kind = self.random.choices(self._kinds, self._weights)[0]
        request = kind(view)
        if self.random.random() < 0.02 and _may_damage(request):
            return self._damage(request)
        return request

    def _table(self) -> list[tuple[Callable[[SessionView], Request], float]]:
        """How often each kind of request is drawn."""
        return [
            (self._create, 24),
            (self._create_ttl, 3),
            (self._delete, 14),
            (self._set_data, 12),
            (self._set_acl, 3),
            (self._multi, 7),
            (self._reconfig, 0.3),
            (self._read, 14),
            (self._children, 9),
            (self._get_acl, 4),
            (self._count_children, 1.5),
            (self._ephemerals, 1.5),
            (self._sync, 1.5),
            (self._bare, 2),
            (self._multi_read, 3),
            (self._add_watch, 2),
            (self._check_watches, 2),
            (self._remove_watches, 2.5),
            (self.set_watches, 1),
            (self._good_auth, 1),
            (self._bad_auth, 0.8),
            (self._sasl, 0.6),
            (self._unknown_op, 0.8),
        ]

    # Arguments.

    def path(self) -> bytes | None:
        """A path: known, sequential, of the system or bad."""
        dice = self.random.random()
        if dice < 0.84:
            return self.random.choice(pool.NAMESPACE)
        if dice < 0.92 and self._sequential:
            return self.random.choice(self._sequential)
        if dice < 0.95:
            return self.random.choice(pool.SYSTEM_PATHS)
        if dice < 0.975:
            return self.random.choice(pool.QUOTA_PATHS)
        return self.random.choice(pool.BAD_PATHS)

    def _paths(self, most: int = 5) -> list[bytes]:
        return [self.path() or b"/a" for _ in range(self.random.randint(0, most))]

    def _mostly(self, good: Sequence[int], bad: Sequence[int], share_bad: float = 0.05) -> int:
        return self.random.choice(bad if self.random.random() < share_bad else good)

    def _version(self) -> int:
        return self._mostly(pool.GOOD_VERSIONS, pool.BAD_VERSIONS, 0.03)

    def _acl(self) -> list[Acl] | None:
        dice = self.random.random()
        if dice < 0.72:
            return pool.OPEN
        if dice < 0.88:
            return self.random.choice(pool.GOOD_ACLS)
        if dice < 0.94:
            return self.random.choice(pool.AUTH_ACLS)
        return self.random.choice(pool.BAD_ACLS)

    def _data(self, path: bytes | None) -> bytes | None:
        if path is not None and path.startswith(b"/zookeeper/quota"):
            return self.random.choice(pool.LIMITS)
        if self.random.random() < 0.01:
            return b"\x00" * self.random.randint(1000, 20_000)
        return self.random.choice(pool.DATA)

    def _watch(self, view: SessionView, path: bytes | None) -> bool:
        # In 3.8.0 a standard watch replaces the persistent one on the same path.
        return self.random.random() < 0.5 and path not in view.persistent

    # Writes.

    def _create(self, _view: SessionView) -> Request:
        flags = self._mostly(pool.GOOD_FLAGS, pool.OTHER_FLAGS, 0.06)
        path = self.path()
        if flags in (2, 3, 6) and self.random.random() < 0.9:
            path = self.random.choice(pool.SEQUENTIAL_PREFIXES)
        op = self.random.choice((Op.CREATE, Op.CREATE, Op.CREATE2, Op.CREATE2, Op.CREATE_CONTAINER))
        if op is Op.CREATE_CONTAINER and self.random.random() < 0.8:
            flags = 4
        if flags in (1, 3) and (path or b"").startswith(b"/zookeeper/quota"):
            # A session's end deletes its znodes in no given order, and when limits go
            # among others decides which quota those are counted in.
            flags -= 1
        return make.create(op, path, self._data(path), self._acl(), flags)

    def _create_ttl(self, _view: SessionView) -> Request:
        flags = self._mostly((5, 5, 6), (*pool.GOOD_FLAGS, *pool.OTHER_FLAGS), 0.15)
        path = self.random.choice(pool.SEQUENTIAL_PREFIXES) if flags == 6 else self.path()
        ttl = self._mostly(pool.GOOD_TTLS, pool.BAD_TTLS, 0.15)
        if flags not in (5, 6):
            # 3.8.0 ends itself on a negative ttl with a mode that has none.
            ttl = abs(ttl) % 2**62
        return make.create(Op.CREATE_TTL, path, self._data(path), self._acl(), flags, ttl)

    def _delete(self, _view: SessionView) -> Request:
        return make.with_number(Op.DELETE, self.path(), self._version())

    def _set_data(self, _view: SessionView) -> Request:
        path = self.path()
        return make.set_data(path, self._data(path), self._version())

    def _set_acl(self, _view: SessionView) -> Request:
        return make.set_acl(self.path(), self._acl(), self._version())

    def _check(self, _view: SessionView) -> Request:
        return make.with_number(Op.CHECK, self.path(), self._version())

    def _multi(self, view: SessionView) -> Request:
        kinds = [self._create, self._create, self._create_ttl, self._delete, self._delete]
        kinds += [self._set_data, self._set_data, self._check, self._check]
        parts = [self.random.choice(kinds)(view) for _ in range(self.random.randint(0, 5))]
        # 3.8.0 refuses these without taking a zxid, since it trips while it decodes.
        parts = [part for part in parts if part.arguments[0] is not None]
        dice = self.random.random()
        if dice < 0.02:
            strange = self.random.choice((self._read, self._children, self._set_acl, self._sync))
            parts.append(strange(view))
        elif dice < 0.03:
            parts.append(make.multi(Op.MULTI, parts[:1]))
        return make.multi(Op.MULTI, parts, ended=self.random.random() > 0.01)

    def _reconfig(self, _view: SessionView) -> Request:
        texts = [self.random.choice(pool.RECONFIG_TEXTS) for _ in range(3)]
        return make.reconfig(texts[0], texts[1], texts[2], self.random.choice((-1, 0, 5)))

    # Reads.

    def _read(self, view: SessionView) -> Request:
        op = self.random.choice((Op.EXISTS, Op.GET_DATA, Op.GET_DATA))
        path = self.path()
        return make.read(op, path, watch=self._watch(view, path))

    def _children(self, view: SessionView) -> Request:
        op = self.random.choice((Op.GET_CHILDREN, Op.GET_CHILDREN2))
        path = self.path()
        return make.read(op, path, watch=self._watch(view, path))

    def _get_acl(self, _view: SessionView) -> Request:
        return make.on_path(Op.GET_ACL, self.path())

    def _count_children(self, _view: SessionView) -> Request:
        return make.on_path(Op.GET_ALL_CHILDREN_NUMBER, self.path())

    def _ephemerals(self, _view: SessionView) -> Request:
        return make.on_path(Op.GET_EPHEMERALS, self.random.choice(pool.EPHEMERAL_PREFIXES))

    def _sync(self, _view: SessionView) -> Request:
        return make.on_path(Op.SYNC, self.path())

    def _bare(self, _view: SessionView) -> Request:
        return Request(self.random.choice((Op.WHO_AM_I, Op.PING)), b"")

    def _multi_read(self, view: SessionView) -> Request:
        parts = []
        for _ in range(self.random.randint(0, 5)):
            part = self.random.choice((self._read, self._children))(view)
            op = {Op.EXISTS: Op.GET_DATA, Op.GET_CHILDREN2: Op.GET_CHILDREN}.get(Op(part.op))
            parts.append(part if op is None else replace(part, op=op))
        dice = self.random.random()
        if dice < 0.02:
            parts.append(make.read(Op.EXISTS, self.path(), watch=False))
        elif dice < 0.04:
            parts.append(self.random.choice((self._delete, self._set_data))(view))
        return make.multi(Op.MULTI_READ, parts, ended=self.random.random() > 0.01)

    # Watches and identities.

    def _add_watch(self, view: SessionView) -> Request:
        mode = self._mostly((0, 1), pool.ADD_WATCH_MODES_BAD)
        path = self.path()
        if path is None and mode in (0, 1):
            # 3.8.0 cannot close a connection that watches the null path; a probe holds that.
            path = b""
        if path is not None and mode in (0, 1):
            # One mode per path and connection: in 3.8.0 the last one replaces the others.
            mode = view.persistent.get(path, mode)
            if path in view.standard:
                mode = self.random.choice(pool.ADD_WATCH_MODES_BAD)
        return make.with_number(Op.ADD_WATCH, path, mode)

    def _check_watches(self, _view: SessionView) -> Request:
        kind = self._mostly((1, 2, 3), (*pool.WATCHER_TYPES_BAD, 4, 5))
        return make.with_number(Op.CHECK_WATCHES, self.path(), kind)

    def _remove_watches(self, view: SessionView) -> Request:
        path = self.path()
        kind = self._mostly((1, 2, 3), pool.WATCHER_TYPES_BAD)
        if path in view.persistent and kind in (1, 2):
            # What is removed depends on the release; only "any" means the same everywhere.
            kind = 3
        return make.with_number(Op.REMOVE_WATCHES, path, kind)

    def set_watches(self, view: SessionView) -> Request:
        """A setWatches or setWatches2 as clients send it after a reconnect."""
        behind = self.random.choice((0, 0, 1, 5, 50, 10**9))
        relative = self.random.choice((view.last_zxid - behind, 0, -1, 2**62))
        op = self.random.choice((Op.SET_WATCHES, Op.SET_WATCHES2))
        lists = [self._paths() for _ in range(5 if op is Op.SET_WATCHES2 else 3)]
        taken = {*view.persistent}
        lists[:3] = [[path for path in paths if path not in taken] for paths in lists[:3]]
        for number in range(3, len(lists)):
            taken = {*view.persistent, *view.standard, *itertools.chain(*lists[:number])}
            lists[number] = [path for path in lists[number] if path not in taken]
        return make.set_watches(op, relative, lists)

    def good_auth(self) -> Request:
        """An auth packet that succeeds."""
        if self.random.random() < 0.1:
            return make.auth(b"ip", self.random.choice((b"", b"1.2.3.4", None)), closes=False)
        secret = self.random.choice((*pool.USERS, b"carl:\xc3\xbc", b"nocolon"))
        return make.auth(b"digest", secret, closes=False)

    def _good_auth(self, _view: SessionView) -> Request:
        return self.good_auth()

    def _bad_auth(self, _view: SessionView) -> Request:
        scheme = self.random.choice((b"world", b"sasl", b"x509", b"super", b"", b"nobody", b"auth"))
        packet = make.auth(scheme, b"ann:secret", closes=True)
        if self.random.random() < 0.2:
            kept = self.random.randrange(len(packet.body))
            return packet.damaged(packet.body[:kept], f"cut to {kept} bytes")
        return packet

    def _sasl(self, _view: SessionView) -> Request:
        token = self.random.choice((b"", b"token", None))
        place = Place.ALONE if token is None else Place.FIRST
        return Request(Op.SASL, pack_bytes(token), (token,), place)

    def _unknown_op(self, _view: SessionView) -> Request:
        body = self.random.randbytes(self.random.choice((0, 4, 20)))
        return Request(self.random.choice(pool.UNKNOWN_OPS), body, (body,), Place.ALONE)

    # Damage.

    def _damage(self, request: Request) -> Request:
        body = request.body
        dice = self.random.random()
        if dice < 0.45 or (_fragile(request) and dice < 0.6):
            kept = self.random.randrange(len(body))
            return request.damaged(body[:kept], f"cut to {kept} bytes")
        if dice < 0.6 or _fragile(request):
            return request.damaged(body + self.random.randbytes(5), "bytes behind the record")
        at = self.random.randrange(len(body))
        if dice < 0.8:
            length = self.random.choice((b"\xff\xff\xff\xff", b"\xff\xff\xff\xfe", b"\x7f" * 4))
            if request.op == Op.MULTI and length == b"\xff\xff\xff\xff":
                # A null path, for which 3.8.0 uses up a zxid but shows the one before it
                # until the next write. A probe holds the answer.
                length = b"\xff\xff\xff\xfe"
            return request.damaged(body[:at] + length + body[at + 4 :], f"a length at {at}")
        byte = bytes((self.random.randrange(256),))
        return request.damaged(body[:at] + byte + body[at + 1 :], f"a byte at {at}")


#: Watch requests whose damage would leave the driver ignorant of what is watched, and those
#: whose damage may mean that the connection is closed.
_NEVER_DAMAGED: Final = frozenset(
    (
        Op.ADD_WATCH,
        Op.REMOVE_WATCHES,
        Op.SET_WATCHES,
        Op.SET_WATCHES2,
        Op.AUTH,
        Op.SASL,
        # Whether the difference of types 4 and 5 is met has to be seen from the arguments.
        Op.CHECK_WATCHES,
        # A malformed one takes no zxid in 3.8.0, unlike every other malformed write.
        Op.RECONFIG,
    )
)


def _fragile(request: Request) -> bool:
    """Whether a changed field may do what the generator avoids.

    It could be read as a negative ttl, of which 3.8.0 dies, or as a watch on a path that has
    one of another mode.
    """
    if request.op in (Op.CREATE_TTL, *_WATCHING_READS):
        return True
    return any(map(_fragile, request.parts))


def _may_damage(request: Request) -> bool:
    """Whether a damaged copy may be sent: 3.8.0 dies of a malformed zookeeper_stats."""
    if request.place is not Place.ANYWHERE or request.op in _NEVER_DAMAGED:
        return False
    return bool(request.body) and b"/zookeeper/quota" not in request.body
