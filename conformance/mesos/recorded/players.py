"""A framework of a scene: it subscribes, keeps its offers and events, and replays its calls.

Calls of the recording name a framework, a stream, offers and agents. Before such a call goes
out, whatever it names that has no counterpart yet is given one: this framework, its stream, and
the first offer that it has, waiting for one if need be.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from google.protobuf import json_format

from conformance.mesos.recorded import exchange
from conformance.mesos.recorded.listeners import Listener
from conformance.mesos.recorded.recordings import Request
from conformance.mesos.recorded.stage import MASTER_PORT, Json, Stage
from mesos_compat.wire.v1 import scheduler_pb2

_PATH: Final = "/api/v1/scheduler"
_JSON: Final = "application/json"
_PROTOBUF: Final = "application/x-protobuf"
CAPABILITIES: Final = ("MULTI_ROLE", "RESERVATION_REFINEMENT", "TASK_KILLING_STATE")


def info_of(
    name: str,
    *,
    roles: Sequence[str] = ("*",),
    capabilities: Sequence[str] = CAPABILITIES,
    **more: Any,
) -> Json:
    """A FrameworkInfo as the recording's frameworks had it."""
    return {
        "user": "root",
        "name": name,
        "roles": list(roles),
        "capabilities": [{"type": one} for one in capabilities],
        **more,
    }


def _head(accept: str, more: Mapping[str, str] | None = None) -> tuple[tuple[str, str], ...]:
    headers = {"Host": f"127.0.0.1:{MASTER_PORT}", "Content-Type": _JSON, "Accept": accept}
    return (*{**headers, **(more or {})}.items(), ("Content-Length", "0"))


def subscription(info: Json, ids: Json, accept: str = _JSON, **subscribe: Any) -> Request:
    """A SUBSCRIBE with an info; ``ids`` is what the call says beside it."""
    content = {"framework_info": info, **subscribe}
    call = {**ids, "type": "SUBSCRIBE", "subscribe": content}
    return Request("POST", _PATH, _head(accept), json.dumps(call).encode())


