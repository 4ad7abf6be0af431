"""A leader election: one of several candidates leads; when it goes, the next takes over.

Run it with ``python examples/03_leader_election.py``; ``ZK=host:port`` uses a server that runs.
"""

import os
import queue
import threading
import uuid
from contextlib import ExitStack

from kazoo.client import KazooClient

from zkserver.testing import EmbeddedServer

NAMES = ("ann", "ben", "cem")


def main() -> None:
    """Elect three leaders, one after the other."""
    with ExitStack() as stack:
        address = os.environ.get("ZK") or stack.enter_context(EmbeddedServer()).address
        root = f"/example-election-{uuid.uuid4().hex}"
        took_office: queue.Queue[str] = queue.Queue()
        resigned = {name: threading.Event() for name in NAMES}

        def lead(name: str) -> None:
            took_office.put(name)
            resigned[name].wait()

        def stand(name: str) -> None:
            # run() waits for the office, calls lead() while it holds it, then gives it up.
            clients[name].Election(f"{root}/election", name).run(lead, name)

        clients = {name: KazooClient(address) for name in NAMES}
        for client in clients.values():
            client.start()
            stack.callback(client.close)
            stack.callback(client.stop)
        candidates = [threading.Thread(target=stand, args=(name,), daemon=True) for name in NAMES]
        for candidate in candidates:
            candidate.start()
        leaders = []
        for _ in NAMES:
            leader = took_office.get(timeout=30)
            if not took_office.empty():
                raise SystemExit(f"two leaders at a time: {leader} and {took_office.get()}")
            print(f"{leader} leads, and hands over")
            leaders.append(leader)
            resigned[leader].set()
        for candidate in candidates:
            candidate.join()
        clients["ann"].delete(root, recursive=True)
        if sorted(leaders) != sorted(NAMES):
            raise SystemExit(f"not everybody led once: {leaders}")


if __name__ == "__main__":
    main()
