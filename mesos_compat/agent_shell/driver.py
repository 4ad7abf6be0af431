"""Events into the agent's core, its actions out. Nothing here decides anything."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from mesos_compat.agent import actions as act
from mesos_compat.agent import events as ev
from mesos_compat.agent.recovered import read_state
from mesos_compat.agent_shell import checkpoints
from mesos_compat.agent_shell.containers import ContainerRunner
from mesos_compat.agent_shell.links import Links
from mesos_compat.containers import gc, volumes
from mesos_compat.containers.containerizer import Containerizer
from mesos_compat.containers.io import AttachError, Outputs
from mesos_compat.containers.spec import ContainerId, UnknownContainerError
from mesos_compat.http.answers import Answer, message, told
from mesos_compat.http.conversations import Conversations, StreamForm
from mesos_compat.http.files import Attached, Permit
from mesos_compat.http.stepping import Stepper, mono_ms
from mesos_compat.http.streams import RecordStream
from mesos_compat.wire import link_pb2
from mesos_compat.wire.media import ContentType
from mesos_compat.wire.v1 import agent_pb2, mesos_pb2

_log = logging.getLogger(__name__)

#: How often sandboxes are looked at that may be removed, where the flags say nothing.
_GC_S: Final = 60.0


class Core(Protocol):
    """What of the core the driver uses."""

    def step(self, event: ev.Event, now: ev.Now) -> list[act.Action]:
        """Take an event; returns what is to be done."""

    def next_due_ms(self) -> int:
        """When the next Tick is needed at the latest, on the clock that never goes back."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where an agent keeps what, and for how long."""

    work_dir: Path
    gc_delay_ms: int
    gc_disk_headroom: float
    gc_interval_s: float = _GC_S


def now() -> ev.Now:
    """The time, on both clocks."""
    return ev.Now(mono_ms(), time.time_ns())


