"""Makes many calls in a pool, and says whether each result was right and came once.

``python pool_calls.py MASTER CALLS SECONDS``: calls that take so long together with four workers.
Prints progress, and at last a line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from concurrent.futures import Future
from functools import partial

from mesozoic.pool import MesosPoolExecutor

WORKERS = 4


def square(number: int, seconds: float) -> int:
    """Called by a worker."""
    time.sleep(seconds)
    return number * number


def main(master: str, count: int, seconds: float) -> None:
    """Make the calls."""
    delivered: Counter[int] = Counter()
    wrong: list[str] = []

    def done(number: int, future: Future[int]) -> None:
        delivered[number] += 1
        try:
            if future.result() != number * number:
                wrong.append(f"{number}: {future.result()}")
        except BaseException as error:  # noqa: BLE001 - whatever came instead of a result
            wrong.append(f"{number}: {error!r}")
        if not len(delivered) % 100:
            print(f"delivered {len(delivered)}", flush=True)

    needs = {"cpus": 0.1, "mem": 64.0}
    with MesosPoolExecutor(master, WORKERS, resources=needs, retries=1000) as pool:
        for number in range(count):
            future = pool.submit(square, number, seconds * WORKERS / count)
            future.add_done_callback(partial(done, number))
    told = {
        "delivered": len(delivered),
        "more_than_once": sum(times > 1 for times in delivered.values()),
        "wrong": wrong[:20],
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
