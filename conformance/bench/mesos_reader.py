"""Reads ``/state`` of a master over and over until it is told to end; prints how long it took."""

from __future__ import annotations

import signal
import statistics
import sys
import time
import urllib.request


def main() -> None:
    """``python -m conformance.bench.mesos_reader HOST:PORT``."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    took: list[float] = []

    def ended(*_: object) -> None:
        if took:
            print(f"median {statistics.median(took):.2f} s, longest {max(took):.2f} s", flush=True)
        sys.exit(0)

    signal.signal(signal.SIGTERM, ended)
    while True:
        began = time.perf_counter()
        with opener.open(f"http://{sys.argv[1]}/state", timeout=120) as answer:
            answer.read()
        took.append(time.perf_counter() - began)
        time.sleep(0.5)


if __name__ == "__main__":
    main()
