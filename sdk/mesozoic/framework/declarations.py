"""What an author declares: tasks, which end, and services, which do not."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import cloudpickle

from mesozoic.framework.errors import DeclarationError
from mesozoic.framework.planning import matching
from mesozoic.framework.planning.constraints import Constraint, Operator
from mesozoic.framework.planning.specs import HealthCheck, Restart, Spec, Uri, Volume, When

#: A task is given up after so many failures within ten minutes, unless told otherwise.
_TASK_ATTEMPTS: Final = 3
#: A record has to fit into a znode, together with others.
_CALL_BYTES_MAX: Final = 256 * 1024
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_DEFAULT_RESOURCES: Final = {"cpus": 0.1, "mem": 64.0}


@dataclass(kw_only=True)
class _Declaration:
    """What tasks and services have in common.

    ``command`` is run by a shell, or is a Python callable, which is pickled with ``args`` and
    ``kwargs`` (cloudpickle: code of ``__main__`` goes along, other modules must be importable
    on the agents) and called by ``python`` there; mesozoic must be installed for it.

    ``resources`` are for each instance; ``ports`` is a number of ports, found in the environment
    as ``PORT0``, ``PORT1``, ... ``constraints`` must all hold. ``restart`` is a
    :class:`~mesozoic.framework.Restart` or its ``when``. ``count`` is how many instances there
    are. ``uris`` may be plain strings. ``kill_grace_seconds`` are between SIGTERM and SIGKILL.
    ``version`` is for saying that something has changed that cannot be seen here, such as the
    code of a callable: instances of another version are replaced.
    """

    name: str = field(kw_only=False)
    command: str | Callable[..., object] = field(kw_only=False)
    resources: Mapping[str, float] = field(default_factory=lambda: dict(_DEFAULT_RESOURCES))
    count: int = 1
    constraints: Sequence[Constraint] = ()
    restart: Restart | When | None = None
    health: HealthCheck | None = None
    uris: Sequence[str | Uri] = ()
    volumes: Sequence[Volume] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    kill_grace_seconds: float | None = None
    user: str | None = None
    args: Sequence[object] = ()
    kwargs: Mapping[str, object] = field(default_factory=dict)
    python: str = sys.executable
    version: str = ""

    def _restart(self) -> Restart:
        raise DeclarationError("declare a Task or a Service")

    def spec(self) -> Spec:
        """The declaration made ready. Raises :class:`DeclarationError`."""
        if not _NAME.fullmatch(self.name):
            raise DeclarationError(f"'{self.name}' is no name: letters, digits, '.', '_' and '-'")
        if self.count < 0:
            raise DeclarationError(f"{self.name}: count is {self.count}")
        ports = self.resources.get(matching.PORTS, 0)
        if ports != int(ports) or ports < 0:
            raise DeclarationError(f"{self.name}: ports is a number of ports")
        self._check_constraints()
        self._check_health(int(ports))
        is_shell = isinstance(self.command, str)
        return Spec(
            name=self.name,
            is_service=isinstance(self, Service),
            count=self.count,
            command=self.command if isinstance(self.command, str) else None,
            call=b"" if is_shell else self._pickled(),
            python=self.python,
            resources=self._amounts(),
            ports=int(ports),
            constraints=tuple(self.constraints),
            restart=self._restart(),
            health=self.health,
            uris=tuple(Uri(one) if isinstance(one, str) else one for one in self.uris),
            volumes=tuple(self.volumes),
            environment=tuple(self.environment.items()),
            labels=tuple(self.labels.items()),
            kill_grace_seconds=self.kill_grace_seconds,
            user=self.user,
            # A callable is known by its name.
            version=self.version if is_shell else f"{_title(self.command)}:{self.version}",
        )

    def _amounts(self) -> tuple[tuple[str, int], ...]:
        amounts = []
        for name, amount in self.resources.items():
            if name == matching.PORTS:
                continue
            try:
                amounts.append((name, matching.thousandths(amount)))
            except ValueError as error:
                raise DeclarationError(f"{self.name}: {name}: {error}") from error
        if not amounts:
            raise DeclarationError(f"{self.name}: an instance needs some resources")
        return tuple(amounts)

    def _check_constraints(self) -> None:
        for constraint in self.constraints:
            if not isinstance(constraint, Constraint):
                raise DeclarationError(f"{self.name}: {constraint!r} is no constraint")
            if constraint.operator is Operator.MAX_PER and constraint.number < 1:
                raise DeclarationError(f"{self.name}: {constraint} allows nothing")

    def _check_health(self, ports: int) -> None:
        health = self.health
        if health is None:
            return
        if not isinstance(self.command, str):
            raise DeclarationError(f"{self.name}: a callable cannot have a health check")
        kinds = (health.command is not None) + (health.http is not None) + health.tcp
        if kinds != 1:
            raise DeclarationError(f"{self.name}: a health check is one of command, http and tcp")
        if health.command is None and not 0 <= health.port < ports:
            raise DeclarationError(f"{self.name}: a health check needs one of the ports")

    def _pickled(self) -> bytes:
        try:
            data: bytes = cloudpickle.dumps((self.command, tuple(self.args), dict(self.kwargs)))
        except Exception as error:
            raise DeclarationError(f"{self.name} cannot be pickled: {error}") from error
        if len(data) > _CALL_BYTES_MAX:
            raise DeclarationError(
                f"{self.name}: the call has {len(data)} bytes pickled, which is more than"
                f" {_CALL_BYTES_MAX}: let it read its data from elsewhere"
            )
        return data


def _title(function: Any) -> str:
    module = getattr(function, "__module__", None)
    return f"{module}.{getattr(function, '__qualname__', type(function).__qualname__)}"


@dataclass(kw_only=True)
class Task(_Declaration):
    """Something that ends: each of ``count`` instances has to finish.

    By default one that fails is started again up to twice, and one that is lost with its agent
    as well. What is unreachable is waited for.
    """

    __doc__ = f"{__doc__}\n{_Declaration.__doc__}"

    def _restart(self) -> Restart:
        if isinstance(self.restart, Restart):
            return self.restart
        return Restart(self.restart or "on_failure", attempts=_TASK_ATTEMPTS)


@dataclass(kw_only=True)
class Service(_Declaration):
    """Something that does not end: ``count`` instances are kept running.

    By default what ends is started again for ever, and what is unreachable is replaced at once.
    """

    __doc__ = f"{__doc__}\n{_Declaration.__doc__}"

    def _restart(self) -> Restart:
        if isinstance(self.restart, Restart):
            return self.restart
        return Restart(self.restart or "always", unreachable_seconds=0.0)
