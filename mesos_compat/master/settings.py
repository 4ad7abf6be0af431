"""What the master's flags come to."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from mesos_compat.master.validation.agent import AgentRules
from mesos_compat.wire.v1 import mesos_pb2

_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 24 * 60 * _MINUTE_MS


@dataclass(frozen=True, slots=True)
class RemovalRate:
    """``--agent_removal_rate_limit``: so many agents in so long."""

    permits: int
    interval_ms: int


@dataclass(frozen=True, slots=True)
class MasterSettings:
    """The flags of the master that the core looks at, by the names of the flags."""

    max_completed_frameworks: int = 50
    max_completed_tasks_per_framework: int = 1000
    max_unreachable_tasks_per_framework: int = 1000
    # None: an offer stays until somebody takes or withdraws it.
    offer_timeout_ms: int | None = None
    agent_ping_timeout_ms: int = 15_000
    max_agent_ping_timeouts: int = 5
    # How long agents may take to come back after a disconnection or a master failover.
    agent_reregister_timeout_ms: int = 10 * _MINUTE_MS
    agent_removal_rate_limit: RemovalRate | None = None
    # Of the agents of the registry, the part that may fail to come back after a failover.
    recovery_agent_removal_limit: Fraction = Fraction(1)
    # --roles; None: all roles may be used.
    roles: tuple[str, ...] | None = None
    # --weights, which count until the registry has some.
    weights: tuple[tuple[str, float], ...] = ()
    root_submissions: bool = True
    require_agent_domain: bool = False
    registry_store_timeout_ms: int = 20_000
    registry_gc_interval_ms: int = 15 * _MINUTE_MS
    registry_max_agent_age_ms: int = 14 * _DAY_MS
    registry_max_agent_count: int = 102_400
    max_operator_event_stream_subscribers: int = 1000
    publish_per_framework_metrics: bool = True
    offer_constraints_re2_max_mem_bytes: int = 4096
    offer_constraints_re2_max_program_size: int = 100
    # Of schedulers' and operators' streams; not a flag.
    heartbeat_interval_ms: int = 15_000

    @property
    def total_ping_timeout_ms(self) -> int:
        """An agent that has heard no ping for so long is no longer believed to be there."""
        return self.agent_ping_timeout_ms * self.max_agent_ping_timeouts


def agent_rules(settings: MasterSettings, info: mesos_pb2.MasterInfo) -> AgentRules:
    """What agents are checked against."""
    return AgentRules(
        master_has_domain=info.HasField("domain"), require_domain=settings.require_agent_domain
    )
