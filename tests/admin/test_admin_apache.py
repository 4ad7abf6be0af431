"""The AdminServer and the port of Prometheus beside Apache's, name by name.

What differs is listed here, with the reason.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from kazoo.client import KazooClient
from prometheus_client.parser import text_string_to_metric_families

from conformance.clients.compare import ClientUnavailable
from conformance.membership import free_ports
from conformance.migration.versions import server_class
from conformance.servers import OurServer, ServerUnavailable, ZooKeeperProcess
from tests.admin.test_admin_server import fetch
from zkserver.admin import commands

pytestmark = pytest.mark.real

VERSION = "3.9.3"
#: Commands whose fields are others there, and why.
_OTHERS = {
    "environment": "no two versions of Java and of Python name the same",
    "system_properties": "no two versions of Java and of Python name the same",
}
#: Figures after 3.8, whose names ours are.
_AFTER_38 = frozenset(
    {"restore_error_count", "restore_rate_limited_count", "restore_time", "snapshot_error_count"}
    | {"snapshot_rate_limited_count", "ttl_node_created_count", "ttl_node_deleted_count"}
)
#: Not counted here for each of the first parts of paths.
_KEYED = ("read_per_namespace", "write_per_namespace")
#: Of the runtime, which is not Java's.
_RUNTIME = ("jvm_", "process_", "python_")


@dataclass
class Asked:
    """What one server has answered, with one session, a watch and an ephemeral znode alive."""

    answers: dict[str, Any]
    listing: str


def ask(server: ZooKeeperProcess) -> Asked:
    admin = int(server.settings["admin.serverPort"])
    client = KazooClient(server.address)
    client.start(timeout=30)
    try:
        client.create("/e", ephemeral=True)
        client.get("/e", watch=print)
        names = sorted(set(commands.NAMES) - {"snapshot", "restore"})
        return Asked(
            {name: json.loads(fetch(admin, f"/commands/{name}")[2]) for name in names},
            fetch(admin, "/commands")[2].decode(),
        )
    finally:
        client.stop()
        client.close()


@contextlib.contextmanager
def pair(settings: Callable[[], dict[str, str]]) -> Iterator[tuple[ZooKeeperProcess, OurServer]]:
    """Apache's server and ours, with ports of their own."""
    try:
        apache = server_class(VERSION)(jvm_options=("-Xmx300m",), settings=settings())
        with apache, OurServer(settings=settings()) as ours:
            yield apache, ours
    except (ClientUnavailable, ServerUnavailable) as reason:
        if os.environ.get("CI"):
            pytest.fail(f"{reason} (must be there in CI)")
        pytest.skip(str(reason))


def admin_settings() -> dict[str, str]:
    return {"admin.enableServer": "true", "admin.serverPort": str(free_ports(1)[0])}


def metrics_settings() -> dict[str, str]:
    provider = "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider"
    return {
        "metricsProvider.className": provider,
        "metricsProvider.httpPort": str(free_ports(1)[0]),
    }


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Asked, Asked]]:
    with pair(admin_settings) as (apache, ours):
        yield ask(apache), ask(ours)


def places(value: Any, at: str) -> set[str]:
    """Where there is something, and of what kind: ``stats.server_stats.uptime:number``."""
    if isinstance(value, dict):
        # Sessions, times and paths are keys there.
        is_table = any(key[:1].isdigit() or key[:1] == "/" for key in value)
        inner = (places(one, f"{at}.{'*' if is_table else key}") for key, one in value.items())
        return set().union(*inner, {f"{at}:object"})
    if isinstance(value, list):
        return set().union(*(places(one, f"{at}[]") for one in value), {f"{at}:list"})
    kinds = {bool: "boolean", int: "number", float: "number", str: "text", type(None): "null"}
    return {f"{at}:{kinds[type(value)]}"}


def is_ours(name: str) -> bool:
    """Whether a figure of Apache's is one that 3.8 has and we count."""
    for prefix in ("avg_", "min_", "max_", "cnt_", "sum_"):
        name = name.removeprefix(prefix)
    plain = name.removesuffix("_sum").removesuffix("_count")
    return not (name in _AFTER_38 or plain in _AFTER_38 or plain.endswith(_KEYED))


def test_the_same_commands_are_listed(both: tuple[Asked, Asked]) -> None:
    apache, ours = both
    assert ours.listing == apache.listing


@pytest.mark.parametrize("name", sorted(set(commands.NAMES) - {"snapshot", "restore", *_OTHERS}))
def test_answers_have_the_same_fields(both: tuple[Asked, Asked], name: str) -> None:
    apache, ours = (places(one.answers[name], name) for one in both)
    assert ours == {one for one in apache if is_ours(one.rpartition(".")[2].partition(":")[0])}


def test_prometheus_finds_the_same_names() -> None:
    found = []
    with pair(metrics_settings) as servers:
        for server in servers:
            text = fetch(int(server.settings["metricsProvider.httpPort"]), "/metrics")[2].decode()
            # The type of a counter makes the parser change its name, and ours have none.
            samples = text_string_to_metric_families(text.replace(" counter\n", " untyped\n"))
            found.append(
                {
                    (sample.name, tuple(sorted(sample.labels.items())))
                    for family in samples
                    for sample in family.samples
                    if not sample.name.startswith(_RUNTIME)
                }
            )
    apache, ours = found
    assert ours == {one for one in apache if is_ours(one[0])}
