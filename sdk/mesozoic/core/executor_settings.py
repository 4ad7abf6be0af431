"""What an agent tells an executor by its environment (reference: ``executorEnvironment``). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mesos_compat.wire.text import parse_duration
from mesozoic.errors import BadEnvironment

_NS_PER_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class ExecutorSettings:
    """Who this executor is, where its agent serves, and how patient it is."""

    framework_id: str
    executor_id: str
    agent_id: str
    # ``host:port``.
    agent_endpoint: str
    # Path of a unix socket, where the agent serves executors there.
    domain_socket: str | None = None
    # For ``Authorization: Bearer``, where the agent authenticates executors.
    token: str | None = None
    # The sandbox as the executor sees it.
    sandbox: str = "."
    # Whether a restarted agent is to find this executor (FrameworkInfo.checkpoint).
    checkpoint: bool = False
    # From the request to shut down until the agent destroys the container.
    shutdown_grace_period_ms: int = 5_000
    # How long a lost agent is looked for.
    recovery_timeout_ms: int = 15 * 60 * 1000
    # A lost agent is looked for again within this time.
    subscription_backoff_max_ms: int = 2_000
    # Between HEARTBEATs to the agent, which keep the connection from being cut as idle.
    heartbeat_ms: int = 30 * 60 * 1000


def read_settings(environment: Mapping[str, str]) -> ExecutorSettings:
    """Raises :class:`~mesozoic.errors.BadEnvironment` when the agent has said too little."""
    endpoint = (
        environment.get("MESOS_AGENT_ENDPOINT")
        or _required(environment, "MESOS_SLAVE_PID").rpartition("@")[2]
    )
    return ExecutorSettings(
        framework_id=_required(environment, "MESOS_FRAMEWORK_ID"),
        executor_id=_required(environment, "MESOS_EXECUTOR_ID"),
        agent_id=environment.get("MESOS_SLAVE_ID", ""),
        agent_endpoint=endpoint,
        domain_socket=environment.get("MESOS_DOMAIN_SOCKET") or None,
        token=environment.get("MESOS_EXECUTOR_AUTHENTICATION_TOKEN") or None,
        sandbox=environment.get("MESOS_SANDBOX") or ".",
        checkpoint=environment.get("MESOS_CHECKPOINT") == "1",
        shutdown_grace_period_ms=_duration_ms(
            environment, "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "5secs"
        ),
        recovery_timeout_ms=_duration_ms(environment, "MESOS_RECOVERY_TIMEOUT", "15mins"),
        subscription_backoff_max_ms=_duration_ms(
            environment, "MESOS_SUBSCRIPTION_BACKOFF_MAX", "2secs"
        ),
    )


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise BadEnvironment(f"{name} is not set: no agent has started this as an executor")
    return value


def _duration_ms(environment: Mapping[str, str], name: str, default: str) -> int:
    text = environment.get(name) or default
    try:
        return parse_duration(text) // _NS_PER_MS
    except ValueError as error:
        raise BadEnvironment(f"{name} is '{text}': {error}") from error
