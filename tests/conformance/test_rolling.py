"""Certificates renewed and servers restarted under load: ``python -m conformance.rolling``."""

from __future__ import annotations

from pathlib import Path

from conformance.rolling.maintenance import Maintenance


def test_no_write_fails_while_servers_are_maintained(tmp_path: Path) -> None:
    work = Maintenance(tmp_path, seconds=0.2)
    with work.ensemble:
        work.begin(4)
        work.renew()
        work.restart_all()
        problems = work.verdict()
    assert problems == []
    assert all(writer.outcomes["answered"] for writer in work.writers)
    assert sum(writer.outcomes["ConnectionLoss"] for writer in work.writers), "nobody noticed"
