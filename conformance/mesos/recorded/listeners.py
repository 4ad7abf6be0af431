"""Who listens to a stream of events, and holds what comes against the recording."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from google.protobuf import json_format
from google.protobuf.message import Message

from conformance.mesos.recorded import exchange
from conformance.mesos.recorded.stage import Json, Stage
from mesos_compat.wire.v1 import scheduler_pb2

WAIT_S: Final = 10.0


class Listener:
    """``async with`` closes the stream at the end, as a client that ends."""

    def __init__(
        self,
        stage: Stage,
        stream: exchange.EventStream,
        *,
        is_protobuf: bool = False,
        kind: type[Message] = scheduler_pb2.Event,
    ) -> None:
        self._stage = stage
        self._stream = stream
        self._is_protobuf = is_protobuf
        self._kind = kind
        self.events: list[tuple[Json, bytes]] = []
        # Where what is expected is looked for.
        self._next = 0
        self.is_closed = False
        self._came = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.leave()

    async def leave(self) -> None:
        """Close the stream."""
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader
        await self._stream.close()

    def _decode(self, record: bytes) -> Json:
        if self._is_protobuf:
            message = self._kind.FromString(record)
            return json_format.MessageToDict(message, preserving_proto_field_name=True)
        event: Json = json.loads(record)
        return event

    async def _read(self) -> None:
        while (record := await self._stream.read()) is not None:
            event = self._decode(record)
            await self._take(event)
            self.events.append((event, record))
            self._came.set()
        self.is_closed = True
        self._came.set()

    async def _take(self, event: Json) -> None:
        """What somebody who listens does with an event at once."""

    async def wait(self, is_so: Callable[[], bool]) -> None:
        """Wait for what an event brings about; raises ``TimeoutError``."""
        async with asyncio.timeout(WAIT_S):
            while not is_so():
                self._came.clear()
                await self._came.wait()

    async def expect(self, *cases: str) -> None:
        """The next event of a recorded one's type (and task, and state) is equal to it.

        Events of other kinds before it are passed over; the order of what is expected counts.
        """
        for case in cases:
            recorded = self._stage.section.event(case)
            wanted = _key(self._decode(recorded))
            found = await self._find(lambda event, wanted=wanted: _key(event) == wanted)  # type: ignore[misc]
            if found is None:
                self._stage.outcome.add(case, [f"{wanted} did not come; {self._tell()}"])
                continue
            self._stage.outcome.add(
                case,
                self._stage.event_differences(recorded, found, self._is_protobuf, self._kind),
            )

    async def expect_in_any_order(self, *cases: str) -> None:
        """The same for events that may overtake each other."""
        first = last = self._next
        for case in cases:
            self._next = first
            await self.expect(case)
            last = max(last, self._next)
        self._next = last

    async def _find(self, is_it: Callable[[Json], bool]) -> bytes | None:
        def position() -> int | None:
            for number in range(self._next, len(self.events)):
                if is_it(self.events[number][0]):
                    return number
            return None

        try:
            await self.wait(lambda: position() is not None or self.is_closed)
        except TimeoutError:
            return None
        found = position()
        if found is None:
            return None
        self._next = found + 1
        return self.events[found][1]

    def forget_last(self, kind: str) -> None:
        """Take the last event of a type for not having come."""
        numbers = [n for n, (event, _) in enumerate(self.events) if event["type"] == kind]
        del self.events[numbers[-1]]
        self._next = min(self._next, len(self.events))

    def compare_stream(self, case: str) -> None:
        """Hold all that has come against a recorded stream.

        Updates may come in another order, since tasks run beside each other; so may what rescinds
        several offers at once; how often the heart beats is a matter of how long it lasted.
        """
        recorded = [(self._decode(record), record) for record in self._stage.section.events(case)]
        to_theirs = self._stage.names.to_theirs
        for kinds, is_ordered in (((), True), (("UPDATE",), False), (("RESCIND",), False)):
            theirs = _of_kinds(recorded, kinds)
            mine = _of_kinds(self.events, kinds)
            if not is_ordered:
                theirs.sort(key=lambda one: (_key(one[0]), one[1]))
                mine.sort(key=lambda one: (_key(one[0]), to_theirs(one[1].decode()).encode()))
            wanted, came = [[_key(event) for event, _ in some] for some in (theirs, mine)]
            if wanted != came:
                self._stage.outcome.add(case, [f"events: {wanted}, ours {came}"])
                continue
            for (event, record), (_, ours) in zip(theirs, mine, strict=True):
                found = self._stage.event_differences(record, ours, self._is_protobuf, self._kind)
                self._stage.outcome.add(case, [f"{event['type']}{line}" for line in found])

    def compare_kinds(self, case: str, but: tuple[str, ...] = ()) -> None:
        """Of each type (and task, and state) as many events have come as in a recorded stream.

        ``but`` names types that come as often as they like.
        """
        recorded = [self._decode(record) for record in self._stage.section.events(case)]
        ours = [event for event, _ in self.events]
        left_out = ("HEARTBEAT", *but)
        wanted, came = [
            sorted(_key(event) for event in some if event["type"] not in left_out)
            for some in (recorded, ours)
        ]
        if wanted != came:
            self._stage.outcome.add(case, [f"events: {wanted}, ours {came}"])

    def rewind(self) -> None:
        """Look for what is expected from the beginning again."""
        self._next = 0

    async def skip_to(self, kind: str, task: str = "", state: str = "") -> None:
        """Pass over events until one has come that no recording needs comparing with."""
        if await self._find(lambda event: _key(event) == (kind, task, state)) is None:
            raise RuntimeError(f"{kind} {task} {state} did not come; {self._tell()}")

    def _tell(self) -> str:
        told = []
        for event, _ in self.events[self._next :]:
            message = event.get("update", {}).get("status", {}).get("message", "")
            told.append(" ".join((*_key(event), message)).strip())
        return ", ".join(told) or "nothing else came"


def _of_kinds(events: list[tuple[Json, bytes]], kinds: tuple[str, ...]) -> list[tuple[Json, bytes]]:
    """Events of these types; without any types, those that come in an order."""
    if kinds:
        return [one for one in events if one[0]["type"] in kinds]
    return [one for one in events if one[0]["type"] not in ("UPDATE", "RESCIND", "HEARTBEAT")]


def _key(event: Json) -> tuple[str, str, str]:
    if event["type"] == "UPDATE":
        status = event["update"]["status"]
        return "UPDATE", status["task_id"]["value"], status["state"]
    if event["type"] == "TASK_ADDED":
        return "TASK_ADDED", event["task_added"]["task"]["task_id"]["value"], ""
    if event["type"] == "TASK_UPDATED":
        status = event["task_updated"]["status"]
        return "TASK_UPDATED", status["task_id"]["value"], status["state"]
    if event["type"] == "UPDATE_OPERATION_STATUS":
        status = event["update_operation_status"]["status"]
        name = status.get("operation_id", {}).get("value", "")
        return event["type"], name, status["state"]
    return event["type"], "", ""
