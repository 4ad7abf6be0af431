"""Sections about schedulers: HTTP of their endpoint, their calls and events."""

from __future__ import annotations

import dataclasses
from typing import Final

from conformance.mesos.recorded import exchange
from conformance.mesos.recorded.players import Framework, info_of
from conformance.mesos.recorded.recordings import cases_of
from conformance.mesos.recorded.stage import MASTER_PORT, Stage

_REFUSED: Final = cases_of("""
    get put no-content-type bad-content-type content-type-charset empty-body malformed-json
    json-not-object json-string unknown-type no-type type-unknown-enum-0 type-as-number
    unknown-field wrong-field-type malformed-protobuf subscribe-accept-text
    subscribe-no-subscribe-field subscribe-missing-required-user subscribe-missing-required-name
    subscribe-with-stream-id subscribe-id-mismatch subscribe-id-only-outer
    call-without-framework-id call-unknown-framework call-unknown-framework-no-stream-id
    decline-without-decline accept-missing-required
""")
_SUBSCRIPTIONS: Final = cases_of("""
    subscribe-empty-user subscribe-empty-name subscribe-unknown-id subscribe-bad-id
    subscribe-no-roles-multirole subscribe-role-without-multirole subscribe-role-with-multirole
    subscribe-roles-without-multirole subscribe-dup-roles subscribe-bad-role-dash
    subscribe-bad-role-slash subscribe-bad-role-dot subscribe-bad-role-space
    subscribe-bad-role-star subscribe-negative-failover subscribe-huge-failover
    subscribe-offer-filters-unknown-role subscribe-suppressed-not-in-roles subscribe-suppressed
    subscribe-ok-protobuf subscribe-ok-json-in-protobuf-out subscribe-accept-any
""")


async def http(stage: Stage) -> None:
    """The section ``scheduler-http``."""
    await stage.replay(*_REFUSED)
    for case in _SUBSCRIPTIONS:
        stream = await stage.replay_stream(case)
        await stream.close()
        await stage.cluster.wait_for(lambda: not stage.core.state.frameworks)
    async with await Framework.subscribe(stage, info_of("live")) as framework:
        await framework.prepare("live-right-stream-id")
        await stage.replay(
            "live-missing-stream-id",
            "live-wrong-stream-id",
            "live-wrong-stream-id-uuid",
            "live-right-stream-id",
            "live-accept-text-on-non-subscribe",
            "live-gzip-accept",
        )
    await stage.cluster.wait_for(lambda: not stage.core.state.frameworks)
    await stage.replay(
        "disconnected-framework-call",
        "master-prefixed-path",
        "trailing-slash",
        "unknown-path",
        "unknown-master-path",
        "root",
    )


async def calls(stage: Stage) -> None:
    """The section ``scheduler``."""
    async with await Framework.subscribe(stage, info_of("golden")) as framework:
        framework.is_acknowledging = False
        await framework.expect("subscribed", "heartbeat", "offers")
        await framework.replay("decline", "accept-launch")
        for state in ("task_starting", "task_running"):
            await framework.expect(f"update-{state}")
            await framework.replay(f"acknowledge-{state}")
        await framework.replay(
            "acknowledge-twice", "acknowledge-bad-uuid", "acknowledge-unknown-agent"
        )
        await framework.replay("reconcile-explicit")
        await framework.expect("update-reconcile-known")
        for case in ("reconcile-unknown-task", "reconcile-unknown-agent"):
            await framework.replay(case)
            await framework.expect(f"update-{case}")
        await framework.replay("reconcile-unknown-no-agent")
        await framework.expect("update-reconcile-unknown-no-agent")
        await framework.replay("reconcile-implicit")
        await framework.expect("update-reconcile-implicit")
        await framework.replay("message", "message-unknown-agent")
        for case in ("kill-unknown", "kill-unknown-with-agent"):
            await framework.replay(case)
            await framework.expect(f"update-{case}")
        framework.is_acknowledging = True
        await framework.replay("kill")
        await framework.expect("update-task_killing", "update-task_killed")
        for case in (
            "task-finished",
            "task-failed",
            "task-no-such-binary",
            "task-signal",
            "task-max-completion",
            "task-fetch-fails",
        ):
            await framework.replay(case)
            await framework.expect(case)


