"""A real server asked over HTTP: commands, snapshots and who gets them, readiness, metrics."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.security import make_digest_acl
from prometheus_client.parser import text_string_to_metric_families

from conformance.ensembles import OurEnsemble
from conformance.membership import free_ports
from conformance.servers import OurServer, four_letter_word
from zkserver.admin import commands

SECRET = {"Authorization": "digest admin:secret"}
SERVING_S = 10.0


def fetch(
    port: int, path: str, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", method=method, headers=headers or {}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def told(port: int, name: str) -> dict[str, Any]:
    status, headers, body = fetch(port, f"/commands/{name}")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    fields: dict[str, Any] = json.loads(body)
    return fields


def settings(port: int, **more: str) -> dict[str, str]:
    return {
        "admin.enableServer": "true",
        "admin.serverPort": str(port),
        "admin.serverAddress": "127.0.0.1",
        "4lw.commands.whitelist": "*",
        **more,
    }


@pytest.fixture(scope="module")
def server() -> Iterator[OurServer]:
    more = {"admin.rateLimiterIntervalInMS": "0"}
    with OurServer(settings=settings(free_ports(1)[0], **more)) as one:
        yield one


@pytest.fixture
def admin_port(server: OurServer) -> int:
    return int(server.settings["admin.serverPort"])


@pytest.fixture
def client(server: OurServer) -> Iterator[KazooClient]:
    one = KazooClient(server.address)
    one.start()
    yield one
    one.stop()
    one.close()


def test_all_commands_are_listed_and_answered(admin_port: int) -> None:
    listing = fetch(admin_port, "/commands")[2].decode()
    names = [part.partition('"')[0] for part in listing.split('href="/commands/')[1:]]
    assert names == list(commands.NAMES)
    for name in set(names) - {"snapshot", "restore", "set_trace_mask", "leader"}:
        fields = told(admin_port, name)
        assert (fields["command"], fields["error"]) == (name, None)


def test_it_is_not_loaded_before_somebody_asks() -> None:
    port = free_ports(1)[0]
    with OurServer(settings=settings(port)) as one:
        maps = Path(f"/proc/{one.pid}/maps")
        assert "aiohttp" not in maps.read_text()
        assert told(port, "ruok")["error"] is None
        assert "aiohttp" in maps.read_text()


def test_it_tells_of_clients_and_changes_what_it_is_asked_to(
    server: OurServer, client: KazooClient, admin_port: int
) -> None:
    client.create("/e", ephemeral=True)
    client.get("/e", watch=print)
    session_id = client.client_id[0]
    (connection,) = told(admin_port, "cons")["connections"]
    assert connection["session_id"] == session_id
    assert connection["last_operation"] == "GETD"
    assert told(admin_port, "dump")["session_id_to_ephemeral_paths"] == {str(session_id): ["/e"]}
    assert told(admin_port, "wchp")["path_to_session_ids"] == {"/e": [session_id]}
    assert connection["packets_received"] > 0
    told(admin_port, "crst")
    assert told(admin_port, "cons")["connections"][0]["packets_received"] == 0
    told(admin_port, "stmk?traceMask=310")
    assert four_letter_word(server.port, "gtmk") == "310"


def test_monitor_and_mntr_are_equal(server: OurServer, admin_port: int) -> None:
    lines = four_letter_word(server.port, "mntr").splitlines()
    named = [line.partition("\t")[0].removeprefix("zk_") for line in lines]
    fields = told(admin_port, "monitor")
    assert [name for name in fields if name not in ("command", "error")] == named


@pytest.mark.parametrize("method", ["TRACE", "POST", "DELETE"])
def test_other_methods_are_refused(admin_port: int, method: str) -> None:
    assert fetch(admin_port, "/commands/ruok", method)[0] == (403 if method == "TRACE" else 405)


def test_a_snapshot_becomes_a_server_again(
    client: KazooClient, admin_port: int, tmp_path: Path
) -> None:
    client.create("/kept", b"as it was")
    status, headers, body = fetch(admin_port, "/commands/snapshot", headers=SECRET)
    assert (status, int(headers["snapshot_size"])) == (200, len(body))
    zxid = int(headers["last_zxid"], 16)
    place = tmp_path / "apache" / "version-2"
    place.mkdir(parents=True)
    (place / f"snapshot.{zxid:x}").write_bytes(body)
    command = [sys.executable, "-m", "zkserver", "import", str(place.parent)]
    subprocess.run([*command, "--data-dir", str(tmp_path / "again" / "data")], check=True)
    with OurServer(data_dir=tmp_path / "again") as again:
        other = KazooClient(again.address)
        other.start()
        found = other.get("/kept")
        other.stop()
        other.close()
    assert found == client.get("/kept")


def test_a_snapshot_can_stay_in_the_data_directory(client: KazooClient, admin_port: int) -> None:
    client.create("/s", b"", sequence=True)
    status, headers, body = fetch(admin_port, "/commands/snapshot?streaming=false", headers=SECRET)
    assert (status, json.loads(body)["error"]) == (200, None)
    assert told(admin_port, "lsnp")["zxid"] == headers["last_zxid"].removeprefix("0x")


def test_only_who_may_do_everything_gets_snapshots(client: KazooClient, admin_port: int) -> None:
    def ask(headers: dict[str, str]) -> int:
        return fetch(admin_port, "/commands/snapshot", headers=headers)[0]

    assert ask({}) == 401
    assert ask({"Authorization": "nosuch scheme"}) == 401
    acl = make_digest_acl("admin", "secret", all=True)
    client.set_acls("/", [acl])
    try:
        assert ask({"Authorization": "digest somebody:else"}) == 403
        assert ask(SECRET) == 200
        assert fetch(admin_port, "/commands/restore", "POST", SECRET)[0] == 501
    finally:
        client.add_auth("digest", "admin:secret")
        client.set_acls("/", [make_digest_acl("admin", "secret", all=True)])


def test_snapshots_are_rationed_and_can_be_switched_off() -> None:
    port = free_ports(1)[0]
    with OurServer(settings=settings(port)):
        assert fetch(port, "/commands/snapshot", headers=SECRET)[0] == 200
        status, _, body = fetch(port, "/commands/snapshot", headers=SECRET)
        assert status == 429
        assert "admin.rateLimiterIntervalInMS" in json.loads(body)["error"]
    with OurServer(settings=settings(port, **{"admin.snapshot.enabled": "false"})):
        assert fetch(port, "/commands/snapshot", headers=SECRET)[0] == 503


def test_a_port_that_is_taken_stops_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with OurServer(settings=settings(port)) as one:
            assert four_letter_word(one.port, "ruok") == "imok"
            log = one.log_path.read_text()
    assert "AdminServer" in log
    assert str(port) in log


def test_a_server_is_ready_when_it_serves() -> None:
    ports = free_ports(3)
    of_each = {number: settings(port) for number, port in enumerate(ports, 1)}
    with OurEnsemble(3, settings_of=of_each) as ensemble:
        ensemble.wait_serving()
        assert fetch(ports[0], "/ready")[0] == 200
        assert told(ports[0], "lead")["leader_id"] in (1, 2, 3)
        assert told(ports[0], "zabstate")["voting"] is True
        ensemble.member(2).kill()
        ensemble.member(3).kill()
        until = time.monotonic() + SERVING_S
        while fetch(ports[0], "/ready")[0] == 200 and time.monotonic() < until:
            time.sleep(0.05)
        assert fetch(ports[0], "/ready")[0] == 503
        assert fetch(ports[0], "/health")[0] == 200
        assert "not currently serving" in told(ports[0], "stat")["error"]


def test_prometheus_reads_what_mntr_says() -> None:
    port = free_ports(1)[0]
    provider = "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider"
    more = {
        "4lw.commands.whitelist": "*",
        "metricsProvider.className": provider,
        "metricsProvider.httpPort": str(port),
    }
    with OurServer(settings=more) as one:
        text = fetch(port, "/metrics")[2].decode()
        monitor = four_letter_word(one.port, "mntr")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    listed = dict(line.split("\t") for line in monitor.splitlines())
    assert families["znode_count"].samples[0].value == float(listed["zk_znode_count"])
    assert families["readlatency"].type == "summary"
    for name in listed:
        plain = name.removeprefix("zk_")
        for prefix in ("avg_", "min_", "max_", "cnt_", "sum_", "p50_", "p95_", "p99_", "p999_"):
            if plain.removeprefix(prefix) in families:
                break
        else:
            assert plain in families or plain in ("version", "server_state"), name
