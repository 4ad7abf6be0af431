"""The past as ``zkserver history`` tells it, beside a client that has recorded everything."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from conformance.ensembles import OurEnsemble
from conformance.membership import free_ports
from conformance.servers import OurServer
from tests.admin.test_admin_server import SECRET, fetch, settings

PATHS = [f"/h/{name}" for name in "abcd"]
WRITES = 400


@dataclass
class Recorded:
    """What the client knows: the tree of ``/h`` by zxid, and who wrote what when."""

    session_id: int
    trees: dict[int, dict[str, bytes]] = field(default_factory=dict)
    writes: list[tuple[int, str, str]] = field(default_factory=list)

    def note(self, zxid: int, kind: str, path: str, data: bytes | None) -> None:
        known = dict(self.trees[max(self.trees)]) if self.trees else {}
        if data is None:
            del known[path]
        else:
            known[path] = data
        self.trees[zxid] = known
        self.writes.append((zxid, kind, path))


def record(client: KazooClient, dice: random.Random) -> Recorded:
    """Write at random; each write's zxid is what its Stat says."""
    client.ensure_path("/h")
    seen = Recorded(client.client_id[0])
    for number in range(WRITES):
        path, data = dice.choice(PATHS), b"%d" % number
        try:
            if dice.random() < 0.2:
                client.delete(path)
                seen.note(client.exists("/h").pzxid, "deleted", path, None)
            else:
                seen.note(client.set(path, data).mzxid, "data", path, data)
        except NoNodeError:
            client.create(path, data)
            seen.note(client.exists(path).czxid, "created", path, data)
    return seen


@pytest.fixture(scope="module")
def admin_port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def server(admin_port: int) -> Iterator[OurServer]:
    with OurServer(settings=settings(admin_port)) as one:
        yield one


@pytest.fixture(scope="module")
def recorded(server: OurServer) -> Iterator[Recorded]:
    client = KazooClient(server.address)
    client.start()
    yield record(client, random.Random(6))
    client.stop()
    client.close()


def asked(data_dir: Path, *words: str, status: int = 0) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "zkserver", "history", "--data-dir", str(data_dir), "--json"]
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return (
        [json.loads(line) for line in done.stdout.splitlines()]
        if not status
        else [{"error": done.stderr}]
    )


def under_h(told: dict[str, Any]) -> dict[str, bytes]:
    return {path: one["data"].encode() for path, one in told["znodes"].items() if path != "/h"}


def test_the_tree_of_any_zxid_is_told(server: OurServer, recorded: Recorded) -> None:
    data = server.data_dir / "data"
    for zxid in random.Random(7).sample(sorted(recorded.trees), 8):
        (told,) = asked(data, "tree", "/h", "--at", hex(zxid))
        assert told["zxid"] == hex(zxid)
        assert under_h(told) == recorded.trees[zxid]


def test_one_znode_is_told_as_it_was(server: OurServer, recorded: Recorded) -> None:
    data = server.data_dir / "data"
    zxid, _, path = next(one for one in reversed(recorded.writes) if one[1] == "data")
    (told,) = asked(data, "show", path, "--at", str(zxid))
    assert told["data"].encode() == recorded.trees[zxid][path]
    assert told["stat"]["mzxid"] == hex(zxid)
    assert told["acl"] == [{"perms": 31, "scheme": "world", "id": "anyone"}]


def test_who_changed_what_is_told_in_order(server: OurServer, recorded: Recorded) -> None:
    told = asked(server.data_dir / "data", "changes", "/h", "--below")
    found = [
        (int(entry["zxid"], 16), change["kind"], change["path"])
        for entry in told
        for change in entry["changes"]
        if change["path"] != "/h"
    ]
    assert found == recorded.writes
    assert {entry["session"] for entry in told} == {hex(recorded.session_id)}
    assert {entry["address"] for entry in told} == {"127.0.0.1"}
    assert {entry["operation"] for entry in told} == {"create", "set_data", "delete"}


