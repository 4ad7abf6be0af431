"""The section about frameworks without capabilities, and resources in the old format."""

from __future__ import annotations

from typing import Final

from conformance.mesos.recorded.players import Framework, info_of
from conformance.mesos.recorded.stage import Json, Stage

_OLD: Final[Json] = {"user": "root", "name": "old"}


async def play(stage: Stage) -> None:
    """The section ``legacy``."""
    async with await Framework.subscribe(stage, _OLD) as old:
        old.is_acknowledging = False
        await old.expect("offers-no-capabilities")
        await old.replay("accept-old-format")
        await old.expect("unacked-update1")
        await old.call({"type": "TEARDOWN"})
    await stage.wait_until_idle()
    for name, capabilities in (("multi-role-only", ["MULTI_ROLE"]), ("rr", None)):
        given = capabilities or ["MULTI_ROLE", "RESERVATION_REFINEMENT"]
        async with await Framework.subscribe(stage, info_of(name, capabilities=given)) as one:
            await one.expect(f"offers-{name}")
    await stage.replay("reserve-for-r1")
    async with await Framework.subscribe(stage, {**_OLD, "role": "r1"}) as old:
        await old.expect("offers-reserved-no-capabilities")
    async with await Framework.subscribe(stage, info_of("rr", roles=["r1"])) as refined:
        await refined.expect("offers-reserved-rr")
    await stage.cluster.wait_for(lambda: not stage.core.state.frameworks)
    await stage.replay("slaves-reserved", "unreserve-for-r1")
    stream = await stage.replay_stream("caps")
    await stream.close()