class AgentDriver:
    """Steps ``core``; ``on_stop`` hears why the agent must end, and whether that is regular."""

    def __init__(
        self,
        core: Core,
        containerizer: Containerizer,
        attached: Attached,
        places: Places,
        on_stop: Callable[[str, bool], None],
    ) -> None:
        self.core = core
        self.containerizer = containerizer
        self.attached = attached
        self.conversations = Conversations()
        self._places = places
        self._on_stop = on_stop
        self._stepper: Stepper[ev.Event] = Stepper(self._step, core.next_due_ms, ev.Tick)
        self._containers = ContainerRunner(containerizer, self.submit, self._stepper.spawn)
        self._checkpoints = checkpoints.CheckpointWriter(
            places.work_dir,
            lambda token: self.submit(ev.Checkpointed(token)),
            lambda why: self.submit(ev.CheckpointFailed(why)),
        )
        self._garbage = gc.GarbageCollector(
            places.gc_delay_ms, places.gc_disk_headroom, attached.detach
        )
        self._links: Links | None = None
        #: Puts what containers use into the answer to a ping.
        self.measure: Callable[[link_pb2.Call.Pong], None] | None = None
        #: Who may look into a user's sandboxes; None is everybody.
        self.permit_sandbox: Callable[[str], Permit | None] = lambda _user: None
        #: Of what type an answer about a container is wanted, by route.
        self._answer_types: dict[int, ContentType] = {}

    # The beginning and the end.

    async def start(self, links: Links, meta: Path) -> None:
        """Read what an earlier agent has left below ``meta``, and let the core begin.

        Raises OSError when it cannot be read.
        """
        self._links = links
        files, targets = await asyncio.to_thread(checkpoints.read_all, meta, self._places.work_dir)
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        self.submit(ev.Recovered(read_state(files, targets), boot_id))
        self._stepper.spawn(self._collect_garbage())

    def make_links(self, **options: object) -> Links:
        """Links whose events come here."""
        return Links(self.submit, self._stepper.spawn, **options)  # type: ignore[arg-type]

    def cut_links(self) -> None:
        """Break the connections to masters, as a bad network would."""
        if self._links is not None:
            self._links.cut()

    async def stop(self) -> None:
        """Step no more; containers go on by themselves."""
        self.conversations.refuse_all("The agent is shutting down")
        await self._checkpoints.flush()
        if self._links is not None:
            await self._links.stop()
        await self._stepper.stop()

    # Requests.

    def new_route(self) -> ev.Route:
        """A number for a request."""
        return ev.Route(self.conversations.new_route())

    async def ask(self, route: ev.Route, event: ev.Event) -> Answer | RecordStream:
        """Submit an event and wait for what is answered on its route."""
        return await self.conversations.wait(route, lambda: self.submit(event))

    async def ask_about_container(
        self, event: ev.ContainerCalled, form: StreamForm
    ) -> Answer | RecordStream:
        """As :meth:`ask`; the answer, or the output of a session, is of this form.

        The core hears when whoever asks goes before there is an answer.
        """
        self._answer_types[event.route] = form.content_type
        try:
            return await self.conversations.wait(event.route, lambda: self.submit(event), form)
        except asyncio.CancelledError:
            self.submit(ev.ContainerCallerLost(event.route))
            raise
        finally:
            self._answer_types.pop(event.route, None)

    async def subscribe(
        self, event: ev.ExecutorSubscribed, content_type: ContentType
    ) -> Answer | RecordStream:
        """An executor's stream, or what it is refused with."""
        return await self.conversations.wait(
            event.route, lambda: self.submit(event), StreamForm(content_type)
        )

    # Events.

    def submit(self, event: ev.Event) -> None:
        """Step the core with ``event``, after those before."""
        self._stepper.submit(event)

    def _step(self, event: ev.Event) -> None:
        for action in self.core.step(event, now()):
            self._do(action)

    # Actions.

    def _do(self, action: act.Action) -> None:
        match action:
            case act.OpenLink() | act.SendToMaster() | act.CloseLink():
                self._do_link(action)
            case act.OpenExecutor(route):
                lost = ev.ExecutorLost(route)
                if not self.conversations.open(route, lambda: self.submit(lost)):
                    self.submit(lost)
            case act.SendToExecutor():
                self.conversations.send(action.route, action.event)
            case act.CloseExecutor():
                self.conversations.close(action.route)
            case act.Reply():
                self.conversations.answer(action.route, told(action.status, action.message))
            case act.Answer():
                self._answer(action.route, action.response)
            case act.OpenSession():
                self._stepper.spawn(self._pump(action.route, action.container_id))
            case act.Checkpoint():
                self._checkpoints.write(action)
            case act.Stop():
                self._stepper.is_stopped = True
                self._on_stop(action.why, action.is_regular)
            case _:
                self._do_container(action)

    def _do_link(self, action: act.OpenLink | act.SendToMaster | act.CloseLink) -> None:
        if self._links is None:
            return
        match action:
            case act.OpenLink():
                self._links.open(action)
            case act.SendToMaster():
                if action.call.type == link_pb2.Call.PONG and self.measure is not None:
                    self.measure(action.call.pong)
                self._links.send(action.link, action.call)
            case act.CloseLink():
                self._links.close(action.link)

    def _do_container(self, action: act.Action) -> None:
        match action:
            case act.LaunchContainer():
                self._containers.launch(action)
            case act.DestroyContainer():
                self._containers.destroy(action.container_id)
            case act.SignalContainer():
                self._containers.signal(action.container_id, action.number)
            case act.UpdateContainer():
                self._containers.update(action)
            case act.RemoveContainer():
                self._containers.remove(action.container_id)
            case act.RecoverContainers():
                self._containers.recover(action.containers)
            case _:
                self._do_directory(action)

    def _do_directory(self, action: act.Action) -> None:
        match action:
            case act.AttachFiles():
                permit = self.permit_sandbox(action.user)
                for virtual in action.virtual_paths:
                    self.attached.attach(virtual, Path(action.path), permit)
            case act.DetachFiles():
                for virtual in action.virtual_paths:
                    self.attached.detach(virtual)
            case act.ScheduleGc():
                self._garbage.schedule(action.path, mono_ms(), _age_ms(action.path))
            case act.UnscheduleGc():
                self._garbage.unschedule(action.path)
            case act.CreateVolume():
                self._change_volume(volumes.create_persistent_volume, action.volume)
            case act.DestroyVolume():
                self._change_volume(volumes.destroy_persistent_volume, action.volume)

    def _change_volume(
        self, change: Callable[[str, mesos_pb2.Resource], object], volume: mesos_pb2.Resource
    ) -> None:
        try:
            change(str(self._places.work_dir), volume)
        except OSError as error:
            _log.error("volume %s: %s", volume.disk.persistence.id, error)

    # Answers.

    def _answer(self, route: ev.Route, response: agent_pb2.Response) -> None:
        content_type = self._answer_types.get(route, ContentType.JSON)
        self.conversations.answer(route, message(response, content_type))

    async def _pump(self, route: ev.Route, container_id: ContainerId) -> None:
        """The output of a container, to whoever launched it for that."""
        lost = ev.ContainerCallerLost(route)
        if not self.conversations.open(route, lambda: self.submit(lost)):
            self.submit(lost)
            return
        with contextlib.suppress(AttachError, UnknownContainerError):
            await self.forward(route, await self.containerizer.attach_output(container_id))
        self.conversations.close(route)

    async def forward(self, route: ev.Route, outputs: Outputs) -> None:
        """What a container writes, to a reader for whom it waits, until one of them is gone."""
        async with contextlib.aclosing(outputs):
            async for output in outputs:
                self.conversations.send(route, _process_io(output.stream, output.data))
                if not await self.conversations.wait_room(route):
                    return

    async def _collect_garbage(self) -> None:
        while True:
            await asyncio.sleep(self._places.gc_interval_s)
            try:
                usage = gc.disk_usage(str(self._places.work_dir))
            except OSError as error:
                _log.warning("cannot look at the disk: %s", error)
                continue
            for path in await self._garbage.prune(mono_ms(), usage):
                _log.info("removed '%s'", path)


def _age_ms(path: str) -> int:
    """How long ago a directory was last changed; 0 when it is not there."""
    try:
        return max(0, int((time.time() - Path(path).stat().st_mtime) * 1000))
    except OSError:
        return 0


def _process_io(stream: str, data: bytes) -> agent_pb2.ProcessIO:
    """What a container has written, as operators read it."""
    record = agent_pb2.ProcessIO(type=agent_pb2.ProcessIO.DATA)
    record.data.type = (
        agent_pb2.ProcessIO.Data.STDOUT if stream == "stdout" else agent_pb2.ProcessIO.Data.STDERR
    )
    record.data.data = data
    return record
