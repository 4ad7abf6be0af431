"""The environment that an executor starts with.

Source: ``executorEnvironment`` in Mesos's ``slave.cpp``. The order does not matter but for what
comes twice; what the command of the executor or of the task says wins over all of this.
"""

from __future__ import annotations

from mesos_compat.agent.settings import AgentSettings
from mesos_compat.agent.state import Executor
from mesos_compat.credentials import make_token
from mesos_compat.wire.text import format_duration

_NS_PER_MS = 1_000_000


def pid_of(settings: AgentSettings) -> str:
    """How the agent is called: ``slave(1)@ip:port``."""
    return f"slave(1)@{endpoint_of(settings)}"


def endpoint_of(settings: AgentSettings) -> str:
    """Where the agent serves: ``ip:port``."""
    address = settings.address
    return f"{address.ip or address.hostname}:{address.port}"


def shutdown_grace_period_ms(settings: AgentSettings, executor: Executor) -> int:
    """How long the executor may take to end when it is asked to."""
    if executor.info.HasField("shutdown_grace_period"):
        return executor.info.shutdown_grace_period.nanoseconds // _NS_PER_MS
    return settings.executor_shutdown_grace_period_ms


def executor_environment(
    settings: AgentSettings, agent_id: str, executor: Executor
) -> dict[str, str]:
    """What the agent tells an executor by its environment."""
    grace_ms = shutdown_grace_period_ms(settings, executor)
    made = {**settings.tls_environment, **settings.executor_environment_variables}
    if settings.address.HasField("ip"):
        made.setdefault("LIBPROCESS_IP", settings.address.ip)
    made |= {
        "LIBPROCESS_PORT": "0",
        "MESOS_FRAMEWORK_ID": executor.framework_id,
        "MESOS_EXECUTOR_ID": executor.executor_id,
        "MESOS_DIRECTORY": executor.sandbox,
        # Without an image the sandbox is in the same place.
        "MESOS_SANDBOX": executor.sandbox,
        "MESOS_SLAVE_ID": agent_id,
        "MESOS_SLAVE_PID": pid_of(settings),
        "MESOS_AGENT_ENDPOINT": endpoint_of(settings),
        "MESOS_CHECKPOINT": "1" if executor.checkpoint else "0",
        "MESOS_HTTP_COMMAND_EXECUTOR": "1" if settings.http_command_executor else "0",
        "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": format_duration(grace_ms * _NS_PER_MS),
    }
    if executor.checkpoint:
        made["MESOS_RECOVERY_TIMEOUT"] = format_duration(settings.recovery_timeout_ms * _NS_PER_MS)
        made["MESOS_SUBSCRIPTION_BACKOFF_MAX"] = format_duration(
            settings.executor_reregistration_timeout_ms * _NS_PER_MS
        )
    if settings.jwt_secret_key is not None:
        claims = {
            "fid": executor.framework_id,
            "eid": executor.executor_id,
            "cid": executor.container_id,
        }
        made["MESOS_EXECUTOR_AUTHENTICATION_TOKEN"] = make_token(settings.jwt_secret_key, claims)
    return made
