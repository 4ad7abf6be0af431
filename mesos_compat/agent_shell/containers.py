"""Carries out what the core wants done with containers, and tells it what came of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from mesos_compat.agent import actions as act
from mesos_compat.agent import events as ev
from mesos_compat.containers.containerizer import Containerizer
from mesos_compat.containers.spec import (
    ContainerId,
    LaunchError,
    UnknownContainerError,
    UpdateError,
    container_id_text,
)

_log = logging.getLogger(__name__)


class ContainerRunner:
    """``submit`` hears what happens to containers; ``spawn`` runs what takes time."""

    def __init__(
        self,
        containerizer: Containerizer,
        submit: Callable[[ev.Event], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._containerizer = containerizer
        self._submit = submit
        self._spawn = spawn

    def launch(self, action: act.LaunchContainer) -> None:
        """ContainerLaunched and later ContainerExited follow, or ContainerLaunchFailed."""
        self._spawn(self._launch(action))

    async def _launch(self, action: act.LaunchContainer) -> None:
        container_id = action.spec.container_id
        try:
            launched = await self._containerizer.launch(action.spec)
        except LaunchError as error:
            self._submit(ev.ContainerLaunchFailed(container_id, str(error)))
            return
        self._submit(ev.ContainerLaunched(container_id, launched.pid))
        await self._wait(container_id)

    async def _wait(self, container_id: ContainerId) -> None:
        try:
            termination = await self._containerizer.wait(container_id)
        except UnknownContainerError:
            return
        self._submit(ev.ContainerExited(container_id, termination))

    def destroy(self, container_id: ContainerId) -> None:
        """What follows is told by whoever waits for its end."""
        self._spawn(self._destroy(container_id))

    async def _destroy(self, container_id: ContainerId) -> None:
        await self._containerizer.destroy(container_id)

    def signal(self, container_id: ContainerId, number: int) -> None:
        """A container that has ended needs no signal."""
        try:
            self._containerizer.signal(container_id, number)
        except UnknownContainerError:
            return
        except PermissionError as error:
            _log.warning("cannot signal container %s: %s", container_id_text(container_id), error)

    def update(self, action: act.UpdateContainer) -> None:
        """ContainerUpdated or ContainerUpdateFailed follows."""
        self._spawn(self._update(action))

    async def _update(self, action: act.UpdateContainer) -> None:
        container_id = action.container_id
        try:
            await self._containerizer.update(container_id, action.resources, action.limits)
        except UnknownContainerError:
            # It has just ended, of which the core will hear, and needs nothing any more.
            pass
        except UpdateError as error:
            self._submit(ev.ContainerUpdateFailed(container_id, str(error)))
            return
        self._submit(ev.ContainerUpdated(container_id))

    def remove(self, container_id: ContainerId) -> None:
        """Forget a container that has ended."""
        self._spawn(self._remove(container_id))

    async def _remove(self, container_id: ContainerId) -> None:
        try:
            await self._containerizer.remove(container_id)
        except UnknownContainerError:
            return
        except (OSError, UpdateError) as error:
            name = container_id_text(container_id)
            _log.warning("cannot remove container %s: %s", name, error)

    def recover(self, known: tuple[ContainerId, ...]) -> None:
        """ContainersRecovered follows, and ContainerExited for each when it has ended."""
        self._spawn(self._recover(known))

    async def _recover(self, known: tuple[ContainerId, ...]) -> None:
        found = await self._containerizer.recover(known)
        self._submit(ev.ContainersRecovered(tuple(found)))
        for one in found:
            self._spawn(self._wait(one.container_id))
