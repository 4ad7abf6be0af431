"""Our ensemble grows and shrinks under load; the long run is ``python -m conformance.reconfig``."""

from __future__ import annotations

from conformance.ensembles import ENSEMBLES
from conformance.reconfig.growth import SETTINGS, Growth


def test_no_write_fails_while_servers_come_and_go() -> None:
    with ENSEMBLES["mesozoic"](1, settings=SETTINGS) as ensemble:
        growth = Growth(ensemble, seconds=0.2)
        growth.begin(4)
        growth.join(2, by_cli=False)
        problems = growth.missing()
        growth.leave(2, by_cli=False)
        problems += growth.verdict()
    assert problems == []
    assert all(writer.outcomes["answered"] for writer in growth.writers)


def test_a_write_that_is_gone_is_noticed() -> None:
    with ENSEMBLES["mesozoic"](1, settings=SETTINGS) as ensemble:
        growth = Growth(ensemble, seconds=0.2)
        growth.begin(1)
        growth.writers[0].created.append(f"{growth.writers[0].path}/never")
        growth.writers[0].outcomes["BadVersionError"] += 1
        lost, failed = growth.verdict()
    assert "never" in lost
    assert "BadVersionError" in failed
