"""What the agent tells an executor by its environment (reference: ``executorEnvironment``)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mesos_compat.errors import DecodeError, FlagError
from mesos_compat.wire.text import parse_duration

_NS_PER_MS: Final = 1_000_000
_SHUTDOWN_GRACE_MS: Final = 5_000
_RECOVERY_TIMEOUT_MS: Final = 15 * 60 * 1000
_BACKOFF_MAX_MS: Final = 2_000

#: What lets one speak for the executor to the agent: no task gets it.
TOKEN_VARIABLE: Final = "MESOS_EXECUTOR_AUTHENTICATION_TOKEN"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class ExecutorSettings:
    """Who this executor is, and how patient."""

    framework_id: str
    executor_id: str
    # Whether a restarted agent shall find this executor (FrameworkInfo.checkpoint).
    checkpoint: bool = False
    # Of this host, as the containers of task groups are told it.
    container_ip: str = "127.0.0.1"
    # From the request to shut down until the agent destroys the container.
    shutdown_grace_period_ms: int = _SHUTDOWN_GRACE_MS
    # How long to look for the agent.
    recovery_timeout_ms: int = _RECOVERY_TIMEOUT_MS
    # A lost agent is looked for again within this time.
    subscription_backoff_max_ms: int = _BACKOFF_MAX_MS


@dataclass(frozen=True, slots=True)
class AgentAddress:
    """Where the agent serves, and what opens its door."""

    host: str
    port: int
    tls: bool = False
    # A unix socket, where the agent serves executors there (--http_executor_domain_sockets).
    socket_path: str | None = None
    token: str | None = None


def read_settings(environment: Mapping[str, str]) -> ExecutorSettings:
    """Raises :class:`FlagError` when the agent has said too little, or nonsense."""
    return ExecutorSettings(
        framework_id=_required(environment, "MESOS_FRAMEWORK_ID"),
        executor_id=_required(environment, "MESOS_EXECUTOR_ID"),
        checkpoint=environment.get("MESOS_CHECKPOINT") == "1",
        container_ip=environment.get("LIBPROCESS_IP") or "127.0.0.1",
        shutdown_grace_period_ms=_duration_ms(
            environment, "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", _SHUTDOWN_GRACE_MS
        ),
        recovery_timeout_ms=_duration_ms(
            environment, "MESOS_RECOVERY_TIMEOUT", _RECOVERY_TIMEOUT_MS
        ),
        subscription_backoff_max_ms=_duration_ms(
            environment, "MESOS_SUBSCRIPTION_BACKOFF_MAX", _BACKOFF_MAX_MS
        ),
    )


def read_address(environment: Mapping[str, str]) -> AgentAddress:
    """Raises :class:`FlagError` when the agent cannot be found by this."""
    endpoint = environment.get("MESOS_AGENT_ENDPOINT")
    if not endpoint:
        endpoint = _required(environment, "MESOS_SLAVE_PID").rpartition("@")[2]
    host, _, port = endpoint.rpartition(":")
    if not host or not port.isdigit():
        raise FlagError(f"'{endpoint}' is no address of an agent")
    return AgentAddress(
        host=host.strip("[]"),
        port=int(port),
        tls=environment.get("LIBPROCESS_SSL_ENABLED", "").lower() in ("1", "true"),
        socket_path=environment.get("MESOS_DOMAIN_SOCKET") or None,
        token=environment.get(TOKEN_VARIABLE) or None,
    )


def task_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a task may inherit of its executor's environment."""
    return {name: value for name, value in environment.items() if name != TOKEN_VARIABLE}


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise FlagError(f"Expecting '{name}' to be set in the environment")
    return value


def _duration_ms(environment: Mapping[str, str], name: str, default_ms: int) -> int:
    text = environment.get(name)
    if not text:
        return default_ms
    try:
        return parse_duration(text) // _NS_PER_MS
    except DecodeError as error:
        raise FlagError(f"Failed to parse {name} '{text}': {error}") from error


def given_environment() -> dict[str, str]:
    """The environment as it was given to this process.

    The interpreter adds the locale it has chosen to its own, which is no business of a task.
    """
    try:
        with open("/proc/self/environ", "rb") as given:  # noqa: PTH123 - start-up time
            pairs = [one.partition(b"=") for one in given.read().split(b"\0") if one]
    except OSError:
        return dict(os.environ)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
