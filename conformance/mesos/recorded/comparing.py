"""Two answers or two events, held against each other.

Equal means: the same status line, the same headers (names, and values but for the date), and
the same body: members in the same order, numbers of the same kind, lists in the same order,
texts equal up to :class:`~conformance.mesos.recorded.names.Names`. What may differ by its nature
is named here: times, process ids, sizes and loads of the machine, values of metrics.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.message import Message

from conformance.mesos.recorded.names import Names, without_names
from conformance.mesos.recorded.recordings import Answer

#: Members whose numbers are a time, a process or a measure of the machine.
_FREE: Final = frozenset(
    {
        "timestamp",
        "start_time",
        "elected_time",
        "registered_time",
        "reregistered_time",
        "unregistered_time",
        "finished_timestamp",
        "mtime",
        "cpus_system_time_secs",
        "cpus_user_time_secs",
        "mem_rss_bytes",
        "executor_pid",
        "avg_load_15min",
        "avg_load_1min",
        "avg_load_5min",
        "cpus_total",
        "mem_free_bytes",
        "mem_total_bytes",
    }
)
#: Flags that say how and where one run was started.
_RUN_FLAGS: Final = frozenset(
    {
        "allocation_interval",
        "agent_ping_timeout",
        "max_agent_ping_timeouts",
        "external_log_file",
        "fetcher_cache_dir",
        "hostname",
        "hostname_lookup",
        "initialize_driver_logging",
        "ip",
        "launcher",
        "launcher_dir",
        "logbufsecs",
        "master",
        "port",
        "quorum",
        "registration_backoff_factor",
        "runtime_dir",
        "systemd_enable_support",
        "webui_dir",
        "work_dir",
        "zk",
        "zk_session_timeout",
    }
)
#: Objects that Mesos keeps in a hash map: their members come in no order.
_UNORDERED: Final = frozenset(
    {
        "resources",
        "used_resources",
        "offered_resources",
        "reserved_resources",
        "unreserved_resources",
        "allocated",
        "offered",
        "reserved",
        "guarantee",
        "guarantees",
        "limit",
        "limits",
        "consumed",
    }
)
#: Members that say what was built, or where one run was, and lists in no order.
_BUILD: Final = frozenset(
    {"build_date", "build_time", "build_user", "git_sha", "git_tag", "external_log_file"}
)
_UNORDERED_LISTS: Final = frozenset(
    {
        "slaves",
        "agents",
        "frameworks",
        "offers",
        "offered_resources",
        "allocated_resources",
        "infos",
        "configs",
    }
)
#: Modes of directories, whose sizes are the file system's affair.
_DIRECTORIES: Final = ("drwxr-xr-x", 0o40755)
#: Metrics of our own, beside Apache's.
_OWN_METRICS: Final = ("mesozoic/", "allocator/mesos/resources/gpus/")
#: Metrics of masters, which the recording's agent has too, since its process had an idle master.
MASTER_METRICS: Final = ("master/", "allocator/", "registrar/")
_FREE_HEADERS: Final = frozenset({"date", "content-length", "mesos-stream-id"})


def content_of(answer: Answer) -> bytes:
    """A body, unpacked."""
    if answer.header("content-encoding") == "gzip":
        return gzip.decompress(answer.body)
    return answer.body


class Members(list[tuple[str, Any]]):
    """A JSON object whose members are in the order of the text."""


def parse(body: bytes) -> Any:
    """JSON; raises ``ValueError``."""
    return json.loads(body, object_pairs_hook=Members)


def members_of(message: Message) -> Any:
    """A protobuf message as JSON would show it."""
    shown = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return parse(json.dumps(shown, sort_keys=True).encode())


def sorted_members(value: Any) -> Any:
    """A value whose members are in order of their names."""
    return parse(json.dumps(plain(value), sort_keys=True).encode())


class Comparer:
    """Compares with the names of one section."""

    def __init__(
        self, names: Names, ports: dict[int, int], ignored_metrics: tuple[str, ...] = ()
    ) -> None:
        self._names = names
        self._ignored_metrics = (*_OWN_METRICS, *ignored_metrics)
        # The recording's port for each of ours.
        self._ports = ports

    # Answers.

    def heads(self, recorded: Answer, ours: Answer) -> Iterator[str]:
        """What differs between two status lines and the headers beneath them."""
        if recorded.status != ours.status:
            yield f"status: {recorded.status!r}, ours {ours.status!r}"
        theirs = {name.lower(): value for name, value in recorded.headers}
        mine = {name.lower(): value for name, value in ours.headers}
        for name in sorted((theirs.keys() | mine.keys()) - {"connection"}):
            if name not in mine or name not in theirs:
                yield f"header {name}: {theirs.get(name)!r}, ours {mine.get(name)!r}"
            elif name not in _FREE_HEADERS and not self._names.agree(theirs[name], mine[name]):
                yield f"header {name}: {theirs[name]!r}, ours {mine[name]!r}"

    def bodies(self, recorded: Answer, ours: Answer) -> Iterator[str]:
        """What differs between two bodies that are not protobuf."""
        kind = recorded.header("content-type") or ""
        theirs_body, body = content_of(recorded), content_of(ours)
        if "json" in kind and theirs_body != body:
            try:
                mine = parse(body)
            except ValueError:
                yield f"body: no JSON: {body[:200]!r}"
                return
            theirs = parse(theirs_body)
            is_metrics = isinstance(theirs, Members) and "system/cpus_total" in dict(theirs)
            yield from self.values(theirs, mine, key="metrics" if is_metrics else "")
            return
        if kind == "text/javascript":
            yield from self._scripts(theirs_body, body)
            return
        theirs_text, text = theirs_body.decode("latin-1"), body.decode("latin-1")
        if not self._names.agree(theirs_text, text):
            yield f"body: {theirs_text[:400]!r}, ours {text[:400]!r}"

    def _scripts(self, recorded: bytes, ours: bytes) -> Iterator[str]:
        # JSONP: a call with JSON in its brackets.
        before, _, theirs = recorded.partition(b"(")
        start, _, mine = ours.partition(b"(")
        if (before, theirs[-1:]) != (start, mine[-1:]):
            yield f"body: {recorded[:100]!r}, ours {ours[:100]!r}"
            return
        yield from self.values(parse(theirs[:-1]), parse(mine[:-1]))

    # Values.

    def values(self, recorded: Any, ours: Any, path: str = "", key: str = "") -> Iterator[str]:
        """What differs between two values; ``key`` is the member that they are."""
        if key == "flags" and isinstance(recorded, list) and isinstance(ours, list):
            recorded, ours = _flags(recorded), _flags(ours)
        if key == "metrics":
            recorded, ours = self._metrics(recorded), self._metrics(ours)
        if isinstance(recorded, Members) and isinstance(ours, Members):
            yield from self._objects(recorded, ours, path, key)
        elif type(recorded) is not type(ours):
            yield f"{path}: {show(recorded)}, ours {show(ours)}"
        elif isinstance(recorded, list):
            yield from self._lists(recorded, ours, path, key)
        elif key in _FREE:
            return
        elif isinstance(recorded, str):
            if not self._names.agree(recorded, ours):
                yield f"{path}: {recorded!r}, ours {ours!r}"
        elif recorded != ours:
            if key == "port" and self._is_port(recorded, ours):
                return
            yield f"{path}: {recorded!r}, ours {ours!r}"

    def _metrics(self, given: list[Any]) -> Members:
        # What they count is of one run: it is their names that have to be the same.
        names = (self._names.to_theirs(name) for name, _ in map(_pair, given))
        return Members(
            (name, "") for name in sorted(names) if not name.startswith(self._ignored_metrics)
        )

    def _without_names(self, value: Any) -> str:
        return without_names(self._names.to_recorded(json.dumps(_shape(value))))

    def _is_port(self, recorded: str | int, ours: str | int) -> bool:
        return self._ports.get(int(ours)) == int(recorded)

    def _objects(self, recorded: Members, ours: Members, path: str, key: str) -> Iterator[str]:
        if dict(recorded).get("mode") in _DIRECTORIES:
            recorded, ours = _without_size(recorded), _without_size(ours)
        theirs = {name: value for name, value in recorded if name not in _BUILD}
        to_theirs = self._names.to_theirs
        mine = {to_theirs(name): value for name, value in ours if name not in _BUILD}
        if key in _FREE and list(theirs) == list(mine) == ["nanoseconds"]:
            return
        for name in theirs.keys() | mine.keys():
            if name not in mine:
                yield f"{path}.{name}: {show(theirs[name])}, ours has none"
            elif name not in theirs:
                yield f"{path}.{name}: none, ours {show(mine[name])}"
        common = [name for name in theirs if name in mine]
        ordered = [name for name in mine if name in theirs]
        if common != ordered and key not in _UNORDERED:
            yield f"{path}: members in the order {common}, ours {ordered}"
        for name in common:
            yield from self.values(theirs[name], mine[name], f"{path}.{name}", name)

    def _lists(self, recorded: list[Any], ours: list[Any], path: str, key: str) -> Iterator[str]:
        if len(recorded) != len(ours):
            yield f"{path}: {len(recorded)} elements {show(recorded)}, ours {show(ours)}"
            return
        # Of all frameworks together, which come in no order.
        if key in _UNORDERED_LISTS or path.endswith("get_tasks.completed_tasks"):
            recorded = sorted(recorded, key=self._without_names)
            ours = sorted(ours, key=self._without_names)
        for number, (theirs, mine) in enumerate(zip(recorded, ours, strict=True)):
            yield from self.values(theirs, mine, f"{path}[{number}]", key)


def _without_size(given: Members) -> Members:
    return Members((name, value) for name, value in given if name != "size")


def _flags(given: list[Any]) -> Members:
    pairs = [(flag, value) for flag, value in map(_pair, given) if flag not in _RUN_FLAGS]
    return Members(pairs)


def _pair(given: Any) -> tuple[str, Any]:
    # A member of an object, or an object of a name and a value.
    if isinstance(given, Members):
        both = dict(given)
        return both["name"], both.get("value", "")
    name, value = given
    return name, value


def _shape(value: Any) -> Any:
    # What a value is without what is free to differ, to order lists by.
    if isinstance(value, Members):
        return {
            name: _shape(inner)
            for name, inner in sorted(value)
            if name not in _FREE and name != "port"
        }
    if isinstance(value, list):
        return [_shape(inner) for inner in value]
    return value


def show(value: Any) -> str:
    """A value, short."""
    text = json.dumps(plain(value))
    return text if len(text) <= 300 else text[:300] + "..."


def plain(value: Any) -> Any:
    """A value with dictionaries again."""
    if isinstance(value, Members):
        return {name: plain(inner) for name, inner in value}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value
