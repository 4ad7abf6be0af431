"""A framework's scheduler, a good one: it keeps its tasks, asks after them, acknowledges.

What it keeps outlives its process: the framework's id and the tasks. One that crashes without
that comes back as another framework. It says its calls one after the other on a connection
beside its stream; what was said when that breaks may have come or not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mesos_compat.master.state import TERMINAL_STATES
from mesos_compat.sim import answers
from mesos_compat.sim.masters import Opened, Refused, SchedulerRequest, SimMaster
from mesos_compat.sim.wires import Ear, Side, Wire, copied
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2

if TYPE_CHECKING:
    from mesos_compat.sim.cluster import Cluster

Call = scheduler_pb2.Call
Event = scheduler_pb2.Event
_Capability = mesos_pb2.FrameworkInfo.Capability

ROLES: Final = ("r", "s", "r/a", "*")
_RETRY_MS: Final = 120
#: So many times the interval of heartbeats may pass in silence.
_HEARTBEATS: Final = 4
_OVER: Final = ("Framework has been removed", "Framework disconnected")


@dataclass(slots=True)
class Launched:
    """A task as its framework knows it."""

    agent_id: str
    state: mesos_pb2.TaskState = mesos_pb2.TASK_STAGING

    @property
    def is_over(self) -> bool:
        """Whether nothing is expected of it any more."""
        return self.state in TERMINAL_STATES


class SimScheduler:
    """See the module. ``number`` is that of its place; several frameworks may follow there."""

    def __init__(self, cluster: Cluster, number: int) -> None:
        self.number = number
        self.name = f"f{number}"
        self.cluster = cluster
        self.world = cluster.world
        self.knobs = cluster.knobs
        self.dice = cluster.world.stream(self.name)
        self._checkers = cluster.checkers
        #: How many frameworks there were here, and how many processes.
        self.generation = 0
        self._life = 0
        self.is_up = False
        #: Names that it gives; never the same twice.
        self._serial = 0
        self._new_framework()

    def _new_framework(self) -> None:
        dice = self.dice
        self.generation += 1
        self.info = mesos_pb2.FrameworkInfo(
            user="user",
            name=f"{self.name}.{self.generation}",
            checkpoint=dice.random() < 0.75,
            failover_timeout=dice.choice((0, 0.4, 2, 6, 6)),
        )
        capabilities = [_Capability.MULTI_ROLE]
        optional = (_Capability.PARTITION_AWARE, _Capability.RESERVATION_REFINEMENT)
        capabilities += [one for one in optional if dice.random() < 0.7]
        for one in capabilities:
            self.info.capabilities.add(type=one)
        self.info.roles.extend(dice.sample(ROLES, dice.randint(1, 2)))
        self.tasks: dict[str, Launched] = {}
        self.operations: dict[str, mesos_pb2.OperationState] = {}
        self._forget_process()

    def _forget_process(self) -> None:
        self.stream: Wire | None = None
        #: The master at the other end of the stream, whether it has answered or not.
        self.dialled: SimMaster | None = None
        self._stream_id = ""
        self._calls: Wire | None = None
        self._to_call: deque[Call] = deque()
        self._is_calling = False
        self.offers: dict[str, mesos_pb2.Offer] = {}
        self._heard_ms = 0

    @property
    def framework_id(self) -> str:
        """Empty until a master has given one."""
        return self.info.id.value

    @property
    def is_connected(self) -> bool:
        """Whether its stream is open."""
        return bool(self._stream_id)

    @property
    def is_partition_aware(self) -> bool:
        """Whether it understands TASK_UNREACHABLE and its like."""
        return any(one.type == _Capability.PARTITION_AWARE for one in self.info.capabilities)

    def new_name(self, kind: str) -> str:
        """A name that nothing had before."""
        self._serial += 1
        return f"{self.name}-{kind}{self._serial}"

    def expect(self, task_id: str, agent_id: str) -> None:
        """A task is about to be launched; this is written down first."""
        self.tasks[task_id] = Launched(agent_id)
        self._checkers.task_expected(self, task_id)

    @property
    def unsettled(self) -> list[str]:
        """Tasks that it does not know to be over."""
        return [task_id for task_id, task in self.tasks.items() if not task.is_over]

    # The process.

    def start(self) -> None:
        """A process, with what was kept."""
        if self.is_up:
            return
        self._life += 1
        self.is_up = True
        self._later(self.dice.randint(1, _RETRY_MS), self._dial)
        self._later(self.knobs.reconcile_ms, self._reconcile_again)
        self._later(self.knobs.heartbeat_ms, self._look)
        self._later(self.dice.randint(200, 2_000), self._act)

    def crash(self, *, forgets: bool, power: bool) -> None:
        """The process is gone; one that forgets is another framework afterwards."""
        if not self.is_up:
            return
        self.world.note(self.name, "died", "forgets" if forgets else "")
        for wire in (self.stream, self._calls):
            if wire is not None and power:
                wire.vanish(Side.CLIENT)
            elif wire is not None:
                wire.hang_up(Side.CLIENT)
        self.is_up = False
        self._forget_process()
        if forgets:
            self.end_framework()

    def end_framework(self) -> None:
        """What was launched so far is nobody's business any more."""
        self._checkers.framework_over(self)
        self._new_framework()

    def _later(self, delay_ms: int, thunk: Callable[..., None], *args: object) -> None:
        """Let something happen in so long, if this process is still there."""
        life = self._life

        def fire() -> None:
            if self.is_up and self._life == life:
                thunk(*args)

        self.world.after(delay_ms, fire)

    # Its connections.

    def _dial(self) -> None:
        """Subscribe with whoever leads."""
        if self.stream is not None:
            return
        master = self.cluster.leader
        if master is None or not master.is_alive:
            self._later(_RETRY_MS, self._dial)
            return
        wire = self.stream = self.cluster.network.dial(self.name)
        self._heard_ms = self.world.now_ms
        self.dialled = master
        wire.ears[Side.CLIENT] = Ear(
            lambda one: self._heard(wire, one), lambda: self.disconnected(wire)
        )
        master.accept(wire)
        call = Call(type=Call.SUBSCRIBE)
        call.subscribe.framework_info.CopyFrom(self.info)
        if self.framework_id:
            call.framework_id.CopyFrom(self.info.id)
        wire.send(Side.SERVER, call)

    def disconnected(self, wire: Wire) -> None:
        """A stream is over; another is opened soon."""
        if wire is not self.stream:
            return
        self.world.note(self.name, "disconnected")
        self.stream = self.dialled = None
        self._stream_id = ""
        self.offers.clear()
        self._to_call.clear()
        self._drop_calls()
        self._later(self.dice.randint(1, _RETRY_MS), self._dial)

    def drop_stream(self) -> None:
        """Give a stream up that seems to be dead, or leads to the wrong master."""
        if self.stream is not None:
            wire = self.stream
            wire.hang_up(Side.CLIENT)
            self.disconnected(wire)

    def _drop_calls(self) -> None:
        if self._calls is not None:
            self._calls.hang_up(Side.CLIENT)
        self._calls, self._is_calling = None, False

    def _look(self) -> None:
        """Whether the stream is dead, though nobody says so, or is that of an old leader."""
        if self.stream is not None:
            silence_ms = self.world.now_ms - self._heard_ms
            if silence_ms > _HEARTBEATS * self.knobs.heartbeat_ms + 40 * self.knobs.link_ms:
                self.drop_stream()
        self._later(self.knobs.heartbeat_ms, self._look)

    def call(self, call: Call) -> None:
        """Say something, behind what was said before; without a stream it is not said."""
        if self._stream_id and self.framework_id:
            call.framework_id.CopyFrom(self.info.id)
            self._to_call.append(call)
            self._call_next()

    def _call_next(self) -> None:
        if self._is_calling or not self._to_call or not self._stream_id:
            return
        master = self.dialled
        if master is None or not master.is_alive:
            return
        wire = self._calls
        if wire is None:
            wire = self._calls = self.cluster.network.dial(self.name)
            made = wire
            made.ears[Side.CLIENT] = Ear(
                lambda one: self._answered(made, one), lambda: self._calls_lost(made)
            )
            master.accept(made)
        self._is_calling = True
        call = self._to_call.popleft()
        self._checkers.scheduler_says(self, call)
        wire.send(Side.SERVER, SchedulerRequest(copied(call), self._stream_id))

    def _answered(self, wire: Wire, answer: object) -> None:
        if wire is self._calls and isinstance(answer, Refused):
            self._is_calling = False
            if answer.status != 202:
                self.world.note(self.name, "refused", f"{answer.status} {answer.why}")
            self._call_next()

    def _calls_lost(self, wire: Wire) -> None:
        if wire is self._calls:
            self._calls, self._is_calling = None, False
            self._later(_RETRY_MS, self._call_next)

    # What it hears.

    def _heard(self, wire: Wire, message: object) -> None:
        if wire is not self.stream:
            return
        self._heard_ms = self.world.now_ms
        if isinstance(message, Opened):
            self._stream_id = message.stream_id
        elif isinstance(message, Event):
            if message.type != Event.HEARTBEAT:
                self.world.note(self.name, Event.Type.Name(message.type))
            self._event(message)

    def _event(self, event: scheduler_pb2.Event) -> None:
        match event.type:
            case Event.SUBSCRIBED:
                if not self.framework_id:
                    self._checkers.framework_named(self, event.subscribed.framework_id.value)
                self.info.id.CopyFrom(event.subscribed.framework_id)
                self.reconcile()
                self.reconcile_operations()
            case Event.OFFERS:
                self._offered(event.offers.offers)
            case Event.RESCIND:
                self.offers.pop(event.rescind.offer_id.value, None)
            case Event.UPDATE:
                self._update(event.update.status)
            case Event.UPDATE_OPERATION_STATUS:
                self._operation_update(event.update_operation_status.status)
            case Event.INVERSE_OFFERS:
                for offer in event.inverse_offers.inverse_offers:
                    call = Call(type=Call.ACCEPT_INVERSE_OFFERS)
                    call.accept_inverse_offers.inverse_offer_ids.add().CopyFrom(offer.id)
                    self._later(self.knobs.think_ms, self.call, call)
            case Event.ERROR:
                self._error(event.error.message)
            case _:
                pass

    def _error(self, why: str) -> None:
        self.world.note(self.name, "ERROR", why)
        if why == "Framework failed over":
            # Another of our streams has come first; this one is over.
            self.drop_stream()
            return
        if not why.startswith(_OVER):
            self._checkers.scheduler_refused(self, why)
        self.crash(forgets=True, power=False)
        self.world.after(_RETRY_MS, self.start)

    def _offered(self, offers: Iterable[mesos_pb2.Offer]) -> None:
        for offer in offers:
            self.offers[offer.id.value] = offer
            delay_ms = self.dice.randint(0, self.knobs.think_ms * 2)
            self._later(delay_ms, self._think, offer.id.value)

    def _think(self, offer_id: str) -> None:
        if offer_id in self.offers and not self.cluster.is_hoarding:
            answers.answer(self, offer_id)

    def _update(self, status: mesos_pb2.TaskStatus) -> None:
        task_id = status.task_id.value
        self._checkers.scheduler_hears(self, status)
        task = self.tasks[task_id]
        # A task that is told to be over may be found again only when it was never sure.
        if not task.is_over or task.state == mesos_pb2.TASK_LOST:
            task.state = status.state
        if status.HasField("uuid"):
            call = Call(type=Call.ACKNOWLEDGE)
            call.acknowledge.agent_id.CopyFrom(status.agent_id)
            call.acknowledge.task_id.CopyFrom(status.task_id)
            call.acknowledge.uuid = status.uuid
            is_late = self.dice.randrange(100) < self.knobs.late_percent
            self._later(self.knobs.retry_min_ms * 2 if is_late else 0, self.call, call)

    def _operation_update(self, status: mesos_pb2.OperationStatus) -> None:
        if status.operation_id.value in self.operations:
            self.operations[status.operation_id.value] = status.state
        if status.HasField("uuid"):
            call = Call(type=Call.ACKNOWLEDGE_OPERATION_STATUS)
            call.acknowledge_operation_status.agent_id.CopyFrom(status.agent_id)
            call.acknowledge_operation_status.operation_id.CopyFrom(status.operation_id)
            call.acknowledge_operation_status.uuid = status.uuid.value
            self.call(call)

    # What it does by itself.

    def _reconcile_again(self) -> None:
        self.reconcile()
        self.reconcile_operations()
        self._later(self.knobs.reconcile_ms, self._reconcile_again)

    def reconcile(self) -> None:
        """Ask after all tasks that are not known to be over, and sometimes after all."""
        if self.dice.random() < 0.3:
            call = Call(type=Call.RECONCILE)
            call.reconcile.SetInParent()
            self.call(call)
        unsettled = self.unsettled
        if unsettled:
            call = Call(type=Call.RECONCILE)
            for task_id in unsettled:
                wanted = call.reconcile.tasks.add()
                wanted.task_id.value = task_id
                wanted.agent_id.value = self.tasks[task_id].agent_id
            self.call(call)

    def reconcile_operations(self) -> None:
        """Ask after the operations that are not known to be over."""
        pending = [
            operation_id
            for operation_id, state in self.operations.items()
            if state not in answers.OPERATION_OVER
        ]
        if pending:
            call = Call(type=Call.RECONCILE_OPERATIONS)
            for operation_id in pending:
                call.reconcile_operations.operations.add().operation_id.value = operation_id
            self.call(call)

    def _act(self) -> None:
        """Something that no offer asks for."""
        dice = self.dice
        unsettled = self.unsettled
        if self.cluster.is_calm:
            for task_id in unsettled:
                self._kill(task_id)
            # Whatever becomes of those, what is free is to be offered in the end.
            self.call(Call(type=Call.REVIVE))
        elif unsettled and dice.random() < 0.4:
            self._kill(dice.choice(unsettled))
        elif dice.random() < 0.7:
            self.call(Call(type=Call.REVIVE))
        elif dice.random() < 0.5:
            self.call(Call(type=Call.SUPPRESS))
        else:
            del self.info.roles[:]
            self.info.roles.extend(dice.sample(ROLES, dice.randint(1, 2)))
            call = Call(type=Call.UPDATE_FRAMEWORK)
            call.update_framework.framework_info.CopyFrom(self.info)
            self.call(call)
        self._later(dice.randint(300, 1_500), self._act)

    def _kill(self, task_id: str) -> None:
        call = Call(type=Call.KILL)
        call.kill.task_id.value = task_id
        if self.dice.random() < 0.8:
            call.kill.agent_id.value = self.tasks[task_id].agent_id
        self.call(call)

    def tear_down(self) -> None:
        """The framework ends itself, and another begins."""
        if self._stream_id:
            self.call(Call(type=Call.TEARDOWN))
            self._later(self.knobs.link_ms * 4 + 20, self._begin_again)

    def _begin_again(self) -> None:
        self.crash(forgets=True, power=False)
        self.start()
