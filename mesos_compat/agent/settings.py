"""What the agent's flags come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from mesos_compat.wire.v1 import mesos_pb2

_SECOND_MS: Final = 1000
_MINUTE_MS: Final = 60 * _SECOND_MS

_Capability = mesos_pb2.AgentInfo.Capability

CAPABILITIES: Final = (
    _Capability.MULTI_ROLE,
    _Capability.HIERARCHICAL_ROLE,
    _Capability.RESERVATION_REFINEMENT,
    _Capability.RESOURCE_PROVIDER,
    _Capability.RESIZE_VOLUME,
    _Capability.AGENT_OPERATION_FEEDBACK,
    _Capability.AGENT_DRAINING,
    _Capability.TASK_RESOURCE_LIMITS,
)

_NO_TEXTS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """The flags of the agent that the core looks at, by the names of the flags."""

    # Absolute.
    work_dir: str
    # Where the agent serves: hostname, ip and port.
    address: mesos_pb2.Address
    version: str
    # argv of our executors' programs (--launcher_dir of Mesos holds its own).
    command_executor: tuple[str, ...]
    default_executor: tuple[str, ...]
    capabilities: tuple[_Capability.Type, ...] = CAPABILITIES
    # What our executors' programs need to be found and run, apart from what Mesos gives them.
    program_environment: Mapping[str, str] = field(default_factory=lambda: _NO_TEXTS)
    # How to call this agent, where it serves with TLS.
    tls_environment: Mapping[str, str] = field(default_factory=lambda: _NO_TEXTS)
    executor_environment_variables: Mapping[str, str] = field(default_factory=lambda: _NO_TEXTS)
    executor_registration_timeout_ms: int = _MINUTE_MS
    executor_reregistration_timeout_ms: int = 2 * _SECOND_MS
    executor_shutdown_grace_period_ms: int = 5 * _SECOND_MS
    http_command_executor: bool = False
    # How long executors look for a restarted agent.
    recovery_timeout_ms: int = 15 * _MINUTE_MS
    strict: bool = True
    recover: Literal["reconnect", "cleanup"] = "reconnect"
    reconfiguration_policy: Literal["equal", "additive"] = "equal"
    registration_backoff_factor_ms: int = _SECOND_MS
    switch_user: bool = True
    max_completed_executors_per_framework: int = 150
    gc_non_executor_container_sandboxes: bool = False
    # --jwt_secret_key: executors get a token made with it, and must show it; None: they need not.
    jwt_secret_key: bytes | None = None
    # The rest are no flags: constants of Mesos (slave/constants.hpp).
    registration_backoff_max_ms: int = _MINUTE_MS
    max_completed_frameworks: int = 50
    max_completed_tasks_per_executor: int = 200
    status_update_retry_min_ms: int = 10 * _SECOND_MS
    status_update_retry_max_ms: int = 10 * _MINUTE_MS
    executor_heartbeat_interval_ms: int = 30 * _MINUTE_MS
