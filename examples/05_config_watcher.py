"""Shared configuration: everybody follows it, and nobody overwrites what they have not seen.

Run it with ``python examples/05_config_watcher.py``; ``ZK=host:port`` uses a server that runs.
"""

import json
import os
import queue
import uuid
from contextlib import ExitStack

from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError
from kazoo.protocol.states import ZnodeStat

from zkserver.testing import EmbeddedServer


def main() -> None:
    """Change a setting under a watcher's eyes, then try it with a version that is out of date."""
    with ExitStack() as stack:
        address = os.environ.get("ZK") or stack.enter_context(EmbeddedServer()).address
        clients = [KazooClient(address) for _ in range(2)]
        for client in clients:
            client.start()
            stack.callback(client.close)
            stack.callback(client.stop)
        admin, program = clients
        path = f"/example-config-{uuid.uuid4().hex}"
        admin.create(path, json.dumps({"workers": 4}).encode())
        seen: queue.Queue[tuple[int, int]] = queue.Queue()

        @program.DataWatch(path)  # type: ignore[untyped-decorator]
        def on_change(data: bytes | None, stat: ZnodeStat | None) -> None:
            if data is not None and stat is not None:
                seen.put((stat.version, json.loads(data)["workers"]))

        history = [seen.get(timeout=10)]
        for workers in (8, 16):
            _, stat = admin.get(path)
            admin.set(path, json.dumps({"workers": workers}).encode(), version=stat.version)
            history.append(seen.get(timeout=10))
        try:
            program.set(path, b'{"workers": 1}', version=0)
        except BadVersionError:
            print("a change that was based on version 0 was refused")
        else:
            raise SystemExit("a change that was based on an old version went through")
        admin.delete(path)
        for version, workers in history:
            print(f"version {version}: {workers} workers")
        if history != [(0, 4), (1, 8), (2, 16)]:
            raise SystemExit("the watcher did not follow")


if __name__ == "__main__":
    main()