def test_a_difference_is_that_of_the_two_trees(server: OurServer, recorded: Recorded) -> None:
    first, second = sorted(random.Random(8).sample(sorted(recorded.trees), 2))
    before, after = recorded.trees[first], recorded.trees[second]
    (told,) = asked(server.data_dir / "data", "diff", hex(first), hex(second), "/h")
    found = {one["path"] for one in told["changes"]} - {"/h"}
    # One that was deleted and created again with equal data has another Stat.
    differ = {path for path in PATHS if before.get(path) != after.get(path)}
    assert differ <= found
    for one in told["changes"]:
        if one["path"] in PATHS:
            data = one["after"]["data"].encode() if one["after"] else None
            assert data == after.get(one["path"])


def test_a_span_is_told_alone(server: OurServer, recorded: Recorded) -> None:
    first, last = recorded.writes[10][0], recorded.writes[20][0]
    span = ("--since", hex(first), "--until", hex(last))
    told = asked(server.data_dir / "data", "changes", "/", "--below", *span)
    assert [int(entry["zxid"], 16) for entry in told] == [one[0] for one in recorded.writes[10:21]]


def test_what_never_was_is_told_so(server: OurServer) -> None:
    (told,) = asked(server.data_dir / "data", "show", "/never", status=1)
    assert "no such znode" in told["error"]


def test_it_goes_back_to_the_oldest_snapshot(
    recorded: Recorded, admin_port: int, tmp_path: Path
) -> None:
    _, headers, body = fetch(admin_port, "/commands/snapshot", headers=SECRET)
    zxid = int(headers["last_zxid"], 16)
    (tmp_path / "version-2").mkdir()
    (tmp_path / "version-2" / f"snapshot.{zxid:x}").write_bytes(body)
    command = [sys.executable, "-m", "zkserver", "import", str(tmp_path)]
    subprocess.run([*command, "--data-dir", str(tmp_path / "new")], check=True)
    (told,) = asked(tmp_path / "new", "tree", "/h")
    assert under_h(told) == recorded.trees[max(recorded.trees)]
    (told,) = asked(tmp_path / "new", "tree", "/h", "--at", hex(zxid - 1), status=1)
    assert f"is not kept any more: the oldest state is that of zxid {zxid:#x}" in told["error"]


def test_the_admin_api_tells_the_same(
    server: OurServer, recorded: Recorded, admin_port: int
) -> None:
    zxid, _, path = next(one for one in reversed(recorded.writes) if one[1] == "data")
    query = f"path={path}&at={zxid:#x}"
    status, _, body = fetch(admin_port, f"/history/show?{query}", headers=SECRET)
    (told,) = asked(server.data_dir / "data", "show", path, "--at", hex(zxid))
    assert (status, json.loads(body)) == (200, told)
    query = f"path={path}&since={zxid}&until={zxid}"
    lines = fetch(admin_port, f"/history/changes?{query}", headers=SECRET)[2].splitlines()
    assert [json.loads(line)["zxid"] for line in lines] == [hex(zxid)]


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("show?path=/never", "no such znode"),
        ("show?path=--help", "a path begins with /"),
        ("diff?path=/", "diff needs from=POINT"),
        ("tree?at=yesterday", "is no point in time"),
        ("rewrite", "no rewrite"),
    ],
)
def test_the_admin_api_names_mistakes(
    server: OurServer, admin_port: int, query: str, why: str
) -> None:
    assert server.port
    status, _, body = fetch(admin_port, f"/history/{query}", headers=SECRET)
    assert status == 400
    assert why in json.loads(body)["error"]


def test_the_past_is_not_for_everybody(server: OurServer, admin_port: int) -> None:
    assert server.port
    assert fetch(admin_port, "/history/tree")[0] == 401


def test_all_members_of_an_ensemble_tell_the_same() -> None:
    with OurEnsemble(3) as ensemble:
        ensemble.wait_serving()
        for number, port in enumerate(ensemble.ports):
            client = KazooClient(f"127.0.0.1:{port}")
            client.start()
            client.create(f"/from{number}", b"x")
            client.set(f"/from{number}", b"y")
            client.stop()
            client.close()
        ensemble.stop()
        told = [
            asked(ensemble.data_dir / f"server-{number}" / "data", "changes", "/", "--below")
            for number in (1, 2, 3)
        ]
    assert told[0] == told[1] == told[2]
    paths = {change["path"] for entry in told[0] for change in entry["changes"]}
    assert {"/from0", "/from1", "/from2"} <= paths
