"""Apache's state at its last zxid: the newest whole snapshot, and the logs behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from zkserver.apache.directory import (
    ApacheDataError,
    DamagedFileError,
    NamedFile,
    epochs,
    logs,
    snapshots,
)
from zkserver.apache.logs import LogFile
from zkserver.apache.snapshots import DigestNote, Snapshot, read_snapshot
from zkserver.apache.transactions import Nothing, Transaction
from zkserver.apache.znodes import ApacheTree, MissingAcl, Znode, orphan
from zkserver.tree.acl import OPEN, READABLE

_EPOCH_BITS: Final = 32
_COUNTER_MASK: Final = 0xFFFFFFFF
_CONFIG: Final = b"/zookeeper/config"
_MEND: Final = "let Apache's server start on a copy of the directory and stop it, then import that"


@dataclass(slots=True)
class Loaded:
    """What a directory amounts to."""

    tree: ApacheTree
    #: Of the last transaction, or of the snapshot when none follows it.
    zxid: int
    accepted_epoch: int
    current_epoch: int
    #: None where there is only a log.
    snapshot: str | None
    #: How many transactions were replayed on it.
    transactions: int = 0
    #: What was passed over or differs, for people.
    notes: list[str] = field(default_factory=list)

    @property
    def epoch(self) -> int:
        """The highest epoch that the directory tells of."""
        return max(self.zxid >> _EPOCH_BITS, self.accepted_epoch, self.current_epoch)

    @property
    def seen_zxid(self) -> int:
        """The highest zxid that a client may have been told.

        A leader answers with the beginning of its epoch before it has written anything.
        """
        return max(self.zxid, self.current_epoch << _EPOCH_BITS)


def load(
    data_dir: str, log_dir: str, *, trust_empty: bool = False, extended_types: bool = True
) -> Loaded:
    """Read Apache's state from dataDir and dataLogDir, and change nothing there.

    ``trust_empty`` takes a log without any snapshot for the whole history, as Apache does
    with ``snapshot.trust.empty``; ``extended_types`` says whether there are TTL znodes.
    Raises :class:`ApacheDataError` and ``OSError``.
    """
    _check_places(data_dir, log_dir)
    accepted, current = epochs(data_dir)
    base, chosen, notes, damage = _choose_snapshot(data_dir, extended_types)
    files = _logs_behind(logs(log_dir), -1 if chosen is None else chosen.zxid)
    if base is None:
        if damage is not None and not (trust_empty and files and files[0].zxid <= 1):
            raise damage
        if not files:
            raise ApacheDataError(f"{data_dir}: there is no data of Apache ZooKeeper")
        if not trust_empty:
            raise ApacheDataError(
                f"{data_dir}: there are logs and no valid snapshot, so that what came before them"
                " may be missing; snapshot.trust.empty=true takes the logs for all there is"
            )
        base = Snapshot(_empty_tree(extended_types), None)
    loaded = Loaded(
        base.tree,
        0 if chosen is None else chosen.zxid,
        accepted,
        current,
        None if chosen is None else chosen.path,
        notes=notes,
    )
    loaded.tree.settle_quotas()
    _replay(loaded, files, base.digest, is_whole=chosen is None)
    _finish(loaded)
    return loaded


def _check_places(data_dir: str, log_dir: str) -> None:
    """``FileTxnSnapLog.checkSnapDir`` and ``checkLogDir``: nothing may be left aside."""
    if data_dir == log_dir:
        return
    for place, strays, key in (
        (data_dir, logs(data_dir), "logs, which belong into dataLogDir"),
        (log_dir, snapshots(log_dir), "snapshots, which belong into dataDir"),
    ):
        if strays:
            raise ApacheDataError(
                f"{place}: there are {key}, such as {strays[-1].path}; are dataDir and"
                " dataLogDir those of Apache's server?"
            )


def _choose_snapshot(
    data_dir: str, extended_types: bool
) -> tuple[Snapshot | None, NamedFile | None, list[str], DamagedFileError | None]:
    """The newest snapshot that is whole, and what is wrong with newer ones."""
    notes: list[str] = []
    damage: DamagedFileError | None = None
    for found in snapshots(data_dir):
        try:
            snapshot = read_snapshot(found.path, extended_types=extended_types)
            return snapshot, found, notes, damage
        except DamagedFileError as error:
            damage = damage or error
            notes.append(f"{error}; an older snapshot and the logs are used instead")
    return None, None, notes, damage


def _logs_behind(files: list[NamedFile], snapshot_zxid: int) -> list[NamedFile]:
    """The logs that may hold what follows the snapshot (``FileTxnIterator.init``)."""
    first = 0
    for number, found in enumerate(files):
        if found.zxid < snapshot_zxid + 1:
            first = number
    return files[first:]


@dataclass(slots=True)
class LogEnds:
    """Follows the ends of logs, so that no transaction is missing between or within them."""

    #: The last zxid that is accounted for.
    zxid: int
    #: Whether the first transaction may be any: nothing says what came before it.
    is_open: bool = False
    before: LogFile | None = None
    notes: list[str] = field(default_factory=list)

    def expect(self, log: LogFile, zxid: int) -> None:
        """The next transaction that counts is ``zxid``; raises where some must be missing."""
        follows = zxid == self.zxid + 1
        begins_epoch = zxid >> _EPOCH_BITS > self.zxid >> _EPOCH_BITS and (
            zxid & _COUNTER_MASK in (0, 1)
        )
        if not (follows or begins_epoch or self.is_open):
            file, offset = log.path, log.at
            if log.count == 1 and self.before is not None:
                # The first of this file: what is missing was behind the end of the one before.
                file, offset = self.before.path, self.before.end
            raise DamagedFileError(
                file,
                offset,
                f"transactions behind zxid {self.zxid:#x} are missing: {zxid:#x} comes next,"
                f" in {log.path}; {_MEND}",
            )
        self.is_open = False
        self.zxid = zxid

    def ended(self, log: LogFile, next_zxid: int | None) -> None:
        """A log was read to its end, and the next one begins with ``next_zxid``.

        Raises where its last part may have been damaged.
        """
        behind = None if next_zxid == self.zxid + 1 else log.entry_behind_end()
        if behind is not None:
            raise DamagedFileError(
                log.path,
                log.end,
                f"no entry can be read here, but there is a whole one at offset {behind}: either"
                " what is between them was damaged, or a crash left a last write in part"
                f" (then {_MEND})",
            )
        if log.torn_bytes:
            self.notes.append(
                f"{log.path}: {log.torn_bytes} bytes from offset {log.end} on are passed over: a"
                " write that a crash left unfinished"
            )
        self.before = log


def read_logs(files: list[NamedFile], zxid: int, *, is_open: bool = False) -> _Reading:
    """Read ``files`` for the transactions above ``zxid``; see :class:`_Reading`."""
    return _Reading(files, LogEnds(zxid, is_open))


@dataclass(slots=True)
class _Reading:
    """The transactions of several logs above a zxid, in order, none missing."""

    files: list[NamedFile]
    ends: LogEnds

    def __iter__(self) -> Iterator[Transaction]:
        above = self.ends.zxid
        for number, found in enumerate(self.files):
            log = LogFile(found.path)
            for transaction in log.entries():
                if transaction.zxid > above:
                    self.ends.expect(log, transaction.zxid)
                    above = transaction.zxid
                    yield transaction
            following = self.files[number + 1 : number + 2]
            self.ends.ended(log, following[0].zxid if following else None)


def _replay(
    loaded: Loaded, files: list[NamedFile], note: DigestNote | None, *, is_whole: bool
) -> None:
    tree = loaded.tree
    if note is not None and note.zxid == loaded.zxid:
        _compare(loaded, note.value)
    reading = read_logs(files, loaded.zxid, is_open=is_whole)
    last: int | None = None
    for transaction in reading:
        tree.apply(transaction)
        loaded.zxid = transaction.zxid
        loaded.transactions += 1
        if transaction.digest is not None or not isinstance(transaction.change, Nothing):
            last = transaction.digest
        if note is not None and transaction.zxid == note.zxid:
            _compare(loaded, note.value)
    loaded.notes += reading.ends.notes
    if last is not None and (note is None or note.zxid != loaded.zxid):
        _compare(loaded, last)


def _compare(loaded: Loaded, expected: int) -> None:
    """Apache goes on with another digest than it has written, and says so; so do we."""
    found = loaded.tree.digest()
    if found != expected:
        loaded.notes.append(
            f"the digest of all znodes at zxid {loaded.zxid:#x} is {found:#x} by what was read,"
            f" and {expected:#x} by what Apache wrote: something in them may differ"
        )


def _finish(loaded: Loaded) -> None:
    tree = loaded.tree
    lost = tree.end_lost_sessions(loaded.zxid)
    if lost:
        loaded.notes.append(f"ephemerals of {lost} sessions that had ended were removed")
    for path, node in tree.nodes.items():
        if isinstance(node.acl, MissingAcl):
            raise ApacheDataError(
                f"{loaded.snapshot}: the ACL {node.acl.key} of {path.decode(errors='replace')} is"
                " neither in it nor in the logs behind it"
            )
    stray = orphan(tree)
    if stray is not None:
        raise ApacheDataError(
            f"{loaded.snapshot}: {stray.decode(errors='replace')} has no parent behind the logs"
        )
    _plant(tree)


def _empty_tree(extended_types: bool) -> ApacheTree:
    tree = ApacheTree(extended_types=extended_types)
    tree.load(b"", Znode(b"", OPEN))
    return tree


def _plant(tree: ApacheTree) -> None:
    """Add the system's znodes that an old version did not have, as Apache's newer ones do."""
    for path in (b"/zookeeper", b"/zookeeper/quota"):
        if path not in tree.nodes:
            tree.load(path, Znode(b"", OPEN))
    if _CONFIG not in tree.nodes:
        # DataTree.addConfigNode sets the ACL with version -1.
        tree.load(_CONFIG, Znode(b"", READABLE, aversion=-1))
