"""What is to run, as it is kept: a declaration made ready, and how it stands. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from mesozoic.framework.planning.constraints import Constraint

When: TypeAlias = Literal["never", "on_failure", "always"]


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before a restart: it doubles with each end that follows soon."""

    initial_seconds: float = 1.0
    maximum_seconds: float = 60.0
    # The wait is made longer by up to this share of it, at random.
    jitter: float = 0.1


@dataclass(frozen=True, slots=True)
class Restart:
    """What happens when an instance has ended.

    ``when``: ``never`` starts each slot at most once, whatever happens (an instance that
    certainly was not started does not count); ``on_failure`` replaces what has not finished;
    ``always`` replaces everything.
    """

    when: When = "on_failure"
    backoff: Backoff = Backoff()
    # When a slot has ended so often within the time it is given up; None is never.
    attempts: int | None = None
    within_seconds: float = 600.0
    # An agent that the master cannot reach may still run the instance. After so long another
    # one is started, and the first killed should it come back; None is to wait for it.
    unreachable_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How an executor finds out whether an instance is healthy; what is not is killed.

    One of ``command``, ``http`` (a path, 200 to 399 is healthy) and ``tcp``; the latter two go
    to the instance's port of index ``port``.
    """

    command: str | None = None
    http: str | None = None
    tcp: bool = False
    port: int = 0
    delay_seconds: float = 0.0
    interval_seconds: float = 10.0
    timeout_seconds: float = 20.0
    grace_seconds: float = 10.0
    failures: int = 3


@dataclass(frozen=True, slots=True)
class Uri:
    """What is fetched into the sandbox before the command starts."""

    value: str
    extract: bool = True
    executable: bool = False
    cache: bool = False
    output_file: str | None = None


@dataclass(frozen=True, slots=True)
class Volume:
    """A directory of the agent's host in the container."""

    container_path: str
    host_path: str
    is_read_only: bool = False


@dataclass(frozen=True, slots=True)
class Spec:
    """What all instances of a task or a service have in common."""

    name: str
    is_service: bool
    count: int
    # A shell command, or a pickled call for ``python`` to make.
    command: str | None
    call: bytes
    python: str
    # In thousandths, by name, without the ports.
    resources: tuple[tuple[str, int], ...]
    ports: int
    constraints: tuple[Constraint, ...]
    restart: Restart
    health: HealthCheck | None
    uris: tuple[Uri, ...]
    volumes: tuple[Volume, ...]
    environment: tuple[tuple[str, str], ...]
    labels: tuple[tuple[str, str], ...]
    kill_grace_seconds: float | None
    user: str | None
    version: str

    def is_as(self, other: Spec) -> bool:
        """Whether instances of both are the same.

        Pickled calls are not compared: pickling one function twice may give different bytes.
        """
        return replace(self, count=0, call=b"") == replace(other, count=0, call=b"")


@dataclass(slots=True)
class Standing:
    """A spec as it is in force; durable."""

    spec: Spec
    # How many instances are wanted; scaling changes it.
    count: int
    # Instances of earlier generations are to be replaced.
    generation: int = 0
    # No instances are wanted any more, and then the spec goes.
    is_stopped: bool = False