_REFUSED_TASKS: Final = cases_of("""
    more-than-offered zero-resources no-resources negative tiny-mem only-cpus no-allocation-info
    wrong-role no-command both-command-executor bad-task-id empty-task-id long-task-id dot-task-id
    space-task-id wrong-agent kill-policy-negative max-completion-negative health-check-both
    check-no-type unknown-resource revocable gpus-fraction ports-not-offered scalar-as-ranges
    limits-without-shared-cgroups executor-no-id executor-default-in-launch executor-no-command
    executor-wrong-framework
""")


async def validation(stage: Stage) -> None:
    """The section ``task-validation``, where nothing is offered but at REVIVE."""
    async with await Framework.subscribe(stage, info_of("golden")) as framework:
        for case in _REFUSED_TASKS:
            await _offer_all(stage, framework)
            await framework.replay(case)
            await framework.expect(case)
        await _offer_all(stage, framework)
        await framework.replay("two-tasks-second-too-big")
        await framework.expect(*(f"two-tasks-second-too-big-{number}" for number in range(4)))
        await _offer_all(stage, framework)
        await framework.replay("duplicate-task-id")
        await framework.expect("duplicate-task-id-update")
        await framework.skip_to("UPDATE", "dup", "TASK_RUNNING")
        await framework.revive(1)
        await framework.replay("duplicate-running-task-id")
        await framework.expect("duplicate-running-task-id-update")


async def _offer_all(stage: Stage, framework: Framework, but: str = "") -> None:
    """Have everything in one offer, once nothing runs any more, or only that."""
    await stage.wait_until_idle(but)
    await framework.renew_offers()


async def offers(stage: Stage) -> None:
    """The section ``offers``, where nothing is offered but at REVIVE."""
    first = await Framework.subscribe(stage, info_of("golden"))
    await first.bind_offer(_OFFER)
    for kind, capabilities in (
        ("not-partition-aware", ("MULTI_ROLE", "RESERVATION_REFINEMENT")),
        ("partition-aware", ("MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE")),
    ):
        info = info_of("other", roles=["other"], capabilities=capabilities)
        async with await Framework.subscribe(stage, info) as other:
            await other.replay(f"accept-unknown-offer-{kind}")
            await other.expect(f"accept-unknown-offer-update-{kind}")
            await other.replay(f"accept-others-offer-{kind}")
            await other.expect(f"accept-others-offer-update-{kind}")
            await other.replay(f"accept-unknown-group-{kind}")
            await other.expect(
                f"accept-unknown-group-update0-{kind}", f"accept-unknown-group-update1-{kind}"
            )
    await first.replay(
        "decline-unknown", "accept-no-offers", "accept-duplicate-offer", "accept-no-operations"
    )
    await stage.cluster.wait_for(lambda: len(stage.core.state.frameworks) == 1)
    await first.renew_offers()
    await first.skip_to("OFFERS")
    await first.replay("accept-unknown-operation")
    await first.revive(1)
    await first.expect("accept-unknown-operation-event")
    await first.replay("decline-default")
    # Its filter lasts five seconds; this ends it.
    await first.revive(1)
    await first.replay("suppress")
    await first.replay("decline-suppressed", "revive", "revive-unknown-role")
    await first.replay("suppress-unknown-role", "request", "update-framework")
    await first.replay(
        "update-framework-user", "update-framework-checkpoint", "update-framework-bad-role"
    )
    await stage.replay("operator-reserve-rescinds", "operator-unreserve")
    await first.replay("shutdown-unknown-executor", "teardown", "after-teardown")
    await first.leave()
    stream = await stage.replay_stream("resubscribe-after-teardown")
    stage.compare_last_event("resubscribe-after-teardown-event")
    await stream.close()


_OFFER: Final = "e9211b1c-da26-458c-a3d2-d447d173f361-O64"
_OFFER_AFTER_SHRINK: Final = "e9211b1c-da26-458c-a3d2-d447d173f361-O77"

