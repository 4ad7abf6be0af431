"""The scenes before the crash: what clients use ZooKeeper for, each checked."""

from __future__ import annotations

import threading

from kazoo.exceptions import BadVersionError, RolledBackError
from kazoo.protocol.states import WatchedEvent

from conformance.demo.stage import PATIENCE_S, ROOT, Stage, connect, disconnect, expect


def session(stage: Stage) -> str:
    """The client that was connected before the scenes has a session."""
    session_id, password = stage.client.client_id
    expect(session_id != 0 and len(password) == 16, "the client has a session", session_id)
    return f"kazoo is connected to {stage.server.address}, session {session_id:#x}"


def znodes(stage: Stage) -> str:
    """Create, read, change, list."""
    client = stage.client
    client.create(f"{ROOT}/config", b"blue", makepath=True)
    client.create(f"{ROOT}/config/port", b"8080")
    stat = client.set(f"{ROOT}/config", b"green", version=0)
    data, read = client.get(f"{ROOT}/config")
    expect(data == b"green" and read == stat, "a read shows the last write", (data, read))
    expect(stat.version == 1 and stat.mzxid > stat.czxid, "the change has a zxid", stat)
    names = client.get_children(f"{ROOT}/config")
    expect(names == ["port"], "the child is listed", names)
    try:
        client.set(f"{ROOT}/config", b"red", version=0)
    except BadVersionError:
        return f"{ROOT}/config is {data.decode()!r} in version 1; a write for version 0 is refused"
    expect(False, "a write for version 0 is refused", client.get(f"{ROOT}/config"))
    return ""


def watch(stage: Stage) -> str:
    """One client watches, another one writes."""
    events: list[WatchedEvent] = []
    fired = threading.Event()

    def on_event(event: WatchedEvent) -> None:
        events.append(event)
        fired.set()

    stage.client.get(f"{ROOT}/config", watch=on_event)
    other = connect(stage.server)
    try:
        other.set(f"{ROOT}/config", b"yellow")
        expect(fired.wait(PATIENCE_S), "the watch fires", events)
    finally:
        disconnect(other)
    event = events[0]
    told = (event.type, event.path)
    expect(told == ("CHANGED", f"{ROOT}/config"), "it says what happened", events)
    return f"another client wrote, the watch told us: {event.type} {event.path}"


def ephemeral(stage: Stage) -> str:
    """A znode goes with its session; and one is made that must survive the crash."""
    other = connect(stage.server)
    gone = threading.Event()
    path = f"{ROOT}/workers/other"
    try:
        other.create(path, b"I am here", ephemeral=True, makepath=True)
        there = stage.client.exists(path, watch=lambda _event: gone.set())
        expect(there is not None, "the other client's ephemeral is there", there)
    finally:
        disconnect(other)
    expect(gone.wait(PATIENCE_S), "it goes with its session", stage.client.exists(path))
    expect(stage.client.exists(path) is None, "it is gone", path)
    stage.client.create(f"{ROOT}/workers/mine", b"still here", ephemeral=True)
    return f"{path} went with its session; {ROOT}/workers/mine is ours and stays"


def sequence(stage: Stage) -> str:
    """Numbered names, in the order of the requests."""
    stage.client.ensure_path(f"{ROOT}/queue")
    names = [
        stage.client.create(f"{ROOT}/queue/job-", str(number).encode(), sequence=True)
        for number in range(3)
    ]
    wanted = [f"{ROOT}/queue/job-{number:010d}" for number in range(3)]
    expect(names == wanted, "sequential names count up", names)
    return f"the server named them {', '.join(name.rpartition('/')[2] for name in names)}"


def multi(stage: Stage) -> str:
    """All or nothing."""
    version = stage.client.exists(f"{ROOT}/config").version
    first = stage.client.transaction()
    first.check(f"{ROOT}/config", version)
    first.create(f"{ROOT}/config/host", b"example.org")
    first.delete(f"{ROOT}/config/port")
    results = first.commit()
    expect(results == [True, f"{ROOT}/config/host", True], "a multi does all of its parts", results)
    second = stage.client.transaction()
    second.create(f"{ROOT}/config/never", b"")
    second.check(f"{ROOT}/config", version + 1)
    results = second.commit()
    refused = [type(result) for result in results]
    expect(refused == [RolledBackError, BadVersionError], "a multi with a mistake fails", results)
    names = stage.client.get_children(f"{ROOT}/config")
    expect(names == ["host"], "of a failed multi nothing is left", names)
    return "three operations became one; with a wrong version in it, none of a multi happened"
