"""Connections on real sockets: limits, slow peers, garbage, and what they do to others."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from conformance import rawclient as raw
from tests.server.harness import (
    PATIENCE_S,
    Client,
    Running,
    running,
    set_body,
    wait_until,
    watch_body,
)
from zkserver.limits import OUTPUT_PAUSE_BYTES
from zkserver.server import loop as loop_module
from zkserver.server.client_port import ClientSocket
from zkserver.wire.opcodes import Op

LARGE = 300_000


def backlogs(server: Running) -> list[int]:
    return server.inside(lambda: [len(s.backlog) for s in server.server.loop.sockets.values()])


def is_closed(connection: socket.socket) -> bool:
    """Wait for the end of the stream; true when it came without a byte."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_client_that_does_not_read_is_not_read_and_hurts_nobody(tmp_path: Path) -> None:
    with running(tmp_path) as server, Client(server.port) as slow, Client(server.port) as other:
        assert other.create(b"/large", bytes(LARGE)) == 0
        count = 150
        for xid in range(1, count + 1):
            slow.connection.send(raw.pack_request(xid, Op.GET_DATA, watch_body(b"/large")))
        wait_until(lambda: max(backlogs(server)) > 0, "replies that pile up")
        # The server holds what it has answered, bounded, reads nothing more from the slow
        # one, and goes on for others.
        conn = server.server.core.attached[slow.handshake.session_id]
        taken = server.inside(lambda: conn.frames_received)
        slow.connection.send(raw.pack_request(count + 1, Op.EXISTS, watch_body(b"/")))
        for _ in range(20):
            assert other.set_data(b"/large", bytes(LARGE)) == 0
            assert max(backlogs(server)) < 4 * OUTPUT_PAUSE_BYTES
        assert server.inside(lambda: conn.frames_received) == taken
        replies = [slow.receive() for _ in range(count + 1)]
        assert all(reply is not None and reply.err == 0 for reply in replies)


def test_slow_reader_of_notifications_is_closed_while_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loop_module, "OUTPUT_CLOSE_BYTES", 3 * 1024 * 1024)
    path = b"/" + b"n" * 200_000
    with running(tmp_path) as server, Client(server.port) as slow, Client(server.port) as other:
        assert other.create(path) == 0
        for client in (slow, other):
            assert client.call(Op.ADD_WATCH, raw.pack_bytes(path) + raw.pack_int(0)).err == 0
        rounds = 0
        while server.inside(lambda: len(server.server.loop.sockets)) == 2:
            assert other.set_data(path, b"x") == 0
            rounds += 1
            assert rounds < 1000
        assert len(other.events) == rounds
        assert other.exists(b"/")
        assert slow.receive() is None
        assert 0 < len(slow.events) < rounds
    assert "slow_reader" in capsys.readouterr().err


def test_address_has_no_more_connections_than_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path, connections_per_address_max=2) as server:
        with Client(server.port), Client(server.port) as second:
            with socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as third:
                assert is_closed(third)
            assert second.exists(b"/")
            assert server.inside(lambda: server.server.core.stats.rejected_connections) == 1
        wait_until(lambda: not server.inside(lambda: server.server.loop.sockets), "room again")
        with Client(server.port) as again:
            assert again.exists(b"/")
    assert "maxClientCnxns" in capsys.readouterr().err


def test_server_has_no_more_connections_than_allowed(tmp_path: Path) -> None:
    with running(tmp_path, connections_max=1) as server, Client(server.port) as only:
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as second:
            assert is_closed(second)
        assert only.exists(b"/")


@pytest.mark.parametrize("sent", [b"", b"\0\0", b"\0\0\0\x2d\0\0\0\0"])
def test_connection_without_a_handshake_is_dropped(tmp_path: Path, sent: bytes) -> None:
    with (
        running(tmp_path, sessionless_timeout_ms=50) as server,
        Client(server.port) as other,
        socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as silent,
    ):
        silent.sendall(sent)
        assert is_closed(silent)
        assert other.exists(b"/")


