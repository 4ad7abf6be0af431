"""What the machine says of itself: load, memory, processors.

Source: libprocess's ``System``. The metrics of both programs begin with these.
"""

from __future__ import annotations

import os

import psutil

from mesos_compat.http.answers import Answer, values
from mesos_compat.http.requests import Request
from mesos_compat.wire.json_dialect import JsonValue


def measure() -> dict[str, float]:
    """``system/...`` of ``/metrics/snapshot``; sizes in bytes."""
    one, five, fifteen = os.getloadavg()
    memory = psutil.virtual_memory()
    return {
        "system/cpus_total": float(os.cpu_count() or 1),
        "system/load_1min": one,
        "system/load_5min": five,
        "system/load_15min": fifteen,
        "system/mem_free_bytes": float(memory.free),
        "system/mem_total_bytes": float(memory.total),
    }


async def stats(request: Request) -> Answer:
    """``/system/stats.json``."""
    del request
    found = measure()
    answer: dict[str, JsonValue] = {
        "avg_load_15min": found["system/load_15min"],
        "avg_load_1min": found["system/load_1min"],
        "avg_load_5min": found["system/load_5min"],
        "cpus_total": int(found["system/cpus_total"]),
        "mem_free_bytes": int(found["system/mem_free_bytes"]),
        "mem_total_bytes": int(found["system/mem_total_bytes"]),
    }
    return values(answer)
