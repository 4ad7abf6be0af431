"""A pool: functions of this program, called by processes on the cluster.

Run it with ``python examples/09_pool.py``; ``MESOS=host:port`` uses a cluster that runs.
"""

import os
import socket
from concurrent.futures import as_completed
from contextlib import ExitStack

from mesos_compat.testing import EmbeddedCluster
from mesozoic.pool import MesosPoolExecutor


def is_prime(number: int) -> bool:
    """Whether nothing but one and itself divides it."""
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))


def whoami() -> tuple[str, int]:
    """Where this runs."""
    return socket.gethostname(), os.getpid()


def main() -> None:
    """Count primes, and see what an exception looks like."""
    with ExitStack() as stack:
        master = os.environ.get("MESOS") or stack.enter_context(EmbeddedCluster(agents=2)).url
        pool = stack.enter_context(
            MesosPoolExecutor(master, max_workers=2, resources={"cpus": 0.5, "mem": 128})
        )
        numbers = range(10_000)
        count = sum(pool.map(is_prime, numbers, chunksize=500))
        print(f"there are {count} primes below {len(numbers)}")
        if count != sum(map(is_prime, numbers)):
            raise SystemExit("that is not what this process counts")

        for future in as_completed([pool.submit(whoami) for _ in range(4)]):
            host, pid = future.result()
            print(f"called by process {pid} on {host}")
        for worker in pool.workers():
            print(f"{worker.task_id}: {worker.answered} calls, its output is in {worker.sandbox}")
        try:
            pool.submit(is_prime, "seven").result()  # type: ignore[arg-type]
        except TypeError as error:
            print(f"{error}; where it was raised:{error.__cause__}")


if __name__ == "__main__":
    main()
