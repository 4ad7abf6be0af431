"""Our answers beside those of a running Apache ZooKeeper, word by word."""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from conformance.servers import ApacheServer, ServerUnavailable, four_letter_word
from zkserver.admin.fourletter import WORDS, answer
from zkserver.admin.status_view import (
    ConnectionBucketView,
    ConnectionView,
    SessionView,
    StatusView,
    WatcherView,
)
from zkserver.config import Config, load_config

pytestmark = pytest.mark.real

ViewMaker = Callable[..., StatusView]

# Words that change what the others show come last.
_ORDER = [*sorted(WORDS - {"crst", "srst", "stmk"}), "crst", "srst"]


@dataclass
class Apache:
    """What Apache answered while one session with watches and an ephemeral znode was alive."""

    config: Config
    session_id: int
    address: str
    young_mntr: str
    answers: dict[str, str] = field(default_factory=dict)
    trace_mask_answer: str = ""


@pytest.fixture(scope="module")
def apache() -> Iterator[Apache]:
    server = ApacheServer(jvm_options=("-Xmx200m",))
    try:
        server.start()
    except ServerUnavailable as error:
        if os.environ.get("CI"):
            pytest.fail(f"{error} (must be there in CI)")
        pytest.skip(str(error))
    try:
        yield _questioned(server)
    finally:
        server.__exit__(None, None, None)


def _questioned(server: ApacheServer) -> Apache:
    client = KazooClient(server.address)
    client.start(timeout=30)
    try:
        young_mntr = four_letter_word(server.port, "mntr")
        client.create("/e", ephemeral=True)
        client.exists("/e", watch=_unwatched)
        client.exists("/none", watch=_unwatched)
        host, port = client._connection._socket.getsockname()[:2]
        config = load_config(str(server.data_dir / "zoo.cfg"), {}).config
        seen = Apache(config, client.client_id[0], f"{host}:{port}", young_mntr)
        for word in _ORDER:
            seen.answers[word] = four_letter_word(server.port, word)
        seen.trace_mask_answer = _set_trace_mask(server.port, 310)
        return seen
    finally:
        client.stop()
        client.close()


def _unwatched(event: object) -> None:
    """A watch is registered only to be seen in the answers."""


def _set_trace_mask(port: int, mask: int) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"stmk" + struct.pack(">q", mask))
        return connection.makefile("rb").read().decode()


@pytest.fixture
def view(apache: Apache, make_view: ViewMaker) -> StatusView:
    """The same situation as a view, as far as it is not a matter of numbers."""
    directory = str(Path(apache.config.data_dir) / "version-2")
    session = ConnectionView(
        apache.address,
        1,
        0,
        4,
        4,
        session_id=apache.session_id,
        last_operation="EXIS",
        session_timeout_ms=10000,
        last_cxid=3,
        last_zxid=2,
    )
    asker = ConnectionView("127.0.0.1:1", 0, 0, 1, 0)
    return make_view(
        config=apache.config,
        client_port=apache.config.client_port,
        secure_client_port=-1,
        data_dir=directory,
        log_dir=directory,
        connections=lambda: [session, asker],
        sessions=lambda: [SessionView(10**12, [apache.session_id])],
        ephemerals=lambda: [(apache.session_id, ["/e"])],
        connection_buckets=lambda: [
            ConnectionBucketView(10**12, [(asker.address, 0), (apache.address, apache.session_id)])
        ],
        watchers=lambda: [WatcherView(apache.session_id, ["/e", "/none"])],
    )


def normalised(text: str) -> str:
    """``text`` without what differs from one moment to the next: numbers, dates, versions."""
    text = re.sub(r"(?m)^((Zookeeper |zookeeper\.|zk_)version\S?\s?).*", r"\1<version>", text)
    text = re.sub(r"at \w{3} \w{3} \d\d \d\d:\d\d:\d\d \w+ \d{4}", "at <date>", text)
    # A heartbeat may have come between.
    text = re.sub(r"lop=\w+", "lop=<operation>", text)
    text = re.sub(r"0x[0-9a-f]+", "<hex>", text)
    return re.sub(r"\d+(\.\d+(E-?\d+)?)?", "<n>", text)