@pytest.mark.parametrize("opened", [True, False], ids=["in a session", "as the first frame"])
def test_oversize_frame_is_refused_with_one_log_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], opened: bool
) -> None:
    with running(tmp_path) as server, Client(server.port) as other:
        if opened:
            with Client(server.port) as client:
                client.connection.send(raw.pack_int(0x100000) + bytes(100))
                assert client.is_closed_by_server()
        else:
            with socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as client_socket:
                client_socket.sendall(raw.pack_int(0x100000) + bytes(100))
                assert is_closed(client_socket)
        assert other.exists(b"/")
    lines = [line for line in capsys.readouterr().err.splitlines() if "1048576" in line]
    assert len(lines) == 1
    assert "jute.maxbuffer" in lines[0]


def ask(port: int, word: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        connection.sendall(word)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def test_four_letter_words_are_answered_as_the_whitelist_says(tmp_path: Path) -> None:
    words = frozenset({"ruok", "srvr", "cons"})
    with running(tmp_path, four_letter_words=words) as server, Client(server.port) as client:
        client.create(b"/a")
        assert ask(server.port, b"ruok") == b"imok"
        assert ask(server.port, b"ruok\n") == b"imok"
        assert ask(server.port, b"stat") == (
            b"stat is not executed because it is not in the whitelist.\n"
        )
        report = ask(server.port, b"srvr").decode().splitlines()
        assert "Mode: standalone" in report
        # The root counts twice, as in Apache: a fresh server has five.
        assert "Node count: 6" in report
        assert f"0x{client.handshake.session_id:x}" in ask(server.port, b"cons").decode()
        assert client.exists(b"/a")


def test_word_in_pieces_is_answered_and_an_unknown_one_closed(tmp_path: Path) -> None:
    with running(tmp_path, four_letter_words=frozenset({"*"})) as server:
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as connection:
            for byte in (b"r", b"u", b"o", b"k"):
                connection.sendall(byte)
            assert connection.recv(100) == b"imok"
            assert is_closed(connection)
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as connection:
            connection.sendall(b"what")
            assert is_closed(connection)


def test_session_expiry_drops_the_connection_and_its_ephemerals(tmp_path: Path) -> None:
    with running(tmp_path) as server, Client(server.port) as watcher:
        with Client(server.port, timeout_ms=200) as owner:
            assert owner.create(b"/e", flags=1) == 0
            assert watcher.call(Op.EXISTS, watch_body(b"/e", watch=True)).err == 0
            assert owner.is_closed_by_server()
        assert not watcher.exists(b"/e")
        assert watcher.events == [(2, b"/e")]
        late = Client(server.port, like=owner.handshake)
        with late:
            assert not late.handshake.accepted
            assert late.is_closed_by_server()


def test_old_connection_is_closed_when_its_session_is_opened_anew(tmp_path: Path) -> None:
    with running(tmp_path) as server, Client(server.port) as before:
        before.create(b"/e", flags=1)
        with Client(server.port, like=before.handshake) as after:
            assert after.handshake.session_id == before.handshake.session_id
            assert before.is_closed_by_server()
            assert after.exists(b"/e")


def test_pipelined_writes_beyond_the_outstanding_limit_are_all_answered_in_order(
    tmp_path: Path,
) -> None:
    with running(tmp_path, outstanding_max=3) as server, Client(server.port) as client:
        frames = [raw.pack_request(n, Op.SET_DATA, set_body(b"/", b"%d" % n)) for n in range(500)]
        client.connection.send(b"".join(frames))
        heads = [raw.read_header(client.connection.frame() or b"") for _ in frames]
        assert [head.xid for head in heads] == list(range(500))
        assert [head.zxid for head in heads] == sorted({head.zxid for head in heads})
        assert client.get(b"/") == b"499"


def test_poller_holds_nothing_of_closed_connections(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        for _ in range(20):
            with Client(server.port) as client:
                client.send(Op.CLOSE_SESSION)
                assert client.receive() is not None
                assert client.is_closed_by_server()
        loop = server.server.loop

        def left() -> list[ClientSocket]:
            return [*loop.sockets.values(), *loop.unopened, *loop.closing]

        wait_until(lambda: not server.inside(left), "all connections to be forgotten")
        assert server.inside(lambda: dict(loop.per_address)) == {}
        assert server.inside(lambda: dict(server.server.core.sessions)) == {}
