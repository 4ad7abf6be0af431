"""Any history of events keeps the books: what is offered is free, and all sums agree."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mesos_compat.allocator import AllocatorOptions, Allotment
from mesos_compat.resources import Limits, Quantities, Resources
from mesos_compat.resources.convert import conversions
from tests.mesos_compat.allocator.cluster import Cluster, framework_info
from tests.mesos_compat.allocator.test_maintenance import planned
from tests.mesos_compat.allocator.test_reservations import reserve

FRAMEWORKS = st.sampled_from(["f1", "f2", "f3"])
AGENTS = st.sampled_from(["a1", "a2", "a3"])
ROLES = ["r", "r/x", "r/x/y", "s", "*"]
TOTALS = st.sampled_from(
    ["cpus:4;mem:400;ports:[1-9]", "cpus:2;mem(r):200;disk:50", "cpus(s):1;cpus:1;mem:64", "cpus:1"]
)
POLICY = '{"r": {"capacity": 60}, "r/x": {"capacity": 100}, "s": {"capacity": 40}}'


class Histories(RuleBasedStateMachine):
    """A model that knows which offers are out, and nothing else."""

    policy = "drf"
    sorter = "drf"

    def __init__(self) -> None:
        super().__init__()
        options = AllocatorOptions(
            policy_text=POLICY, role_sorter=self.sorter, framework_sorter=self.sorter
        )
        self.cluster = Cluster(self.policy, options)
        self.frameworks: dict[str, tuple[str, ...]] = {}
        self.agents: dict[str, Resources] = {}
        self.out: list[Allotment] = []

    @rule(
        name=FRAMEWORKS,
        roles=st.lists(st.sampled_from(ROLES), min_size=1, max_size=3, unique=True),
        active=st.booleans(),
        suppressed=st.booleans(),
    )
    def subscribe(self, name: str, roles: list[str], active: bool, suppressed: bool) -> None:
        if name not in self.frameworks:
            self.cluster.framework(
                name, *roles, active=active, suppressed=tuple(roles[:1]) if suppressed else ()
            )
        else:
            self.cluster.allocator.update_framework(
                name,
                framework_info(*roles),
                suppressed_roles=roles[:1] if suppressed else [],
                offer_constraints=None,
            )
        self.frameworks[name] = tuple(roles)

    @rule(name=FRAMEWORKS, chosen=st.sampled_from(["on", "off", "suppress", "revive", "remove"]))
    def change_framework(self, name: str, chosen: str) -> None:
        if name not in self.frameworks:
            return
        allocator = self.cluster.allocator
        if chosen == "on":
            allocator.activate_framework(name)
        elif chosen == "off":
            allocator.deactivate_framework(name)
        elif chosen == "suppress":
            allocator.suppress(name, self.frameworks[name][-1:])
        elif chosen == "revive":
            allocator.revive(name, [], self.cluster.now_ms)
        else:
            allocator.remove_framework(name)
            del self.frameworks[name]
            self.out = [offer for offer in self.out if offer.framework_id != name]

    @rule(name=AGENTS, total=TOTALS)
    def add_or_resize_agent(self, name: str, total: str) -> None:
        if name not in self.agents:
            self.cluster.agent(name, total)
            self.agents[name] = Resources.parse(total)
        elif not any(offer.agent_id == name for offer in self.out):
            self.agents[name] = Resources.parse(total)
            self.cluster.allocator.update_agent(
                name, info=self.cluster.agent_info(name), total=self.agents[name]
            )

    @rule(name=AGENTS, chosen=st.sampled_from(["on", "off", "remove", "plan", "cancel"]))
    def change_agent(self, name: str, chosen: str) -> None:
        if name not in self.agents:
            return
        allocator = self.cluster.allocator
        if chosen == "on":
            allocator.activate_agent(name)
        elif chosen == "off":
            allocator.deactivate_agent(name)
        elif chosen == "plan":
            allocator.update_unavailability(name, planned())
        elif chosen == "cancel":
            allocator.update_unavailability(name, None)
        else:
            allocator.remove_agent(name)
            del self.agents[name]
            self.out = [offer for offer in self.out if offer.agent_id != name]

    @rule(after_ms=st.sampled_from([0, 1, 1000, 5000]))
    def run(self, after_ms: int) -> None:
        for offer in self.cluster.run(after_ms):
            assert offer.role in self.frameworks[offer.framework_id]
            assert offer.resources.is_allocatable_to(offer.role)
            self.out.append(offer)
        for name, total in self.agents.items():
            given = Resources()
            for offer in self.out:
                if offer.agent_id == name:
                    given += offer.resources.unallocate()
            assert total.contains(given)

    @precondition(lambda self: self.out)
    @rule(which=st.integers(0, 99), seconds=st.sampled_from([None, 0, 2, 60]))
    def give_back(self, which: int, seconds: float | None) -> None:
        offer = self.out.pop(which % len(self.out))
        if seconds is None:
            self.cluster.recover(offer, offer.resources)
        else:
            self.cluster.decline(offer, seconds)

    @precondition(lambda self: self.out)
    @rule(which=st.integers(0, 99))
    def keep_a_part(self, which: int) -> None:
        index = which % len(self.out)
        offer = self.out[index]
        back = offer.resources.scalars()
        kept = offer.resources - back
        self.cluster.decline(offer, 1, back)
        del self.out[index]
        if kept:
            self.out.append(_with(offer, kept))

    @precondition(lambda self: self.out)
    @rule(which=st.integers(0, 99))
    def reserve_held(self, which: int) -> None:
        index = which % len(self.out)
        offer = self.out[index]
        plain = offer.resources.unreserved().scalars()
        if not plain or offer.role == "*":
            return
        operation = reserve(str(plain.unallocate()).replace(" ", ""), offer.role, offer.role)
        made = Resources(operation.reserve.resources)
        self.cluster.allocator.update_allocation(
            offer.framework_id, offer.agent_id, conversions(operation)
        )
        self.out[index] = _with(offer, offer.resources - plain + made)
        total = self.agents[offer.agent_id]
        self.agents[offer.agent_id] = total - plain.unallocate() + made.unallocate()

    @rule(name=AGENTS, role=st.sampled_from(["r", "r/x", "s"]))
    def reserve_free(self, name: str, role: str) -> None:
        if name not in self.agents:
            return
        operation = reserve("cpus:0.5", role)
        if self.cluster.allocator.update_available(name, [operation]) is None:
            made = Resources(operation.reserve.resources)
            self.agents[name] = self.agents[name] - Resources.parse("cpus:0.5") + made

    @rule(
        role=st.sampled_from(["r", "s", "*"]),
        guarantee=st.sampled_from(["", "cpus:1", "cpus:3;mem:300"]),
        limit=st.sampled_from([None, "cpus:3;mem:300", "cpus:0", "cpus:4;mem:400;disk:0"]),
    )
    def set_quota(self, role: str, guarantee: str, limit: str | None) -> None:
        limits = None if limit is None else Limits.parse(limit)
        self.cluster.allocator.update_quota(role, Quantities.parse(guarantee), limits)

    @rule(role=st.sampled_from(ROLES), weight=st.sampled_from([1, 3, Fraction(1, 3)]))
    def set_weight(self, role: str, weight: int | Fraction) -> None:
        self.cluster.allocator.update_weights({role: weight})

    @invariant()
    def books_agree(self) -> None:
        self.cluster.allocator.check()
        explanation = self.cluster.allocator.explain()
        assert len(explanation.verdicts) >= len(explanation.order) * len(self.agents)


def _with(offer: Allotment, resources: Resources) -> Allotment:
    return Allotment(offer.framework_id, offer.role, offer.agent_id, resources)


class RandomHistories(Histories):
    sorter = "random"


class FirstComeHistories(Histories):
    policy = "fcfs"


class LeastFirstHistories(Histories):
    policy = "lrf"


class CapacityHistories(Histories):
    policy = "capacity"


_SETTINGS = settings(max_examples=15, stateful_step_count=25, deadline=None)
for _machine in (
    Histories, RandomHistories, FirstComeHistories, LeastFirstHistories, CapacityHistories,
):  # fmt: skip
    _machine.TestCase.settings = _SETTINGS
TestHistories = Histories.TestCase
TestRandomHistories = RandomHistories.TestCase
TestFirstComeHistories = FirstComeHistories.TestCase
TestLeastFirstHistories = LeastFirstHistories.TestCase
TestCapacityHistories = CapacityHistories.TestCase
