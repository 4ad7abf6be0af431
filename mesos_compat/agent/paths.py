"""Where things lie below ``<work_dir>``. Source: ``slave/paths.cpp`` of Mesos.

Sandboxes are below ``slaves``, what is checkpointed of the same things below ``meta/slaves``.
All paths here are relative to the work directory. Identifiers are valid names of directories:
the master lets no other pass.
"""

from __future__ import annotations

from typing import Final

META: Final = "meta"
BOOT_ID: Final = f"{META}/boot_id"
RESOURCES: Final = f"{META}/resources/resources_and_operations.state"
AGENTS: Final = f"{META}/slaves"
LATEST_AGENT: Final = f"{AGENTS}/latest"
LATEST: Final = "latest"

AGENT_INFO: Final = "slave.info"
DRAIN_CONFIG: Final = "drain.config"
FRAMEWORK_INFO: Final = "framework.info"
EXECUTOR_INFO: Final = "executor.info"
GENERATED: Final = "executor.generated_for_command_task"
SENTINEL: Final = "executor.sentinel"
TASK_INFO: Final = "task.info"
TASK_UPDATES: Final = "task.updates"


def meta(path: str) -> str:
    """Where things of a sandbox's directory are checkpointed."""
    return f"{META}/{path}"


def agent(agent_id: str) -> str:
    """All of one agent's frameworks."""
    return f"slaves/{agent_id}"


def framework(agent_id: str, framework_id: str) -> str:
    """All of one framework's executors."""
    return f"{agent(agent_id)}/frameworks/{framework_id}"


def executor(agent_id: str, framework_id: str, executor_id: str) -> str:
    """All runs of one executor."""
    return f"{framework(agent_id, framework_id)}/executors/{executor_id}"


def run(agent_id: str, framework_id: str, executor_id: str, container_id: str) -> str:
    """One run of an executor: its sandbox."""
    return f"{executor(agent_id, framework_id, executor_id)}/runs/{container_id}"


def latest_run(agent_id: str, framework_id: str, executor_id: str) -> str:
    """The link to the last run of an executor."""
    return run(agent_id, framework_id, executor_id, LATEST)


def task(run_path: str, task_id: str) -> str:
    """What is checkpointed of one task of the run at ``run_path``."""
    return f"{meta(run_path)}/tasks/{task_id}"


def virtual_run(framework_id: str, executor_id: str) -> str:
    """How the last run of an executor is called in ``/files``, whatever the agent's id."""
    return f"/frameworks/{framework_id}/executors/{executor_id}/runs/{LATEST}"


def nested_sandbox(parent_sandbox: str, container: str) -> str:
    """The sandbox of a nested container."""
    return f"{parent_sandbox}/containers/{container}"


def standalone_sandbox(work_dir: str, container: str) -> str:
    """The sandbox of a container that belongs to no executor."""
    return f"{work_dir}/containers/{container}"
