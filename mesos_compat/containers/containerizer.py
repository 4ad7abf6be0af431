"""The containerizer: launches, watches and destroys the containers of one agent.

One task of the event loop belongs to each container (:meth:`Containerizer._watch`): it waits
for the supervisor to be gone, or for the container to break a bound, in which case it kills it
first. When the supervisor is gone it destroys what is nested in the container, makes sure that
nothing is left, and only then is the container's termination told. So a container ends in one
place, whatever the reason, and whether this agent has launched it or found it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import replace

from mesos_compat.containers import (
    gc,
    io,
    killing,
    limitation,
    namespaces,
    orphans,
    preparing,
    process,
    records,
    sandbox,
    spawning,
    usage,
    volumes,
)
from mesos_compat.containers.bounds import CFS_PERIOD_US, Bounds, bounds_of
from mesos_compat.containers.container import Container
from mesos_compat.containers.fetcher import Fetcher
from mesos_compat.containers.isolation import Isolation, find_isolation
from mesos_compat.containers.preparing import Parent
from mesos_compat.containers.process import ProcessRef
from mesos_compat.containers.records import Record
from mesos_compat.containers.spec import (
    ContainerId,
    ContainerizerSettings,
    ContainerKind,
    ContainerSpec,
    Launched,
    LaunchError,
    Recovered,
    Termination,
    UnknownContainerError,
    UpdateError,
    container_id_message,
    container_id_text,
)
from mesos_compat.errors import invariant
from mesos_compat.wire.v1 import mesos_pb2

_log = logging.getLogger(__name__)

_SUPERVISOR = "mesos_compat.containers.launch"


class Containerizer:
    """All containers of one agent; see the module."""

    def __init__(self, settings: ContainerizerSettings) -> None:
        self._settings = settings
        self._isolation: Isolation | None = None
        self._fetcher = Fetcher(settings)
        self._boot_id = process.boot_id()
        self._complain_after_s = settings.cgroups_destroy_timeout_ms / 1000
        self._runtime_lock = records.RuntimeLock(settings.runtime_dir)
        # Parents before their children.
        self._containers: dict[ContainerId, Container] = {}

    @property
    def isolation(self) -> Isolation:
        """How containers are confined on this host."""
        invariant(self._isolation is not None, "the containerizer is not started")
        return self._isolation  # type: ignore[return-value]

    async def start(self) -> None:
        """Find out what this host permits, and say once what it does not. Raises FlagError."""
        self._isolation = await asyncio.to_thread(find_isolation, self._settings)
        for notice in self._isolation.notices:
            _log.warning("%s", notice)
        await asyncio.to_thread(self._runtime_lock.take)

    async def close(self) -> None:
        """Stop watching. Containers run on; a containerizer that starts later may recover them."""
        tasks = []
        for container in self._containers.values():
            for task in (container.preparing, container.watch):
                if task is not None and not task.done():
                    task.cancel()
                    tasks.append(task)
        await asyncio.gather(*tasks, return_exceptions=True)
        self._containers.clear()
        self._runtime_lock.release()
        await self._fetcher.close()

    def containers(self) -> list[ContainerId]:
        """All containers that are known, parents before children."""
        return list(self._containers)

    # Launching.

    async def launch(self, spec: ContainerSpec) -> Launched:
        """Start a container: sandbox, volumes, URIs, confinement, command.

        Returns when the command has been executed. Raises LaunchError, after which the
        container does not exist.
        """
        container_id = spec.container_id
        if container_id in self._containers:
            raise LaunchError(f"Container '{container_id_text(container_id)}' already started")
        parent = self._parent_of(container_id)
        spec = preparing.with_defaults(spec, self._settings)
        container = self._new_container(spec, parent)
        self._containers[container_id] = container
        try:
            return await self._launch(container, parent)
        except BaseException as error:
            await self._undo_launch(container)
            if isinstance(error, OSError | ValueError):
                # A path with a zero byte is a ValueError.
                raise LaunchError(str(error)) from error
            raise
        finally:
            container.launched.set()

    def _parent_of(self, container_id: ContainerId) -> Parent | None:
        if len(container_id) == 1:
            return None
        container = self._containers.get(container_id[:-1])
        name = container_id_text(container_id[:-1])
        if container is None:
            raise LaunchError(f"Parent container {name} does not exist")
        if container.is_destroyed or container.child is None or container.ended.done():
            raise LaunchError(f"Parent container {name} is in 'DESTROYING' state")
        new_mount, new_pid = preparing.namespaces_of(container.spec, self.isolation)
        return Parent(container.record, container.child.pid, new_mount, new_pid)

    def _new_container(self, spec: ContainerSpec, parent: Parent | None) -> Container:
        preparing.refuse_unsupported(spec.container)
        bounded = preparing.has_own_cgroup(spec)
        record = Record(
            spec=spec,
            boot_id=self._boot_id,
            bounded=bounded,
            identity=preparing.identity_for(spec, parent, self._settings),
            environment=preparing.environment_of(spec, parent),
        )
        return Container(
            record=record,
            runtime=records.runtime_path(self._settings.runtime_dir, spec.container_id),
            bounds=bounds_of(spec.resources, spec.limits),
            ended=asyncio.get_running_loop().create_future(),
        )

    async def _launch(self, container: Container, parent: Parent | None) -> Launched:
        spec, record = container.spec, container.record
        # A command that cannot be run is found out before anything is fetched for it.
        preparing.entry_of(record, parent, self.isolation, [], [])
        where = None if parent is None else parent.record.spec.sandbox
        await asyncio.to_thread(sandbox.create_sandbox, spec.sandbox, record.identity, where)
        place = preparing.place_of(spec, parent, record.identity, self.isolation, self._settings)
        mounts = await asyncio.to_thread(
            volumes.prepare_volumes, place, spec.container, spec.resources
        )
        await self._fetch(container)
        cgroup_files = await asyncio.to_thread(self._make_cgroups, container)
        entry = preparing.entry_of(record, parent, self.isolation, mounts, cgroup_files)
        await asyncio.to_thread(records.write_record, container.runtime, record)
        self._check_not_destroyed(container, "isolating")
        told = preparing.told_of(container.runtime, entry, preparing.switchboard_of(spec))
        log = str(container.runtime / "launcher.log")
        pid, answer = await spawning.run_program(_SUPERVISOR, told, log=log)
        container.supervisor = ProcessRef.of(pid)
        kind, _, rest = os.fsdecode(answer).strip().partition(" ")
        if kind != "ok":
            raise LaunchError(rest or "Failed to start the container's supervisor")
        child, command = (int(word) for word in rest.split())
        container.child, container.command = ProcessRef.of(child), ProcessRef.of(command)
        self._start_watching(container, self._watch(container))
        return Launched(spec.container_id, command)

    async def _fetch(self, container: Container) -> None:
        spec, identity = container.spec, container.record.identity
        if not spec.command.uris:
            return

        def tell(line: str) -> None:
            sandbox.append_to_stderr(spec.sandbox, line, identity)

        container.preparing = asyncio.create_task(
            self._fetcher.fetch(
                spec.container_id, list(spec.command.uris), spec.sandbox, identity, tell
            )
        )
        try:
            await container.preparing
        except asyncio.CancelledError:
            container.preparing.cancel()
            self._check_not_destroyed(container, "fetching")
            raise
        finally:
            container.preparing = None

    @staticmethod
    def _check_not_destroyed(container: Container, doing: str) -> None:
        if container.is_destroyed:
            raise LaunchError(f"Container is being destroyed during {doing}")

    def _make_cgroups(self, container: Container) -> list[str]:
        cgroups = self.isolation.cgroups
        if cgroups is None:
            return []
        container_id = container.spec.container_id
        cgroups.create(container_id, container.record.bounded)
        if container.record.bounded:
            cgroups.update(container_id, container.bounds, first=True)
        return cgroups.entry_files(container_id)

    async def _undo_launch(self, container: Container) -> None:
        """Leave nothing of a container that could not be launched, but for its sandbox."""
        if container.supervisor is not None:
            # It has told us why and ends by itself.
            await process.wait_gone(container.supervisor)
        await killing.kill_leftovers(container, self.isolation)
        await killing.remove_cgroups(container, self.isolation)
        self._containers.pop(container.spec.container_id, None)
        await asyncio.to_thread(records.remove_runtime, container.runtime)

    # Watching and ending.

    @staticmethod
    def _start_watching(container: Container, watching: Coroutine[None, None, None]) -> None:
        def stopped(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                # A bug of ours; whoever waits for the container shall stumble over it.
                _log.critical("Watching a container has failed", exc_info=error)
                if not container.ended.done():
                    container.ended.set_exception(error)

        container.watch = asyncio.create_task(watching)
        container.watch.add_done_callback(stopped)

    async def _watch(self, container: Container) -> None:
        """Wait until the container has ended; see the module."""
        invariant(container.supervisor is not None, "a container without a supervisor")
        gone = asyncio.create_task(process.wait_gone(container.supervisor))  # type: ignore[arg-type]
        watchers = [
            asyncio.create_task(limitation.wait_memory_exceeded(container, self.isolation)),
            asyncio.create_task(
                limitation.wait_disk_exceeded(container, self.isolation, self._settings)
            ),
        ]
        try:
            if await _wait_broken(gone, watchers):
                # A bound is broken: nothing of the container may go on.
                container.is_destroyed = True
                await killing.kill_until_gone(
                    container, self.isolation, gone, self._complain_after_s
                )
        finally:
            for task in (gone, *watchers):
                task.cancel()
            await asyncio.gather(gone, *watchers, return_exceptions=True)
        await self._finish(container)

    async def _finish(self, container: Container) -> None:
        """The supervisor is gone: make sure that all is, and tell the termination."""
        container_id = container.spec.container_id
        container.is_destroyed = True
        nested = [one for one in self._containers if one[:-1] == container_id]
        await asyncio.gather(*(self.destroy(one) for one in nested), return_exceptions=True)
        await killing.kill_leftovers(container, self.isolation)
        limitation.note_memory_exceeded(container, self.isolation)
        await killing.remove_cgroups(container, self.isolation)
        remains = await asyncio.to_thread(records.read_remains, container.runtime)
        if not container.ended.done():
            container.ended.set_result(
                Termination(
                    remains.status, container.limitation, container.message, container.limited
                )
            )

    # What the agent asks for.

    def _known(self, container_id: ContainerId) -> Container:
        container = self._containers.get(container_id)
        if container is None:
            raise UnknownContainerError(container_id_text(container_id))
        return container

    async def wait(self, container_id: ContainerId) -> Termination:
        """How the container has ended, once it has and nothing of it is left.

        A root container is forgotten when that has been told; a nested one stays until
        :meth:`remove`, or until its root is forgotten. Raises UnknownContainerError.
        """
        termination = await asyncio.shield(self._known(container_id).ended)
        if len(container_id) == 1:
            await self._forget(container_id)
        return termination

    async def destroy(self, container_id: ContainerId) -> Termination | None:
        """Kill all of a container, nested ones first; returns when nothing of it is left.

        None when there is no such container, or it was still being launched.
        """
        container = self._containers.get(container_id)
        if container is None:
            return None
        container.is_destroyed = True
        if container.preparing is not None:
            container.preparing.cancel()
        await container.launched.wait()
        if container.watch is None:
            # It never came to run; or it had ended unseen before this agent started.
            return container.ended.result() if container.ended.done() else None
        nested = [one for one in self._containers if one[:-1] == container_id]
        await asyncio.gather(*(self.destroy(one) for one in nested))
        if not container.ended.done():
            ended = asyncio.ensure_future(asyncio.shield(container.ended))
            gone = asyncio.create_task(_only_wait(ended))
            await killing.kill_until_gone(container, self.isolation, gone, self._complain_after_s)
        return container.ended.result()

    def signal(self, container_id: ContainerId, number: int) -> bool:
        """Signal the container's command; False when it has ended.

        Raises UnknownContainerError, and PermissionError.
        """
        container = self._known(container_id)
        if container.command is None or container.ended.done():
            return False
        return process.send_signal(container.command, number)

    async def update(
        self,
        container_id: ContainerId,
        resources: Iterable[mesos_pb2.Resource],
        limits: Mapping[str, float] | None = None,
    ) -> None:
        """Give a running container other resources, persistent volumes among them.

        Raises UnknownContainerError and UpdateError.
        """
        container = self._known(container_id)
        spec = replace(container.spec, resources=tuple(resources), limits=dict(limits or {}))
        record = replace(container.record, spec=spec)
        bounds = bounds_of(spec.resources, spec.limits)
        try:
            if self.isolation.cgroups is not None and record.bounded:
                await asyncio.to_thread(self.isolation.cgroups.update, container_id, bounds, False)
            await self._attach_volumes(container, spec)
            await asyncio.to_thread(records.write_record, container.runtime, record)
        except (OSError, ValueError, LaunchError) as error:
            raise UpdateError(f"Failed to update the container: {error}") from error
        container.record, container.bounds = record, bounds

    async def _attach_volumes(self, container: Container, spec: ContainerSpec) -> None:
        """Show the container the persistent volumes it did not have before."""
        before = volumes.persistent_volumes(container.spec.resources)
        known = [one.disk.persistence.id for one in before]
        new = [
            one
            for one in volumes.persistent_volumes(spec.resources)
            if one.disk.persistence.id not in known
        ]
        if not new or container.child is None:
            return
        place = preparing.place_of(
            spec, None, container.record.identity, self.isolation, self._settings
        )
        mounts = await asyncio.to_thread(volumes.prepare_volumes, place, None, new)
        if mounts:
            await namespaces.mount_in(container.child.pid, mounts)

    def statistics(self, container_id: ContainerId) -> mesos_pb2.ResourceStatistics:
        """What the container uses now. Raises UnknownContainerError."""
        container = self._known(container_id)
        statistics = mesos_pb2.ResourceStatistics(timestamp=time.time())
        cgroups = self.isolation.cgroups
        quota = None
        if container.bounds.cpus_limit_given or (
            cgroups is not None and "cpu" in cgroups.controllers
        ):
            quota = container.bounds.cfs_quota_us(self._settings.cgroups_enable_cfs)
        usage.fill_bounds(statistics, container.bounds, quota, CFS_PERIOD_US)
        if not container.ended.done() and container.child is not None:
            with contextlib.suppress(OSError):
                counted = cgroups if container.record.bounded else None
                usage.fill_usage(statistics, container_id, container.child.pid, counted)
        usage.fill_disk(statistics, container.disk)
        return statistics

    def status(self, container_id: ContainerId) -> mesos_pb2.ContainerStatus:
        """The container's id and the process id of its command. Raises UnknownContainerError."""
        container = self._known(container_id)
        status = mesos_pb2.ContainerStatus(container_id=container_id_message(container_id))
        if container.command is not None:
            status.executor_pid = container.command.pid
        return status

    async def attach_output(self, container_id: ContainerId) -> io.Outputs:
        """What the container writes from now on.

        Raises UnknownContainerError, and AttachError when it has no switchboard.
        """
        return await io.Outputs.attached(str(self._known(container_id).runtime))

    async def attach_input(self, container_id: ContainerId) -> io.Input:
        """Write to the container. Raises UnknownContainerError and AttachError."""
        return await io.Input.attached(str(self._known(container_id).runtime))

    async def remove(self, container_id: ContainerId) -> None:
        """Forget a container that has ended; of a nested one the sandbox, too.

        Raises UnknownContainerError, and LaunchError's sibling UpdateError while it runs.
        """
        container = self._known(container_id)
        if not container.ended.done():
            raise UpdateError("Nested container has not terminated yet")
        if len(container_id) > 1:
            await asyncio.to_thread(gc.delete_tree, container.spec.sandbox)
        await self._forget(container_id)

    async def _forget(self, container_id: ContainerId) -> None:
        container = self._containers.pop(container_id, None)
        if container is None:
            return
        length = len(container_id)
        for other in [one for one in self._containers if one[:length] == container_id]:
            del self._containers[other]
        await asyncio.to_thread(records.remove_runtime, container.runtime)

    # After the agent has started anew.

    async def recover(self, known: Iterable[ContainerId]) -> list[Recovered]:
        """Find the containers of an earlier agent again; to be called once, after :meth:`start`.

        Those of ``known`` (root containers) and what is nested in them are watched as if this
        agent had launched them; those that have ended meanwhile tell how. Debug containers and
        those whose root is not known are destroyed. What is known and left no trace ended
        unseen.
        """
        roots = dict.fromkeys(one[:1] for one in known)
        found = []
        orphans = []
        for container_id in list(records.recorded(self._settings.runtime_dir)):
            container = await self._find_again(container_id)
            if container is None:
                continue
            is_debug = container.spec.kind is ContainerKind.DEBUG
            if container_id[:1] not in roots or is_debug:
                orphans.append(container_id)
            else:
                found.append(container_id)
        for container_id in roots:
            if container_id not in self._containers:
                self._remember_lost(container_id)
                found.append(container_id)
        await asyncio.gather(*(self._destroy_orphan(one) for one in orphans))
        await self._clear_cgroups()
        return [self._recovered(one) for one in found]

    async def _clear_cgroups(self) -> None:
        """Destroy what is left of this agent's containers, and is not in its books."""
        if self.isolation.cgroups is None:
            return
        watched: list[str] = []
        known: list[str] = []
        for container_id, container in self._containers.items():
            if len(container_id) == 1:
                (known if container.watch is None else watched).append(container_id[0])
        await orphans.clear(
            self.isolation.cgroups,
            watched,
            known,
            self._settings.work_dir,
            self._complain_after_s,
        )

    async def _find_again(self, container_id: ContainerId) -> Container | None:
        runtime = records.runtime_path(self._settings.runtime_dir, container_id)
        record = await asyncio.to_thread(records.read_record, runtime)
        if record is None or record.spec.container_id != container_id:
            return None
        remains = await asyncio.to_thread(records.read_remains, runtime)
        container = Container(
            record=record,
            runtime=runtime,
            bounds=bounds_of(record.spec.resources, record.spec.limits),
            ended=asyncio.get_running_loop().create_future(),
        )
        container.launched.set()
        self._containers[container_id] = container
        same_boot = record.boot_id == self._boot_id
        if same_boot and remains.supervisor is not None and remains.supervisor.lives():
            container.supervisor = remains.supervisor
            # The supervisor lives, so these ids are still its children's.
            if remains.child is not None and remains.command is not None:
                container.child = ProcessRef.of(remains.child)
                container.command = ProcessRef.of(remains.command)
            self._start_watching(container, self._watch(container))
        else:
            # Nobody is there to be waited for; but all that follows an end is still to be done.
            self._start_watching(container, self._finish(container))
        return container

    def _remember_lost(self, container_id: ContainerId) -> None:
        """A container that has left nothing: it has ended, and nobody knows how."""
        spec = ContainerSpec(container_id, mesos_pb2.CommandInfo(), sandbox="")
        container = Container(
            record=Record(spec, self._boot_id, bounded=False, identity=None, environment={}),
            runtime=records.runtime_path(self._settings.runtime_dir, container_id),
            bounds=Bounds(),
            ended=asyncio.get_running_loop().create_future(),
        )
        container.launched.set()
        container.ended.set_result(Termination(None))
        self._containers[container_id] = container

    async def _destroy_orphan(self, container_id: ContainerId) -> None:
        container = self._containers.get(container_id)
        if container is None:
            return
        if container.supervisor is not None:
            await self.destroy(container_id)
        else:
            await asyncio.shield(container.ended)
        await self._forget(container_id)

    def _recovered(self, container_id: ContainerId) -> Recovered:
        container = self._containers[container_id]
        command = container.command
        return Recovered(
            container_id,
            pid=None if command is None else command.pid,
            running=container.supervisor is not None and not container.ended.done(),
        )


async def _only_wait(future: asyncio.Future[Termination]) -> None:
    await asyncio.wait([future])


async def _wait_broken(gone: asyncio.Task[None], watchers: list[asyncio.Task[None]]) -> bool:
    """Wait for the first to be done; False when that is ``gone``, True when a bound is broken."""
    pending = {gone, *watchers}
    while True:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        if gone in done:
            return False
        for watcher in done:
            error = watcher.exception()
            if error is None:
                return True
            _log.warning("A bound of a container is not watched any more: %s", error)