class Framework(Listener):
    """A scheduler that keeps what it is offered, and acknowledges what it is told."""

    def __init__(
        self, stage: Stage, stream: exchange.EventStream, *, is_protobuf: bool = False
    ) -> None:
        self.stream_id = stream.answer.header("mesos-stream-id") or ""
        self.id = ""
        self.offers: dict[str, Json] = {}
        self.inverse_offers: list[str] = []
        self.is_acknowledging = True
        # Of another master than the section's first.
        self._port: int | None = None
        # How many events had come when the last call was made.
        self._asked = 0
        super().__init__(stage, stream, is_protobuf=is_protobuf)

    @classmethod
    async def subscribe(
        cls,
        stage: Stage,
        info: Json,
        *,
        is_protobuf: bool = False,
        port: int | None = None,
        **subscribe: Any,
    ) -> Self:
        """Subscribe with an info; raises ``TimeoutError``."""
        ids = {"framework_id": info["id"]} if "id" in info else {}
        accept = _PROTOBUF if is_protobuf else _JSON
        request = subscription(info, ids, accept, **subscribe)
        where = port or stage.port(MASTER_PORT)
        stream = await exchange.EventStream.open(where, request)
        framework = await cls.on(stage, stream, is_protobuf=is_protobuf)
        framework._port = port
        return framework

    @classmethod
    async def on(
        cls, stage: Stage, stream: exchange.EventStream, *, is_protobuf: bool = False
    ) -> Self:
        """Go on with a stream that is open; raises ``TimeoutError``."""
        framework = cls(stage, stream, is_protobuf=is_protobuf)
        await framework.wait(lambda: bool(framework.id) or framework.is_closed)
        return framework

    # What comes.

    async def _read(self) -> None:
        while (record := await self._stream.read()) is not None:
            if self._is_protobuf:
                message = scheduler_pb2.Event.FromString(record)
                event = json_format.MessageToDict(message, preserving_proto_field_name=True)
            else:
                event = json.loads(record)
            await self._take(event)
            self.events.append((event, record))
            self._came.set()
        self.is_closed = True
        self._came.set()

    async def _take(self, event: Json) -> None:
        if event["type"] == "SUBSCRIBED":
            self.id = event["subscribed"]["framework_id"]["value"]
        elif event["type"] == "OFFERS":
            self.offers |= {offer["id"]["value"]: offer for offer in event["offers"]["offers"]}
        elif event["type"] == "INVERSE_OFFERS":
            offers = event["inverse_offers"]["inverse_offers"]
            self.inverse_offers = [offer["id"]["value"] for offer in offers]
        elif event["type"] == "RESCIND":
            self.offers.pop(event["rescind"]["offer_id"]["value"], None)
        elif event["type"] == "UPDATE" and self.is_acknowledging:
            status = event["update"]["status"]
            if status.get("uuid"):
                await self.acknowledge(status)

    async def acknowledge(self, status: Json) -> None:
        """Acknowledge an update."""
        names = {name: status[name] for name in ("agent_id", "task_id", "uuid")}
        await self.call({"type": "ACKNOWLEDGE", "acknowledge": names})

    async def call(self, call: Json) -> None:
        """A call of a scene's own, which has to be accepted; raises ``RuntimeError``."""
        body = json.dumps({"framework_id": {"value": self.id}, **call}).encode()
        head = _head(_JSON, {"Mesos-Stream-Id": self.stream_id})
        port = self._port or self._stage.port(MASTER_PORT)
        answer = await exchange.ask(port, Request("POST", _PATH, head, body))
        if answer.status not in ("202 Accepted", "200 OK"):
            raise RuntimeError(f"{call['type']}: {answer.status}: {answer.body!r}")

    async def compare_call(self, case: str, call: Json, stream_id: str) -> None:
        """Make a call whose request was not kept, and compare its answer."""
        body = json.dumps({"framework_id": {"value": self.id}, **call}).encode()
        head = _head(_JSON, {"Mesos-Stream-Id": stream_id})
        port = self._stage.port(MASTER_PORT)
        self._stage.compare(case, await exchange.ask(port, Request("POST", _PATH, head, body)))

    # What is compared.

    async def expect_next_offers(self, case: str) -> None:
        """The next OFFERS are the recorded ones that came in answer to a case."""
        recorded = self._stage.section.next_offers(case)
        self._next, last = self._asked, self._next
        found = await self._find(lambda event: event["type"] == "OFFERS")
        self._next = max(last, self._next)
        name = f"{case}.next-offers"
        if found is None:
            self._stage.outcome.add(name, ["no offers came"])
        else:
            self._stage.outcome.add(name, self._stage.event_differences(recorded, found))

    async def decline_offers(self) -> None:
        """Give back what is offered now; what is expected next comes after this."""
        self._next = self._asked = len(self.events)
        offer_ids = [{"value": offer_id} for offer_id in self.offers]
        self.offers.clear()
        decline = {"offer_ids": offer_ids, "filters": {"refuse_seconds": 0}}
        await self.call({"type": "DECLINE", "decline": decline})

    async def renew_offers(self, count: int = 1) -> None:
        """Give back what is offered, and have all there is offered in so many offers."""
        await self.decline_offers()
        await self.revive(count)

    # Calls of the recording.

    async def replay(self, *cases: str) -> None:
        """Make recorded calls, each after what it names has been given a counterpart."""
        for case in cases:
            await self.prepare(case)
            self._asked = len(self.events)
            await self._stage.replay(case)

    async def prepare(self, case: str) -> None:
        """Give what a recorded call names a counterpart."""
        request = self._stage.section.request(case)
        names = self._stage.names
        stream = request.header("mesos-stream-id")
        if stream and not names.is_bound(stream):
            names.bind(stream, self.stream_id)
        body = self._call_of(request)
        framework = body.get("framework_id", {}).get("value")
        if framework and not names.is_bound(framework):
            names.bind(framework, self.id)
        for kind in ("accept_inverse_offers", "decline_inverse_offers"):
            for offer_id in body.get(kind, {}).get("inverse_offer_ids", ()):
                await self._bind_inverse_offer(offer_id["value"])
        for kind in ("accept", "decline"):
            for offer_id in body.get(kind, {}).get("offer_ids", ()):
                if not names.is_bound(offer_id["value"]):
                    await self.bind_offer(offer_id["value"])
        for kind in ("accept", "decline"):
            for offer_id in body.get(kind, {}).get("offer_ids", ()):
                self.offers.pop(names.to_ours(offer_id["value"]), None)

    async def _bind_inverse_offer(self, recorded: str) -> None:
        names = self._stage.names
        if recorded.startswith("nope"):
            return
        if not names.is_bound(recorded):
            await self.wait(lambda: bool(self.inverse_offers))
            names.rebind(recorded, self.inverse_offers[0])
        self.inverse_offers.remove(names.to_ours(recorded))

    def _call_of(self, request: Request) -> Json:
        if request.header("content-type") == _PROTOBUF:
            message = scheduler_pb2.Call.FromString(request.body)
            call = json_format.MessageToDict(message, preserving_proto_field_name=True)
        else:
            call = json.loads(request.body)
        return call

    async def revive(self, count: int) -> None:
        """Have everything offered that can be, and wait until so many offers are there."""
        await self.call({"type": "REVIVE"})
        await self.wait(lambda: len(self.offers) == count)

    async def wait_for_offers(self) -> None:
        """Until something is offered."""
        await self.wait(lambda: bool(self.offers))

    async def take_offer(self) -> Json:
        """The first offer there is, or the next, for a scene's own use."""
        await self.wait_for_offers()
        return self.offers.pop(next(iter(self.offers)))

    async def bind_offer(self, recorded: str) -> Json:
        """Wait for an offer, and let it stand for a recorded one."""
        if "-O" not in recorded or recorded.startswith("nope"):
            return {}
        names = self._stage.names
        free: list[Json] = []

        def is_offered() -> bool:
            free[:] = [one for key, one in self.offers.items() if not names.is_taken(key)]
            return bool(free)

        await self.wait(is_offered)
        offer = free[0]
        self._stage.names.rebind(recorded, offer["id"]["value"])
        return offer
