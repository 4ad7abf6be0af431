"""What must hold at every moment, whatever goes wrong; what was said is remembered for that.

Statuses: what an executor was assured of reaches its framework, in the order in which the
executor told it, unless the framework was ended or the agent was lost; an agent forgets a status
only when its framework has acknowledged it. The books of masters and the use of agents are in
:mod:`mesos_compat.sim.books`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from mesos_compat.agent import events as agent_ev
from mesos_compat.agent.state import TaskKey
from mesos_compat.master import actions as act
from mesos_compat.master import events as ev
from mesos_compat.sim import books
from mesos_compat.sim.promises import Promises
from mesos_compat.sim.world import Violation
from mesos_compat.wire import link_pb2
from mesos_compat.wire.v1 import mesos_pb2, scheduler_pb2

if TYPE_CHECKING:
    from mesos_compat.sim.agents import SimAgent
    from mesos_compat.sim.cluster import Cluster
    from mesos_compat.sim.executors import SimExecutor
    from mesos_compat.sim.masters import SimMaster
    from mesos_compat.sim.schedulers import SimScheduler

_Event = link_pb2.Event

#: Within less than this, agents that are gone may be forgotten in a run.
_AGE_LONG_MS: Final = 1_000_000
_GOES_ON: Final = (
    mesos_pb2.TASK_STAGING,
    mesos_pb2.TASK_STARTING,
    mesos_pb2.TASK_RUNNING,
    mesos_pb2.TASK_KILLING,
)

#: What masters and agents decide for good.
_DECIDED_ENDS: Final = (
    mesos_pb2.TASK_ERROR,
    mesos_pb2.TASK_DROPPED,
    mesos_pb2.TASK_GONE,
    mesos_pb2.TASK_GONE_BY_OPERATOR,
)

#: By task, the uuids of statuses that are not acknowledged.
Pending = dict[TaskKey, tuple[bytes, ...]]


@dataclass(slots=True)
class _Told:
    """The statuses of one task."""

    #: All that its executor has told, in order, and how many of them its framework has heard.
    uuids: list[bytes] = field(default_factory=list)
    heard: int = 0
    #: What the executor was assured of, and by which agent.
    assured: dict[bytes, int] = field(default_factory=dict)


class _Began(NamedTuple):
    """Where a task was given to its executor: on which agent, and the how many-th boot of it."""

    number: int
    boot: int


class Checkers:
    """Raises :class:`Violation` as soon as something is wrong."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._world = cluster.world
        self.tasks_expected = self.statuses_heard = 0
        #: What operators were promised.
        self.promises = Promises(
            forgets_gone=cluster.knobs.registry_max_age_ms < _AGE_LONG_MS,
        )
        #: How a task ended, as its framework was told.
        self._ends: dict[str, mesos_pb2.TaskState] = {}
        #: Which framework, of which place and generation, a task is of.
        self._owners: dict[str, tuple[str, int]] = {}
        #: The how many-th of all it is.
        self._ordinals: dict[str, int] = {}
        self._told: dict[TaskKey, _Told] = {}
        self._acknowledged: dict[tuple[TaskKey, bytes], None] = {}
        #: What agents were told to be acknowledged, and frameworks that they were told to end.
        self._acknowledged_to: dict[tuple[int, TaskKey, bytes], None] = {}
        #: Of the latter, how many tasks had been launched by then; without a framework, of all.
        self._ended_on: dict[tuple[int, str | None], int] = {}
        self._began: dict[TaskKey, _Began] = {}
        #: Tasks that a master has given up, and then found again.
        self._unwanted: dict[TaskKey, None] = {}
        # Ids, and whom they were given to.
        self._framework_names: dict[str, str] = {}
        self._agent_owners: dict[str, int] = {}
        self._offers: dict[str, None] = {}

    # Masters.

    def master_stepped(self, master: SimMaster, event: ev.Event, actions: list[act.Action]) -> None:
        """A master has taken an event, and this is what it wants done."""
        master.core.check()
        books.compare(master)
        self.promises.check(master)
        offered: list[mesos_pb2.Offer] = []
        for action in actions:
            if isinstance(action, act.SendToScheduler):
                kind = scheduler_pb2.Event.Type.Name(action.event.type)
                if action.event.type == scheduler_pb2.Event.HEARTBEAT:
                    continue
                self._world.note(master.name, kind, books.brief(action.event))
                offered.extend(action.event.offers.offers)
                if action.event.HasField("subscribed"):
                    self._subscribed(master, action.event.subscribed.framework_id.value)
            elif isinstance(action, act.SendToAgent) and action.event.type != _Event.PING:
                self._world.note(master.name, _Event.Type.Name(action.event.type))
                self._told_agent(master, action)
        if offered:
            self._offered(master, offered)
        if isinstance(event, ev.AgentCalled):
            self._world.note(master.name, link_pb2.Call.Type.Name(event.call.type))

    def _told_agent(self, master: SimMaster, action: act.SendToAgent) -> None:
        """A kill that no framework has asked for is of a task that was given up."""
        kill = action.event.kill_task
        if action.event.type == _Event.KILL_TASK:
            key = TaskKey(kill.framework_id.value, kill.task_id.value)
            framework = master.core.state.frameworks.get(key.framework_id)
            if framework is None or key.task_id not in framework.tasks:
                self._unwanted[key] = None

    def _subscribed(self, master: SimMaster, framework_id: str) -> None:
        framework = master.core.state.frameworks.get(framework_id)
        if framework is None:
            return
        name = self._framework_names.setdefault(framework_id, framework.info.name)
        if name != framework.info.name:
            raise Violation("ids", f"{framework_id} is of {name} and of {framework.info.name}")

    def _offered(self, master: SimMaster, offers: list[mesos_pb2.Offer]) -> None:
        state = master.core.state
        for offer in offers:
            offer_id = offer.id.value
            if offer_id in self._offers:
                raise Violation("ids", f"offer {offer_id} is made twice")
            self._offers[offer_id] = None
            agent = state.agents.get(offer.agent_id.value)
            if agent is None or not agent.is_active:
                raise Violation("offers", f"{offer_id} is of an agent that is not there")
        books.check_quotas(master, offers)

    # Agents.

    def agent_started(self, agent: SimAgent) -> None:
        """A process begins; frameworks that do not checkpoint are forgotten by it."""
        for key, told in self._told.items():
            framework = self._info_of(key.framework_id)
            if framework is None or not framework.checkpoint:
                self._excuse(told, agent.number)

    def _info_of(self, framework_id: str) -> mesos_pb2.FrameworkInfo | None:
        for scheduler in self._cluster.schedulers:
            if scheduler.framework_id == framework_id:
                return scheduler.info
        return None

    @staticmethod
    def _excuse(told: _Told, number: int) -> None:
        for uuid in [uuid for uuid, where in told.assured.items() if where == number]:
            del told.assured[uuid]

    def agent_lost(self, agent: SimAgent) -> None:
        """The host was rebooted: what ran on it is lost."""
        for told in self._told.values():
            self._excuse(told, agent.number)

    def agent_wiped(self, agent: SimAgent) -> None:
        """From now on it is another agent."""
        self.agent_lost(agent)

    def agent_gives_up(self, agent: SimAgent) -> None:
        """All that runs on it is to end, and nothing of it is told."""
        self._ended_on[agent.number, None] = self.tasks_expected
        self.agent_lost(agent)

    def agent_stopped(self, agent: SimAgent, why: str, *, is_regular: bool) -> None:
        """The process has ended itself; it may do so when it was asked to."""
        if not is_regular:
            raise Violation("stop", f"{agent.name}: {why}")
        self.agent_wiped(agent)

    def agent_hears(self, agent: SimAgent, event: link_pb2.Event) -> None:
        """An agent is told something by its master."""
        if event.type != _Event.PING:
            self._world.note(agent.name, _Event.Type.Name(event.type))
        match event.type:
            case _Event.ACKNOWLEDGE:
                call = event.acknowledge
                key = TaskKey(call.framework_id.value, call.task_id.value)
                if (key, call.uuid) not in self._acknowledged:
                    why = f"{key} {call.uuid.hex()}, which its framework has not acknowledged"
                    raise Violation("acknowledged", why)
                self._acknowledged_to[agent.number, key, call.uuid] = None
            case _Event.SHUTDOWN_FRAMEWORK:
                framework_id = event.shutdown_framework.framework_id.value
                self._ended_on[agent.number, framework_id] = self.tasks_expected
                for key, told in self._told.items():
                    if key.framework_id == framework_id:
                        self._excuse(told, agent.number)
            case _Event.SHUTDOWN:
                self.agent_gives_up(agent)
            case _Event.REGISTERED | _Event.REREGISTERED:
                agent_id = event.registered.agent_id.value
                # A host that has lost what it was may get its id again while nothing is there: it
                # cannot be told from one that has not heard of its id.
                if self._agent_owners.setdefault(agent_id, agent.number) != agent.number:
                    raise Violation("ids", f"{agent_id} is given to {agent.name} again")

    @staticmethod
    def before_agent(agent: SimAgent) -> Pending:
        """What waits for acknowledgements before a step."""
        streams = agent.core.state.update_streams if agent.core is not None else {}
        return {key: tuple(one.uuid for one in stream.pending) for key, stream in streams.items()}

    def agent_stepped(self, agent: SimAgent, event: agent_ev.Event, before: Pending) -> None:
        """An agent has taken an event."""
        core = agent.core
        if core is None:
            return
        core.check()
        if not isinstance(event, agent_ev.Recovered | agent_ev.Tick):
            books.check_use(agent, self._unwanted)
        now = _Began(agent.number, agent.boots)
        for key in books.running_on(agent):
            if self._began.get(key, now) != now:
                raise Violation("undead", f"{agent.name} has {key}, which ran before a reboot")
        streams = core.state.update_streams
        for key, uuids in before.items():
            stream = streams.get(key)
            left = [one.uuid for one in stream.pending] if stream is not None else []
            for uuid in uuids:
                if uuid in left or (agent.number, key, uuid) in self._acknowledged_to:
                    continue
                if not self._is_ended(agent.number, key):
                    raise Violation("forgotten", f"{agent.name} drops {key} {uuid.hex()}")

    def _is_ended(self, number: int, key: TaskKey) -> bool:
        """Whether an agent was told to end the framework since the task was launched.

        Not all of the framework is over then: a master that has been replaced may have said so.
        """
        ended = (self._ended_on.get((number, one), 0) for one in (None, key.framework_id))
        return self._ordinals.get(key.task_id, 0) <= max(ended)

    # Executors.

    def task_began(self, executor: SimExecutor, task_id: str) -> None:
        """An executor has got a task."""
        key = TaskKey(executor.framework_id, task_id)
        if key in self._began:
            raise Violation("twice", f"{key} is launched twice")
        self._began[key] = _Began(executor.agent_number, executor.boot)

    def executor_told(self, executor: SimExecutor, status: mesos_pb2.TaskStatus) -> None:
        """An executor is about to tell a status."""
        key = TaskKey(executor.framework_id, status.task_id.value)
        state = mesos_pb2.TaskState.Name(status.state)
        self._world.note(executor.name, state, status.task_id.value)
        self._told.setdefault(key, _Told()).uuids.append(status.uuid)

    def executor_assured(self, executor: SimExecutor, task_id: str, uuid: bytes) -> None:
        """An executor hears that a status is safe."""
        told = self._told[TaskKey(executor.framework_id, task_id)]
        is_heard = uuid in told.uuids[: told.heard]
        is_over = self._info_of(executor.framework_id) is None or self._is_ended(
            executor.agent_number, TaskKey(executor.framework_id, task_id)
        )
        if not is_heard and not is_over:
            told.assured[uuid] = executor.agent_number

    # Schedulers.

    def framework_named(self, scheduler: SimScheduler, framework_id: str) -> None:
        """A framework hears its id."""
        if self._framework_names.get(framework_id) != scheduler.info.name:
            raise Violation("ids", f"{framework_id} is not of {scheduler.info.name}")

    def framework_over(self, scheduler: SimScheduler) -> None:
        """Nobody is there any more to hear of these tasks."""
        for key, told in self._told.items():
            if key.framework_id == scheduler.framework_id:
                told.assured.clear()

    def task_expected(self, scheduler: SimScheduler, task_id: str) -> None:
        """A task is about to be launched."""
        self.tasks_expected += 1
        self._owners[task_id] = scheduler.name, scheduler.generation
        self._ordinals[task_id] = self.tasks_expected

    def scheduler_says(self, scheduler: SimScheduler, call: scheduler_pb2.Call) -> None:
        """A call is on its way."""
        self._world.note(scheduler.name, scheduler_pb2.Call.Type.Name(call.type))
        if call.type == scheduler_pb2.Call.ACKNOWLEDGE:
            key = TaskKey(scheduler.framework_id, call.acknowledge.task_id.value)
            self._acknowledged[key, call.acknowledge.uuid] = None

    def scheduler_refused(self, scheduler: SimScheduler, why: str) -> None:
        """A framework is told that it did something wrong, which it did not."""
        raise Violation("refused", f"{scheduler.name}: {why}")

    def scheduler_hears(self, scheduler: SimScheduler, status: mesos_pb2.TaskStatus) -> None:
        """A status arrives."""
        self.statuses_heard += 1
        task_id = status.task_id.value
        state = mesos_pb2.TaskState.Name(status.state)
        self._world.note(scheduler.name, state, f"{task_id} {status.message}")
        if self._owners.get(task_id) != (scheduler.name, scheduler.generation):
            raise Violation("strange", f"{scheduler.name} hears of {task_id}")
        told = self._told.get(TaskKey(scheduler.framework_id, task_id))
        self._ended(scheduler, status, told)
        if told is None or not status.HasField("uuid") or status.uuid not in told.uuids:
            return
        position = told.uuids.index(status.uuid)
        if position > told.heard:
            why = f"{task_id}: status {position + 1} comes, {told.heard} have come before"
            raise Violation("order", why)
        told.heard = max(told.heard, position + 1)
        told.assured.pop(status.uuid, None)

    def _ended(
        self, scheduler: SimScheduler, status: mesos_pb2.TaskStatus, told: _Told | None
    ) -> None:
        """A task that was said to be over by those who should know does not go on.

        Of ends that its executor may have told the order says enough: a master answers with the
        latest state as long as no status has passed it, and as in Mesos with an older one then.
        Nor is it decided when a framework that does not checkpoint has lost the task with a link:
        what the agent tells of it until it is killed is passed on, as in Mesos. The same goes for a
        framework that is back although agents were told that it is over, and for an agent that is
        back when the registry has forgotten that it is gone.
        """
        task_id, state = status.task_id.value, status.state
        key = TaskKey(scheduler.framework_id, task_id)
        is_given_up = state == mesos_pb2.TASK_GONE and (
            not scheduler.info.checkpoint
            or any(self._is_ended(agent.number, key) for agent in self._cluster.agents)
        )
        is_forgotten = state == mesos_pb2.TASK_GONE_BY_OPERATOR and self.promises.forgets_gone
        if state in _DECIDED_ENDS and not is_given_up and not is_forgotten:
            self._ends[task_id] = state
        end = self._ends.get(task_id)
        if end is None or state not in _GOES_ON:
            return
        known = [] if told is None else told.uuids[: told.heard]
        if not status.HasField("uuid") or status.uuid not in known:
            states = [mesos_pb2.TaskState.Name(one) for one in (state, end)]
            raise Violation("revived", f"{task_id} is {' after '.join(states)}")

    # The end.

    def final(self) -> None:
        """All is calm, and everything that was to come has come."""
        for key, told in self._told.items():
            for uuid in told.assured:
                raise Violation("lost", f"{key}: status {told.uuids.index(uuid) + 1} never came")
