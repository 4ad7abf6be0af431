"""A watch: be told once when a znode changes, instead of asking again and again.

Run it with ``python examples/01_watch.py``; ``ZK=host:port`` makes it use a server that runs.
"""

import os
import queue
import uuid
from contextlib import ExitStack

from kazoo.client import KazooClient
from kazoo.protocol.states import EventType, WatchedEvent

from zkserver.testing import EmbeddedServer


def main() -> None:
    """Watch a znode that does not exist yet through its whole life."""
    with ExitStack() as stack:
        address = os.environ.get("ZK") or stack.enter_context(EmbeddedServer()).address
        client = KazooClient(address)
        client.start()
        stack.callback(client.close)
        stack.callback(client.stop)

        path = f"/example-watch-{uuid.uuid4().hex}"
        events: queue.Queue[WatchedEvent] = queue.Queue()

        # exists() leaves a watch even where nothing is yet. A watch fires once, so it is
        # set again before the next change.
        client.exists(path, watch=events.put)
        client.create(path, b"first")
        client.get(path, watch=events.put)
        client.set(path, b"second")
        client.set(path, b"not noticed: no watch was left")
        client.get(path, watch=events.put)
        client.delete(path)

        seen = [events.get(timeout=10).type for _ in range(3)]
        for kind in seen:
            print(f"{path}: {kind}")
        expected = [EventType.CREATED, EventType.CHANGED, EventType.DELETED]
        if seen != expected or not events.empty():
            raise SystemExit(f"expected {expected}, saw {seen} and {events.qsize()} more")
        print("each change was told once, in order")


if __name__ == "__main__":
    main()
