"""A cluster that is made of dice: a master, agents, tasks and a store, and one scheduler at a time.

What is sent may be lost with its connection, a process may die between any two of its steps, and
agents go and come. The world counts what was started, and knows what runs.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from dataclasses import dataclass, field

from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.framework import Service, Task
from mesozoic.framework.planning import actions, events
from mesozoic.framework.planning.core import PlanningCore
from mesozoic.framework.planning.instances import ending_of
from mesozoic.framework.planning.state import State
from tests.sdk.framework.scripted import BEGIN_MS, offer, status

#: One agent has room for nearly everything: what may run on one agent only finds it there.
_CPUS = 10


@dataclass
class RealTask:
    agent: str
    slot: str
    state: str = "TASK_STAGING"
    # States that the scheduler has not acknowledged, the oldest first.
    untold: deque[tuple[bytes, str]] = field(default_factory=deque)

    @property
    def is_live(self) -> bool:
        return ending_of(mesos_pb2.TaskStatus(state=self.state).state) is None


@dataclass
class RealAgent:
    is_reachable: bool = True
    free: int = _CPUS
    # What it has was declined: it is offered when there is more, or offers are asked for.
    is_declined: bool = False


class World:
    """``step`` does one thing of many; ``settle`` lets all go well from now on."""

    def __init__(self, seed: int, *declared: Task | Service) -> None:
        self.dice = random.Random(seed)
        self.declared = declared
        self.now_ms = BEGIN_MS
        self.epoch = 0
        self.records: dict[str, bytes] = {}
        self.agents = {f"a{number}": RealAgent() for number in range(3)}
        self.tasks: dict[str, RealTask] = {}
        self.starts: Counter[str] = Counter()
        # Offers that the scheduler has, or will have, with their agents.
        self.outstanding: dict[str, str] = {}
        self.number = 0
        self.is_connected = False
        self.writes: deque[actions.Write] = deque()
        self.calls: deque[actions.Action] = deque()
        self.news: deque[events.Event] = deque()
        self.start()

    # The scheduler.

    def start(self) -> None:
        self.epoch += 1
        self.core = PlanningCore(self.epoch, State.of_records(self.records), self.dice.randrange)
        # What the driver would ask for: what is believed to run, and what it launches.
        self.known = {one.task_id for one in self.core.live()}
        for one in self.declared:
            self.tell(events.Declared(one.spec()))

    def tell(self, event: events.Event) -> None:
        for action in self.core.step(event, self.now_ms):
            if isinstance(action, actions.Write):
                self.writes.append(action)
            elif isinstance(action, actions.Launch):
                self._ask_to_launch(action)
            elif self.is_connected:
                self.calls.append(action)
        self.check()

    def _ask_to_launch(self, launch: actions.Launch) -> None:
        ids = tuple(one.task_id.value for one in launch.tasks)
        if self.is_connected:
            self.known |= set(ids)
            self.calls.append(launch)
        else:
            self.news.append(events.LaunchRefused(ids, "not subscribed"))

    def write(self) -> None:
        write = self.writes.popleft()
        for change in write.changes:
            if isinstance(change, actions.Put):
                self.records[change.key] = change.data
            else:
                self.records.pop(change.key, None)
        self.tell(events.Written(write.token))

    def crash(self) -> None:
        """The process dies; what it has asked the store or the master for is done in part."""
        for _ in range(self.dice.randint(0, len(self.writes))):
            for change in self.writes.popleft().changes:
                if isinstance(change, actions.Put):
                    self.records[change.key] = change.data
                else:
                    self.records.pop(change.key, None)
        self.writes.clear()
        self._lose_calls()
        self.is_connected = False
        self.news.clear()
        self.start()

    # The connection.

    def _lose_calls(self) -> None:
        for _ in range(self.dice.randint(0, len(self.calls))):
            self.obey(self.calls.popleft())
        self.calls.clear()
        self.outstanding.clear()
        for agent in self.agents.values():
            agent.is_declined = False

    def disconnect(self) -> None:
        self._lose_calls()
        self.is_connected = False
        self.news = deque(one for one in self.news if isinstance(one, events.LaunchRefused))
        self.tell(events.Disconnected())

    def connect(self) -> None:
        self.is_connected = True
        self.tell(events.Subscribed())
        for task_id in sorted(self.known):
            self.reconcile(task_id)
        for task_id, task in self.tasks.items():
            self.send_update(task_id, task)

    def say(self, event: events.Event) -> None:
        if self.is_connected:
            self.news.append(event)

    def send_update(self, task_id: str, task: RealTask) -> None:
        if task.untold and self.agents[task.agent].is_reachable:
            uuid, state = task.untold[0]
            self.say(events.StatusCame(status(task_id, state, uuid=uuid)))

    def reconcile(self, task_id: str) -> None:
        task = self.tasks.get(task_id)
        if task is None or (not task.is_live and not task.untold):
            state = "TASK_GONE"
        elif not self.agents[task.agent].is_reachable:
            state = "TASK_UNREACHABLE"
        else:
            state = task.state
        self.say(events.StatusCame(status(task_id, state)))

    # The master and the agents.

    def obey(self, call: actions.Action) -> None:
        match call:
            case actions.Launch():
                self._launch(call)
            case actions.Kill(task_id, _):
                self._kill(task_id)
            case actions.Decline(offer_ids):
                for offer_id in offer_ids:
                    if offer_id in self.outstanding:
                        self.agents[self.outstanding.pop(offer_id)].is_declined = True
            case actions.AskForOffers():
                for agent in self.agents.values():
                    agent.is_declined = False
            case actions.Acknowledge(said):
                self._acknowledge(said)

    def _launch(self, launch: actions.Launch) -> None:
        agents = {self.outstanding.pop(one, None) for one in launch.offer_ids}
        for info in launch.tasks:
            task_id = info.task_id.value
            agent = info.agent_id.value
            if agents != {agent} or not self.agents[agent].is_reachable:
                self.say(events.StatusCame(status(task_id, "TASK_DROPPED")))
                continue
            self.starts[task_id] += 1
            self.agents[agent].free -= 1
            assert self.agents[agent].free >= 0
            self.tasks[task_id] = RealTask(agent, task_id.rpartition(".")[0])

    def _kill(self, task_id: str) -> None:
        task = self.tasks.get(task_id)
        if task is None or not task.is_live or not self.agents[task.agent].is_reachable:
            self.reconcile(task_id)
        else:
            self.become(task_id, "TASK_KILLED")

    def _acknowledge(self, said: mesos_pb2.TaskStatus) -> None:
        task = self.tasks.get(said.task_id.value)
        if task is not None and task.untold and task.untold[0][0] == said.uuid:
            task.untold.popleft()
            self.send_update(said.task_id.value, task)

    def become(self, task_id: str, state: str) -> None:
        """A task is in another state, and its agent wants to tell."""
        task = self.tasks[task_id]
        task.state = state
        self.number += 1
        task.untold.append((f"u{self.number}".encode(), state))
        if not task.is_live:
            self.agents[task.agent].free += 1
            self.agents[task.agent].is_declined = False
        if len(task.untold) == 1:
            self.send_update(task_id, task)

    def offer_something(self) -> None:
        for name, agent in self.agents.items():
            if not agent.is_reachable or not agent.free or agent.is_declined:
                continue
            if name not in self.outstanding.values():
                self.number += 1
                offer_id = f"o{self.number}"
                self.outstanding[offer_id] = name
                self.say(events.OffersCame((offer(offer_id, name, f"cpus:{agent.free};mem:999"),)))

    def rescind(self) -> None:
        if self.outstanding:
            offer_id = self.dice.choice(sorted(self.outstanding))
            del self.outstanding[offer_id]
            self.say(events.OfferRescinded(offer_id))

    def cut_off(self, name: str) -> None:
        self.agents[name].is_reachable = False
        self.say(events.AgentLost(name))
        for offer_id in [one for one, agent in self.outstanding.items() if agent == name]:
            del self.outstanding[offer_id]
            self.say(events.OfferRescinded(offer_id))
        for task_id, task in self.tasks.items():
            if task.agent == name and task.is_live:
                self.say(events.StatusCame(status(task_id, "TASK_UNREACHABLE")))

    def come_back(self, name: str) -> None:
        self.agents[name].is_reachable = True
        self.agents[name].is_declined = False
        for task_id, task in self.tasks.items():
            if task.agent == name and task.is_live:
                self.say(events.StatusCame(status(task_id, task.state)))
            if task.agent == name:
                self.send_update(task_id, task)

    def end_of_an_agent(self, name: str) -> None:
        """The agent and all it runs are gone; another one stands in its place."""
        self.cut_off(name)
        for task_id, task in self.tasks.items():
            if task.agent == name and task.is_live:
                task.state = "TASK_LOST"
                task.untold.clear()
                self.say(events.StatusCame(status(task_id, "TASK_GONE_BY_OPERATOR")))
        self.agents[name] = RealAgent()

    # What happens.

    def step(self) -> None:
        roll = self.dice.random()
        live = sorted(task_id for task_id, task in self.tasks.items() if task.is_live)
        if roll < 0.25 and self.news:
            self.tell(self.news.popleft())
        elif roll < 0.45 and self.calls:
            self.obey(self.calls.popleft())
        elif roll < 0.6 and self.writes:
            self.write()
        elif roll < 0.7:
            self.pass_time(self.dice.randint(1, 3_000))
        elif roll < 0.78 and self.is_connected and self.core.wants_offers():
            self.offer_something()
        elif roll < 0.9 and live:
            self._change_a_task(self.dice.choice(live))
        elif roll < 0.93:
            if self.is_connected and self.dice.random() < 0.3:
                self.disconnect()
            elif not self.is_connected:
                self.connect()
        elif roll < 0.94:
            self.crash()
        elif roll < 0.97:
            self._change_an_agent(self.dice.choice(sorted(self.agents)))
        elif roll < 0.98:
            self.rescind()
        else:
            self._want_something()

    def pass_time(self, milliseconds: int) -> None:
        self.now_ms += milliseconds
        self.tell(events.Tick())

    def _change_a_task(self, task_id: str) -> None:
        if self.tasks[task_id].state == "TASK_STAGING":
            self.become(task_id, "TASK_RUNNING")
        elif self.dice.random() < 0.3:
            self.become(task_id, self.dice.choice(["TASK_FAILED", "TASK_FINISHED"]))

    def _change_an_agent(self, name: str) -> None:
        if not self.agents[name].is_reachable:
            self.come_back(name)
        elif self.dice.random() < 0.8:
            self.cut_off(name)
        else:
            self.end_of_an_agent(name)

    def _want_something(self) -> None:
        services = [name for name, one in self.core.standings.items() if one.spec.is_service]
        if services:
            name = self.dice.choice(services)
            wish = self.dice.choice([events.Scaled(name, self.dice.randint(0, 3)), None])
            self.tell(wish or events.RestartAsked(name))

    def settle(self, rounds: int = 400) -> None:
        """From now on nothing goes wrong, and nothing ends but by the scheduler's will."""
        for name, agent in self.agents.items():
            if not agent.is_reachable:
                self.come_back(name)
        if not self.is_connected:
            self.connect()
        for _ in range(rounds):
            while self.news or self.calls or self.writes:
                if self.writes:
                    self.write()
                elif self.calls:
                    self.obey(self.calls.popleft())
                else:
                    self.tell(self.news.popleft())
            for task_id, task in self.tasks.items():
                if task.state == "TASK_STAGING":
                    self.become(task_id, "TASK_RUNNING")
                elif task.is_live and self._is_task(task_id):
                    self.become(task_id, "TASK_FINISHED")
            if self.core.wants_offers():
                self.offer_something()
            if not (self.news or self.calls or self.writes):
                due_ms = self.core.next_due_ms()
                if due_ms is None:
                    return
                self.pass_time(max(due_ms - self.now_ms, 0))
        raise AssertionError("it does not come to rest")

    def _is_task(self, task_id: str) -> bool:
        standing = self.core.standings.get(task_id.split(".")[0])
        return standing is not None and not standing.spec.is_service

    # What must hold.

    def check(self) -> None:
        again = [task_id for task_id, count in self.starts.items() if count > 1]
        assert not again, f"started twice: {again}"

    def live_by_slot(self) -> Counter[str]:
        return Counter(task.slot for task in self.tasks.values() if task.is_live)
