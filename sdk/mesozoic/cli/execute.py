"""``mesozoic execute``: a command on the cluster, with its output here."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import Sequence

import click

from mesos_compat.resources import Resources
from mesos_compat.wire.v1 import mesos_pb2
from mesozoic.aio import OperatorClient, Scheduler, SchedulerDriver
from mesozoic.cli.addresses import Addresses
from mesozoic.cli.addresses import run as run_until_done
from mesozoic.cli.failures import Failure
from mesozoic.cli.found_tasks import TERMINAL, find, state_name
from mesozoic.cli.options import json_option, pass_addresses
from mesozoic.cli.printing import print_json
from mesozoic.cli.sandboxes import SandboxFile, follow
from mesozoic.errors import MesozoicError

_Capability = mesos_pb2.FrameworkInfo.Capability


class OneTask(Scheduler):
    """Launches one task on the first offer that has room for it."""

    def __init__(self, task: mesos_pb2.TaskInfo) -> None:
        self.task = task
        self.launched = False
        self.status = mesos_pb2.TaskStatus(state=mesos_pb2.TASK_STAGING)
        self.has_begun = asyncio.Event()
        self.ended = asyncio.Event()

    def wants_offers(self) -> bool:
        """Until it is launched."""
        return not self.launched

    async def offers(self, driver: SchedulerDriver, offers: Sequence[mesos_pb2.Offer]) -> None:
        """Take what is needed, wherever it is."""
        needed = Resources(self.task.resources)
        for offer in offers:
            has_room = Resources(offer.resources).unallocate().contains(needed)
            if has_room and not self.launched:
                self.launched = True
                await driver.launch([offer], [self.task])

    async def update(self, driver: SchedulerDriver, status: mesos_pb2.TaskStatus) -> None:
        """Remember how it is."""
        del driver
        self.status = status
        if status.state == mesos_pb2.TASK_RUNNING or status.state in TERMINAL:
            self.has_begun.set()
        if status.state in TERMINAL:
            self.ended.set()


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True)
@click.option("--name", help="The task's name, and its framework's.")
@click.option("--cpus", default=0.1, show_default=True)
@click.option("--mem", default=64.0, show_default=True, help="Megabytes.")
@click.option("--resources", help="More of it, as in 'gpus:1;disk:100'.")
@click.option("--role", default="*", show_default=True)
@click.option("--user", help="Who runs it there. The default: who calls this.")
@click.option("--env", "environment", multiple=True, metavar="NAME=VALUE")
@click.option("--uri", "uris", multiple=True, help="A file to fetch into the sandbox first.")
@json_option
@pass_addresses
def execute(
    addresses: Addresses,
    command: tuple[str, ...],
    name: str | None,
    cpus: float,
    mem: float,
    resources: str | None,
    role: str,
    user: str | None,
    environment: tuple[str, ...],
    uris: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run COMMAND on some agent, and show what it writes.

    One word is given to a shell, several are run as they are. The exit code is 0 if it has
    finished, else 1. mesos-execute has more ways to say what should run.
    """
    task = mesos_pb2.TaskInfo(name=name or command[0].split()[0])
    task.task_id.value = f"{(name or 'execute')}-{uuid.uuid4().hex[:8]}"
    task.resources.extend(_resources(cpus, mem, resources))
    task.command.shell = len(command) == 1
    task.command.value = command[0]
    if len(command) > 1:
        task.command.arguments.extend(command)
    for one in environment:
        variable, equals, value = one.partition("=")
        if not equals:
            raise click.BadParameter(f"'{one}' is not of the form NAME=VALUE")
        task.command.environment.variables.add(name=variable, value=value)
    for uri in uris:
        task.command.uris.add(value=uri)
    framework = mesos_pb2.FrameworkInfo(name=task.name, roles=[role])
    if user is not None:
        framework.user = user
    for kind in (_Capability.MULTI_ROLE, _Capability.PARTITION_AWARE):
        framework.capabilities.add(type=kind)
    framework.capabilities.add(type=_Capability.RESERVATION_REFINEMENT)
    status = run_until_done(_run(addresses, framework, task, shows=not as_json))
    if as_json:
        print_json(
            {
                "task_id": task.task_id.value,
                "agent_id": status.agent_id.value,
                "state": state_name(status.state),
                "message": status.message,
            }
        )
    elif status.state != mesos_pb2.TASK_FINISHED:
        raise Failure(
            f"{task.task_id.value}: {state_name(status.state)} {status.message}".rstrip(),
            f"Its files: 'mesozoic ls {task.task_id.value}'.",
        )
    sys.exit(0 if status.state == mesos_pb2.TASK_FINISHED else 1)


def _resources(cpus: float, mem: float, more: str | None) -> Resources:
    try:
        found = Resources.parse(f"cpus:{cpus};mem:{mem}")
        return found + Resources.parse(more) if more else found
    except ValueError as error:
        raise click.BadParameter(f"resources: {error}") from error


async def _run(
    addresses: Addresses,
    framework: mesos_pb2.FrameworkInfo,
    task: mesos_pb2.TaskInfo,
    *,
    shows: bool,
) -> mesos_pb2.TaskStatus:
    scheduler = OneTask(task)
    driver = SchedulerDriver(
        addresses.master_address(), framework, scheduler, credential=addresses.credential()
    )
    async with addresses.operator() as operator, driver:
        await scheduler.has_begun.wait()
        showing = [
            asyncio.create_task(_show(operator, task.task_id.value, name))
            for name in (("stdout", "stderr") if shows else ())
        ]
        await scheduler.ended.wait()
        await asyncio.gather(*showing)
    return scheduler.status


async def _show(operator: OperatorClient, task_id: str, name: str) -> None:
    """Copy one of the task's files to here."""
    to = sys.stdout if name == "stdout" else sys.stderr
    try:
        file = SandboxFile(await find(operator, task_id), name)
        async for piece in follow(operator, file, 0):
            to.buffer.write(piece)
            to.buffer.flush()
    except (Failure, MesozoicError) as error:
        # How it went is still told; only this file could not be had.
        click.echo(f"mesozoic: {name}: {error}", err=True)
