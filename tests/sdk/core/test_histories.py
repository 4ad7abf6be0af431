"""Whatever happens, in whatever order: what the package promises holds after each step."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from mesos_compat.wire.v1 import mesos_pb2
from mesos_compat.wire.v1.scheduler_pb2 import Call
from mesozoic.core import actions, calls, events, notices
from mesozoic.core.settings import SchedulerSettings
from tests.sdk.core.scripted import ID, MasterEvent, Script, offer, status, task

SETTINGS = SchedulerSettings(
    offer_hold_ms=2_000, reconcile_ms=20_000, backoff_ms=100, backoff_max_ms=1_000
)


class History:
    """A script of chance, and what must hold."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.script = Script(
            "r", "s", subscribe=False, settings=SETTINGS, below=self.random.randrange
        )
        self.seen = 0
        self.open_stream: int | None = None
        self.told: list[notices.Notice] = []
        self.settled: Counter[int] = Counter()
        self.pending: list[actions.Send] = []
        self.saving: list[str] = []
        self.uuids: Counter[bytes] = Counter()
        self.handled: set[bytes] = set()
        self.held_since: dict[str, int] = {}
        self.number = 0

    def run(self, steps: int) -> None:
        moves = (
            self.tick, self.tick, self.detect, self.open, self.subscribed, self.lose,
            self.save, self.offer, self.rescind, self.update, self.handle, self.call,
            self.answer, self.demand, self.acknowledge, self.heartbeat,
        )  # fmt: skip
        for _ in range(steps):
            self.random.choice(moves)()
            self.check()
        self.script.happens(events.Stopped())
        self.check()
        assert self.settled == Counter(dict.fromkeys(range(1, self.script.token + 1), 1))

    def check(self) -> None:
        done, self.seen = self.script.done[self.seen :], len(self.script.done)
        for one in done:
            self.check_action(one)
        held = self.script.core.offers
        for offer_id in held:
            age_ms = self.script.now_ms - self.held_since.setdefault(offer_id, self.script.now_ms)
            assert age_ms <= SETTINGS.offer_hold_ms
        assert self.script.core.is_subscribed or not held

    def check_action(self, one: actions.Action) -> None:
        match one:
            case actions.Connect():
                assert self.open_stream is None
                self.open_stream = one.stream
                self.pending.clear()
            case actions.Disconnect(stream):
                assert stream == self.open_stream
                self.open_stream = None
            case actions.Send():
                assert one.stream == self.open_stream
                assert one.call.framework_id.value == ID
                assert one.call.IsInitialized()
                if one.call.type == Call.ACKNOWLEDGE:
                    assert one.call.acknowledge.uuid in self.handled
                self.pending.append(one)
            case actions.Settle(token):
                self.settled[token] += 1
            case actions.SaveFrameworkId(framework_id):
                self.saving.append(framework_id)
            case actions.Tell(notice):
                if isinstance(notice, notices.TaskUpdated) and notice.status.uuid:
                    self.uuids[notice.status.uuid] += 1
                    assert self.uuids[notice.status.uuid] == 1
                self.told.append(notice)

    # Moves.

    def tick(self) -> None:
        due_ms = self.script.core.next_due_ms()
        if due_ms is not None:
            # A Tick may come early; then nothing is due.
            self.script.now_ms = self.random.randint(
                self.script.now_ms, max(due_ms, self.script.now_ms)
            )
            self.script.happens(events.Tick())

    def detect(self) -> None:
        master = self.random.choice(["http://a:1", "http://b:1", None, "http://a:1"])
        self.script.happens(events.MasterDetected(master, self.random.random() < 0.3))

    def open(self) -> None:
        if self.open_stream is not None:
            self.script.happens(events.StreamOpened(self.open_stream))

    def say(self, said: MasterEvent) -> None:
        if self.open_stream is not None:
            self.script.happens(events.Received(self.open_stream, said))

    def subscribed(self) -> None:
        said = MasterEvent(type=MasterEvent.SUBSCRIBED)
        said.subscribed.framework_id.value = ID
        said.subscribed.heartbeat_interval_seconds = 15.0
        self.say(said)

    def lose(self) -> None:
        if self.random.random() < 0.2:
            stream = self.open_stream or self.random.randint(0, 3)
            # The core answers with Disconnect, or there was no such stream.
            self.script.happens(events.StreamLost(stream, "gone", self.random.choice([None, 503])))

    def save(self) -> None:
        if self.saving:
            self.script.happens(events.FrameworkIdSaved(self.saving.pop(0)))

    def offer(self) -> None:
        self.number += 1
        self.say(
            MasterEvent(
                type=MasterEvent.OFFERS, offers=MasterEvent.Offers(offers=[offer(self.number)])
            )
        )
        if self.random.random() < 0.5:
            self.script.happens(events.OffersShown((f"O{self.number}",)))

    def rescind(self) -> None:
        said = MasterEvent(type=MasterEvent.RESCIND)
        said.rescind.offer_id.value = f"O{self.random.randint(0, self.number)}"
        self.say(said)

    def update(self) -> None:
        state = self.random.choice([mesos_pb2.TASK_RUNNING, mesos_pb2.TASK_FINISHED])
        uuid = self.random.choice([None, bytes([self.random.randint(1, 255)]) * 16])
        update = MasterEvent.Update(status=status(f"t{self.random.randint(0, 5)}", state, uuid))
        self.say(MasterEvent(type=MasterEvent.UPDATE, update=update))

    def handle(self) -> None:
        if self.told:
            notice = self.told.pop(0)
            if isinstance(notice, notices.TaskUpdated):
                self.handled.add(notice.status.uuid)
            self.script.happens(events.Told(notice))

    def call(self) -> None:
        self.script.calls(
            self.random.choice(
                [
                    calls.kill("t"),
                    calls.suppress(["r"]),
                    calls.revive(),
                    calls.decline([f"O{self.number}"]),
                    calls.accept([f"O{self.number}"], [calls.launch_operation([task("t1")])]),
                ]
            )
        )

    def acknowledge(self) -> None:
        uuids = [one for one in self.uuids if self.random.random() < 0.1]
        for uuid in uuids[:1]:
            self.handled.add(uuid)
            self.script.calls(calls.acknowledge(status("t1", uuid=uuid)))

    def answer(self) -> None:
        if not self.pending:
            return
        send = self.pending.pop(0)
        roll = self.random.random()
        if roll < 0.05:
            broken = events.CallBroken(send.stream, send.token, send.call, "reset")
            self.script.happens(broken)
        else:
            self.script.answers(send, 202 if roll < 0.9 else 400, "")

    def demand(self) -> None:
        wanted, is_news = self.random.random() < 0.7, self.random.random() < 0.5
        self.script.happens(events.DemandChanged(wanted, is_news))

    def heartbeat(self) -> None:
        self.say(MasterEvent(type=MasterEvent.HEARTBEAT))


@pytest.mark.parametrize("seed", range(60))
def test_promises_hold_in_any_history(seed: int) -> None:
    History(seed).run(400)
