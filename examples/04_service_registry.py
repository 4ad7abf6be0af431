"""A service registry: servers announce themselves, and vanish from it when they die.

Run it with ``python examples/04_service_registry.py``; ``ZK=host:port`` uses a server that runs.
"""

import os
import queue
import uuid
from contextlib import ExitStack

from kazoo.client import KazooClient

from zkserver.testing import EmbeddedServer


def connect(address: str, stack: ExitStack) -> KazooClient:
    """A connected client that is stopped at the end."""
    client = KazooClient(address)
    client.start()
    stack.callback(client.close)
    stack.callback(client.stop)
    return client


def main() -> None:
    """Announce two web servers, let one go, and watch the registry meanwhile."""
    with ExitStack() as stack:
        address = os.environ.get("ZK") or stack.enter_context(EmbeddedServer()).address
        balancer, one, two = (connect(address, stack) for _ in range(3))
        root = f"/example-registry-{uuid.uuid4().hex}"
        balancer.ensure_path(root)
        changes: queue.Queue[list[str]] = queue.Queue()

        @balancer.ChildrenWatch(root)  # type: ignore[untyped-decorator]
        def on_change(names: list[str]) -> None:
            changes.put(sorted(balancer.get(f"{root}/{name}")[0].decode() for name in names))

        seen = [changes.get(timeout=10)]
        # An ephemeral znode lives as long as the session of the one that made it.
        for client, where in ((one, b"10.0.0.1:80"), (two, b"10.0.0.2:80")):
            client.create(f"{root}/web-", where, ephemeral=True, sequence=True)
            seen.append(changes.get(timeout=10))
        one.stop()
        seen.append(changes.get(timeout=10))
        two.stop()
        seen.append(changes.get(timeout=10))
        balancer.delete(root)
        for servers in seen:
            print("in service:", ", ".join(servers) or "none")
        first, second = "10.0.0.1:80", "10.0.0.2:80"
        if seen != [[], [first], [first, second], [second], []]:
            raise SystemExit("the registry did not show what happened")


if __name__ == "__main__":
    main()