def ours(word: str, view: StatusView) -> str:
    return answer(word, view).text.decode()


@pytest.mark.parametrize("word", ["ruok", "isro", "gtmk", "crst", "srst", "wchs", "wchc", "hash"])
def test_same_bytes(apache: Apache, view: StatusView, word: str) -> None:
    assert ours(word, view).split("\n")[:1] == apache.answers[word].split("\n")[:1]
    # The order of a session's paths is that of a Java hash table.
    assert sorted(ours(word, view).split("\n")) == sorted(apache.answers[word].split("\n"))


def test_stmk_has_the_same_bytes(apache: Apache, view: StatusView) -> None:
    mask = struct.pack(">q", 310)
    assert answer("stmk", view, mask).text.decode() == apache.trace_mask_answer


def test_wchp_has_the_same_paths(apache: Apache, view: StatusView) -> None:
    def by_path(text: str) -> list[str]:
        assert text.endswith("\n\n")
        return sorted(text[:-1].replace("\n\t", " ").splitlines())

    assert by_path(ours("wchp", view)) == by_path(apache.answers["wchp"])


@pytest.mark.parametrize("word", ["srvr", "dirs"])
def test_same_lines(apache: Apache, view: StatusView, word: str) -> None:
    assert normalised(ours(word, view)) == normalised(apache.answers[word])


def test_dump_has_the_same_lines(apache: Apache, view: StatusView) -> None:
    def parts(text: str) -> tuple[list[str], list[str]]:
        before, title, connections = text.partition("Connections dump:\n")
        assert f"\tip: /{apache.address} sessionId: {apache.session_id:#x}\n" in connections
        # How many four letter connections Apache has not let go of yet, and in how many
        # buckets connections and sessions are (a bucket stays until its time, with nobody
        # in it), is a matter of chance; so each kind of line counts once.
        kinds = sorted(set(normalised(connections).split("\n")))
        return list(dict.fromkeys(normalised(before + title).split("\n"))), kinds

    assert parts(ours("dump", view)) == parts(apache.answers["dump"])


@pytest.mark.parametrize("word", ["stat", "cons"])
def test_same_connection_lines(apache: Apache, view: StatusView, word: str) -> None:
    def split(text: str) -> tuple[list[str], set[str]]:
        lines = normalised(text).split("\n")
        is_client = [line.startswith(" /") for line in lines]
        clients = {line for line, client in zip(lines, is_client, strict=True) if client}
        return [line for line, client in zip(lines, is_client, strict=True) if not client], clients

    assert split(ours(word, view)) == split(apache.answers[word])


def test_conf_has_the_same_values(apache: Apache, view: StatusView) -> None:
    def values(text: str) -> list[tuple[str, str]]:
        pairs = [line.split("=", 1) for line in text.splitlines()]
        return [(key, "" if key.endswith("Size") else value) for key, value in pairs]

    assert values(ours("conf", view)) == values(apache.answers["conf"])


def test_envi_has_the_same_keys(apache: Apache, view: StatusView) -> None:
    def keys(text: str) -> list[str]:
        return [line.partition("=")[0] for line in text.splitlines()]

    assert keys(ours("envi", view)) == keys(apache.answers["envi"])


def test_mntr_has_the_same_keys_and_kinds_of_value(apache: Apache, view: StatusView) -> None:
    def kinds(text: str) -> dict[str, str]:
        pairs = [line.split("\t") for line in text.splitlines()]
        assert len(dict(pairs)) == len(pairs)
        return {
            key: re.sub(r"-?\d+", "<n>", value) if key != "zk_version" else ""
            for key, value in pairs
            # These come with the first use of a namespace.
            if not key.endswith("_per_namespace")
        }

    theirs, mine = kinds(apache.young_mntr), kinds(ours("mntr", view))
    assert mine.keys() == theirs.keys()
    assert mine == theirs
    assert list(mine)[:2] == list(theirs)[:2] == ["zk_version", "zk_server_state"]
