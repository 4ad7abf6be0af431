"""Sizes and times drawn for each run, so that rare branches are not rare."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from typing import Final

from mesos_compat.agent.settings import AgentSettings
from mesos_compat.allocator.interface import AllocatorOptions
from mesos_compat.master.settings import MasterSettings, RemovalRate
from mesos_compat.wire.v1 import mesos_pb2

#: For ``--allocator=capacity``: the queues of the roles that schedulers have here.
_QUEUES: Final = """{"r": {"capacity": 40}, "s": {"capacity": 40, "maximum_capacity": 80},
  "default": {"capacity": 20}}"""


@dataclass(frozen=True, slots=True)
class Knobs:
    """What one run is set to; all numbers are ints, so that a scenario file can hold them."""

    agents: int = 2
    schedulers: int = 2
    #: Usual delay of a message, and of what the registry and agents' disks do.
    link_ms: int = 4
    store_ms: int = 10
    disk_ms: int = 5
    #: Within which the master is told that an agent's or a scheduler's stream is over.
    notice_ms: int = 50
    #: How long schedulers take to answer, and how often they ask after their tasks.
    think_ms: int = 20
    reconcile_ms: int = 2_000
    #: How long a task takes.
    task_ms: int = 800
    #: How many tasks a scheduler launches in a run.
    tasks_max: int = 12
    #: In percent: updates acknowledged late, containers that cannot be launched, tasks failing.
    late_percent: int = 5
    broken_percent: int = 3
    #: The master's flags. 0 of a timeout or a rate: there is none.
    allocation_ms: int = 300
    offer_timeout_ms: int = 0
    ping_timeout_ms: int = 600
    pings_max: int = 3
    reregister_timeout_ms: int = 5_000
    removal_rate_ms: int = 0
    heartbeat_ms: int = 800
    store_timeout_ms: int = 2_000
    registry_gc_ms: int = 900_000
    registry_max_age_ms: int = 10_000_000
    completed_frameworks_max: int = 50
    completed_tasks_max: int = 100
    unreachable_tasks_max: int = 100
    recovery_removal_percent: int = 100
    #: The agent's.
    backoff_ms: int = 100
    backoff_max_ms: int = 2_000
    retry_min_ms: int = 600
    retry_max_ms: int = 3_000
    grace_ms: int = 300
    registration_ms: int = 1_500
    reregistration_ms: int = 400

    def lines(self) -> list[str]:
        """What differs from the defaults, for a scenario file."""
        usual = asdict(Knobs())
        return [f"{name} {value}" for name, value in asdict(self).items() if value != usual[name]]

    @classmethod
    def parse(cls, pairs: list[tuple[str, int]]) -> Knobs:
        """The knobs behind :meth:`lines`; raises ``ValueError`` for an unknown name."""
        known = [field.name for field in fields(cls)]
        for name, _ in pairs:
            if name not in known:
                raise ValueError(f"unknown knob {name}")
        return cls(**dict(pairs))

    def master_settings(self) -> MasterSettings:
        """The master's flags of this run."""
        rate = RemovalRate(1, self.removal_rate_ms) if self.removal_rate_ms else None
        return MasterSettings(
            max_completed_frameworks=self.completed_frameworks_max,
            max_completed_tasks_per_framework=self.completed_tasks_max,
            max_unreachable_tasks_per_framework=self.unreachable_tasks_max,
            offer_timeout_ms=self.offer_timeout_ms or None,
            agent_ping_timeout_ms=self.ping_timeout_ms,
            max_agent_ping_timeouts=self.pings_max,
            agent_reregister_timeout_ms=self.reregister_timeout_ms,
            agent_removal_rate_limit=rate,
            recovery_agent_removal_limit=Fraction(self.recovery_removal_percent, 100),
            registry_store_timeout_ms=self.store_timeout_ms,
            registry_gc_interval_ms=self.registry_gc_ms,
            registry_max_agent_age_ms=self.registry_max_age_ms,
            heartbeat_interval_ms=self.heartbeat_ms,
        )

    def allocator_options(self, allocator: str) -> AllocatorOptions:
        """The allocator's flags of this run."""
        return AllocatorOptions(
            allocation_interval_ms=self.allocation_ms,
            recovery_timeout_ms=self.reregister_timeout_ms,
            policy_text=_QUEUES if allocator == "capacity" else None,
        )

    def agent_settings(self, hostname: str, number: int) -> AgentSettings:
        """An agent's flags."""
        return AgentSettings(
            work_dir="/w",
            address=mesos_pb2.Address(hostname=hostname, ip=f"10.0.0.{number + 1}", port=5051),
            version="1.11.0",
            command_executor=("command-executor",),
            default_executor=("default-executor",),
            executor_registration_timeout_ms=self.registration_ms,
            executor_reregistration_timeout_ms=self.reregistration_ms,
            executor_shutdown_grace_period_ms=self.grace_ms,
            registration_backoff_factor_ms=self.backoff_ms,
            registration_backoff_max_ms=self.backoff_max_ms,
            status_update_retry_min_ms=self.retry_min_ms,
            status_update_retry_max_ms=self.retry_max_ms,
            max_completed_frameworks=self.completed_frameworks_max,
        )


def draw(dice: random.Random) -> Knobs:
    """Knobs of a run: mostly ordinary, now and then extreme."""
    return Knobs(
        agents=dice.choice((1, 2, 2, 3)),
        schedulers=dice.choice((1, 2, 2, 3)),
        link_ms=dice.choice((1, 4, 4, 20, 60)),
        store_ms=dice.choice((1, 10, 10, 100)),
        disk_ms=dice.choice((0, 3, 10, 60)),
        notice_ms=dice.choice((5, 50, 50, 800)),
        think_ms=dice.choice((1, 20, 20, 300)),
        reconcile_ms=dice.choice((700, 2_000, 2_000, 6_000)),
        task_ms=dice.choice((50, 800, 800, 4_000)),
        tasks_max=dice.choice((3, 8, 14)),
        late_percent=dice.choice((0, 5, 5, 30)),
        broken_percent=dice.choice((0, 3, 3, 15)),
        allocation_ms=dice.choice((50, 300, 300, 1_000)),
        offer_timeout_ms=dice.choice((0, 0, 100, 1_000)),
        ping_timeout_ms=dice.choice((300, 600, 1_500)),
        # With 1 an agent gives its link up as often as it is pinged, in Mesos too.
        pings_max=dice.choice((2, 3, 5)),
        reregister_timeout_ms=dice.choice((1_000, 3_000, 5_000, 15_000)),
        removal_rate_ms=dice.choice((0, 0, 2_000)),
        heartbeat_ms=dice.choice((300, 800, 3_000)),
        store_timeout_ms=dice.choice((400, 2_000, 20_000)),
        registry_gc_ms=dice.choice((1_000, 900_000, 900_000)),
        registry_max_age_ms=dice.choice((100, 10_000_000, 10_000_000)),
        completed_frameworks_max=dice.choice((0, 1, 50, 50)),
        completed_tasks_max=dice.choice((0, 2, 100, 100)),
        unreachable_tasks_max=dice.choice((0, 1, 100, 100)),
        recovery_removal_percent=dice.choice((100, 100, 100, 50)),
        backoff_ms=dice.choice((10, 100, 400)),
        retry_min_ms=dice.choice((100, 600, 600)),
        grace_ms=dice.choice((50, 300, 300)),
        reregistration_ms=dice.choice((100, 400, 400)),
    )