_OPERATIONS: Final = cases_of("""
    reserve reserve-with-id create create-with-id grow shrink launch-on-volume create-duplicate
    create-too-big reserve-too-big reserve-other-role reserve-no-principal reserve-old-format
    reserve-no-feedback-error destroy-with-id destroy unreserve-with-id unreserve
    unreserve-not-reserved reserve-create-launch destroy-unreserve
""")


_HELD: Final = "held"


async def _hold(framework: Framework) -> None:
    # What SHRINK_VOLUME has freed is never offered again by Apache's master, though it counts it
    # among the agent's resources. A task has as much here, so that later offers are comparable.
    offer = await framework.take_offer()
    disk = {
        "name": "disk",
        "type": "SCALAR",
        "scalar": {"value": 8},
        "reservations": [{"type": "DYNAMIC", "role": "ops", "principal": "p1"}],
        "allocation_info": {"role": "ops"},
    }
    task = {
        "name": _HELD,
        "task_id": {"value": _HELD},
        "agent_id": offer["agent_id"],
        "resources": [disk],
        "command": {"value": "sleep 1000"},
    }
    launch = {"type": "LAUNCH", "launch": {"task_infos": [task]}}
    accept = {
        "offer_ids": [offer["id"]],
        "operations": [launch],
        "filters": {"refuse_seconds": 0},
    }
    await framework.call({"type": "ACCEPT", "accept": accept})
    await framework.skip_to("UPDATE", _HELD, "TASK_RUNNING")
    await framework.revive(1)
    await framework.bind_offer(_OFFER_AFTER_SHRINK)


async def operations(stage: Stage) -> None:
    """The section ``operations``, where nothing is offered but at REVIVE."""
    info = info_of("operations", roles=["ops"], principal="p1")
    async with await Framework.subscribe(stage, info) as framework:
        for case in _OPERATIONS:
            await framework.replay(case)
            number = 0
            while stage.section.has(f"{case}-event{number}"):
                await framework.expect(f"{case}-event{number}")
                number += 1
            if stage.section.has(f"{case}-ack1"):
                await stage.replay(f"{case}-ack1")
            if "launch" in case:
                await _offer_all(stage, framework, but=_HELD)
            else:
                await framework.revive(1)
            await framework.expect_next_offers(case)
            if case == "shrink":
                await _hold(framework)
        await framework.replay("reconcile-operations-unknown")
        await framework.expect(*(f"reconcile-operations-unknown-event{n}" for n in range(3)))
        await framework.replay("reconcile-operations-implicit")
        await framework.revive(1)
        await framework.replay("operation-id-without-feedback-launch")
        await framework.expect("operation-id-launch-event0")
        await framework.call({"type": "KILL", "kill": {"task_id": {"value": _HELD}}})
        await _offer_all(stage, framework)
        await stage.replay("http-reserve")
        await framework.expect("rescind")
        await stage.replay(
            "http-reserve-disk",
            "http-create-volumes",
            "http-destroy-volumes",
            "http-destroy-volumes-again",
            "http-unreserve-disk",
            "http-unreserve",
            "http-reserve-no-slave",
            "http-reserve-no-resources",
            "http-reserve-unknown-slave",
            "http-reserve-bad-json",
            "http-reserve-too-big",
            "http-reserve-get",
        )


async def protobuf(stage: Stage) -> None:
    """The section ``scheduler-protobuf``."""
    stream = await stage.open("stream")
    async with await Framework.on(stage, stream, is_protobuf=True) as framework:
        framework.is_acknowledging = False
        await framework.expect("subscribed", "heartbeat", "offers")
        await framework.replay("decline", "accept-launch")
        await framework.expect("update1-big-task_error")
        for number, state in ((2, "starting"), (3, "running"), (4, "finished")):
            await framework.expect(f"update{number}-pb1-task_{state}")
            await framework.replay(f"acknowledge{number}")
        await framework.replay("reconcile")
        await framework.expect("update-reconcile")
        framework.compare_kinds("stream", but=("OFFERS",))
        await framework.replay("teardown")
    # A call of a type that nobody knows, which was not kept.
    like = stage.section.request("teardown")
    unknown = dataclasses.replace(like, body=b"\x10\x63")
    stage.compare("unknown-enum", await exchange.ask(stage.port(MASTER_PORT), unknown))
