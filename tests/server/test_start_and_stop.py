"""What a server finds at its start, what it refuses, and what its disk may do to it."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from tests.server.harness import (
    Client,
    Running,
    config_of,
    create_body,
    delete_body,
    running,
    wait_until,
    watch_body,
)
from zkserver.errors import StartError
from zkserver.server import app
from zkserver.server.app import Server
from zkserver.server.loop import Loop
from zkserver.storage import DirectoryLocked, DiskFailed, DiskFile, OsDisk
from zkserver.wire.opcodes import Op


def test_restart_keeps_data_sessions_and_ephemerals(tmp_path: Path) -> None:
    with running(tmp_path) as server, Client(server.port) as client:
        assert client.create(b"/kept", b"data") == 0
        assert client.set_data(b"/kept", b"newer") == 0
        assert client.create(b"/e", flags=1) == 0
        assert client.create(b"/n-", flags=2) == 0
        last = client.call(Op.DELETE, delete_body(b"/none")).zxid
    with running(tmp_path) as server, Client(server.port, like=client.handshake) as again:
        assert again.handshake.session_id == client.handshake.session_id
        assert again.handshake.password == client.handshake.password
        assert again.get(b"/kept") == b"newer"
        assert again.children(b"/") == {b"zookeeper", b"kept", b"e", b"n-0000000002"}
        made = again.call(Op.CREATE, create_body(b"/n-", flags=2))
        assert made.zxid == last + 1
        assert made.body[4:] == b"/n-0000000003"
        again.send(Op.CLOSE_SESSION)
        assert again.receive() is not None
    with running(tmp_path) as server, Client(server.port) as other:
        assert not other.exists(b"/e")


def test_session_whose_client_is_gone_expires_after_a_restart(tmp_path: Path) -> None:
    with running(tmp_path) as server, Client(server.port, timeout_ms=200) as client:
        assert client.create(b"/e", flags=1) == 0
    with running(tmp_path) as server, Client(server.port) as other:
        wait_until(lambda: not other.exists(b"/e"), "the ephemeral of a dead client to go")


def test_two_servers_on_one_directory_are_refused(tmp_path: Path) -> None:
    with running(tmp_path) as server, Client(server.port) as client:
        with pytest.raises(DirectoryLocked, match=r"is in use by process .*stop that server"):
            Server(config_of(tmp_path), own_process=False)
        assert client.create(b"/a") == 0
    with running(tmp_path) as server, Client(server.port) as client:
        assert client.exists(b"/a")


def test_taken_port_is_named(tmp_path: Path) -> None:
    with (
        running(tmp_path / "one") as server,
        pytest.raises(StartError, match=f"cannot listen on 127.0.0.1:{server.port}"),
    ):
        Server(config_of(tmp_path / "two", client_port=server.port), own_process=False)


def test_directory_with_damaged_data_of_apache_s_is_refused_and_not_touched(tmp_path: Path) -> None:
    log = tmp_path / "version-2" / "log.1"
    log.parent.mkdir()
    log.write_bytes(b"ZKLG")
    with pytest.raises(StartError, match=r"snapshot\.trust\.empty=true takes the logs for all"):
        Server(config_of(tmp_path), own_process=False)
    with pytest.raises(StartError, match=r"log\.1, offset 4: the file ends within its header"):
        Server(config_of(tmp_path, trust_empty_snapshot=True), own_process=False)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["log.1", "version-2"]


def test_failed_start_gives_port_and_directory_back(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        port = server.port
        with pytest.raises(DirectoryLocked):
            Server(config_of(tmp_path), own_process=False)
    with running(tmp_path, client_port=port) as server:
        assert server.port == port


class FailingDisk(OsDisk):
    """A disk whose files fail to ``operation`` once it is told to."""

    def __init__(self, operation: str) -> None:
        self.operation = operation
        self.broken = False

    def open(self, path: str, *, write: bool = True) -> DiskFile:
        return FailingFile(self, super().open(path, write=write), path)

    def create(self, path: str) -> DiskFile:
        return FailingFile(self, super().create(path), path)


class FailingFile:
    def __init__(self, disk: FailingDisk, file: DiskFile, path: str) -> None:
        self.disk = disk
        self.file = file
        self.path = path

    def _fail(self, operation: str) -> None:
        if self.disk.broken and self.disk.operation == operation:
            raise DiskFailed(self.path, operation, errno.EIO)

    def pwrite(self, data: bytes, offset: int) -> None:
        self._fail("write")
        self.file.pwrite(data, offset)

    def datasync(self) -> None:
        self._fail("flush")
        self.file.datasync()

    def pread(self, n: int, offset: int) -> bytes:
        return self.file.pread(n, offset)

    def size(self) -> int:
        return self.file.size()

    def truncate(self, n: int) -> None:
        self.file.truncate(n)

    def close(self) -> None:
        self.file.close()


@pytest.mark.parametrize("threaded", [False, True], ids=["inline", "in the thread"])
@pytest.mark.parametrize("operation", ["write", "flush"])
def test_write_that_the_disk_does_not_take_is_never_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str, threaded: bool
) -> None:
    disk = FailingDisk(operation)
    monkeypatch.setattr(app, "OsDisk", lambda: disk)
    server = Running(config_of(tmp_path))
    with Client(server.port) as client, Client(server.port) as reader:
        assert client.create(b"/acknowledged") == 0
        committer = server.server.committer
        server.inside(lambda: setattr(committer, "_threaded", threaded))
        disk.broken = True
        client.send(Op.CREATE, create_body(b"/lost"))
        assert client.is_closed_by_server()
        assert reader.is_closed_by_server()
    server.join()
    assert isinstance(server.failure, DiskFailed)
    assert operation in str(server.failure)
    monkeypatch.undo()
    with running(tmp_path) as again, Client(again.port) as client:
        assert client.exists(b"/acknowledged")


def test_snapshots_of_an_embedded_server_are_written_and_used(tmp_path: Path) -> None:
    with running(tmp_path, snap_count=10) as server, Client(server.port) as client:
        for n in range(60):
            assert client.create(b"/n-", b"%d" % n, flags=2) == 0
        stats = server.server.core.stats
        wait_until(lambda: stats.snapshots > 0, "a snapshot")
    assert list((tmp_path / "mesozoic-1").glob("snapshot-*"))
    again = Server(config_of(tmp_path), own_process=False)
    try:
        assert again.recovered.snapshot is not None
        assert len(again.core.tree.children[b""]) == 61
        again.core.tree.check_invariants()
    finally:
        again.loop.close()
        again.recovered.close()


def test_empty_container_is_reaped(tmp_path: Path) -> None:
    with (
        running(tmp_path, container_check_interval_ms=20) as server,
        Client(server.port) as client,
    ):
        assert client.create(b"/box", flags=4, op=Op.CREATE_CONTAINER) == 0
        assert client.create(b"/unused", flags=4, op=Op.CREATE_CONTAINER) == 0
        assert client.create(b"/box/x") == 0
        assert client.call(Op.DELETE, delete_body(b"/box/x")).err == 0
        wait_until(lambda: not client.exists(b"/box"), "the container to be reaped")
        assert client.exists(b"/unused")


def test_ttl_znode_goes_when_its_time_is_over_and_its_watcher_is_told(tmp_path: Path) -> None:
    with (
        running(tmp_path, container_check_interval_ms=20) as server,
        Client(server.port) as client,
    ):
        ttl = (1).to_bytes(8, "big")
        assert client.call(Op.CREATE_TTL, create_body(b"/short", flags=5) + ttl).err == 0
        forever = (1 << 39).to_bytes(8, "big")
        assert client.call(Op.CREATE_TTL, create_body(b"/long", flags=5) + forever).err == 0
        client.call(Op.EXISTS, watch_body(b"/short", watch=True))
        wait_until(lambda: not client.exists(b"/short"), "the TTL znode to go")
        assert client.events in ([(2, b"/short")], [])
        assert client.exists(b"/long")


def test_idle_server_sleeps_between_its_rounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {"turn": 0, "keep_house": 0}
    for name in counts:
        whole = getattr(Loop, name)

        def counted(self: Loop, time_ms: int, *, name: str = name, whole: Any = whole) -> None:
            counts[name] += 1
            whole(self, time_ms)

        monkeypatch.setattr(Loop, name, counted)
    with running(tmp_path):
        wait_until(lambda: counts["keep_house"] >= 8, "rounds of housekeeping")
    assert counts["turn"] < 10 * counts["keep_house"]
