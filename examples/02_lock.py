"""A lock: two programs take turns at something that only one may do at a time.

Run it with ``python examples/02_lock.py``; ``ZK=host:port`` makes it use a server that runs.
"""

import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from kazoo.client import KazooClient

from zkserver.testing import EmbeddedServer

ROUNDS = 20


def contend(address: str, root: str, name: str) -> list[int]:
    """Add one to the counter ROUNDS times, read and write apart; returns what was written."""
    written = []
    client = KazooClient(address)
    client.start()
    try:
        lock = client.Lock(f"{root}/lock", name)
        for _ in range(ROUNDS):
            with lock:
                # Without the lock the other contender would write between these two lines.
                count = int(client.get(f"{root}/counter")[0]) + 1
                client.set(f"{root}/counter", str(count).encode())
                written.append(count)
    finally:
        client.stop()
        client.close()
    return written


def main() -> None:
    """Let two contenders count together, and see that no count was lost."""
    with ExitStack() as stack:
        address = os.environ.get("ZK") or stack.enter_context(EmbeddedServer()).address
        client = KazooClient(address)
        client.start()
        stack.callback(client.close)
        stack.callback(client.stop)
        root = f"/example-lock-{uuid.uuid4().hex}"
        client.create(f"{root}/counter", b"0", makepath=True)
        with ThreadPoolExecutor(2) as pool:
            ann, ben = pool.map(lambda name: contend(address, root, name), ("ann", "ben"))
        total = int(client.get(f"{root}/counter")[0])
        client.delete(root, recursive=True)
        print(f"ann wrote {ann}\nben wrote {ben}\ntotal {total}")
        if total != 2 * ROUNDS or sorted(ann + ben) != list(range(1, total + 1)):
            raise SystemExit("a count was lost: the lock let both in")


if __name__ == "__main__":
    main()
